"""What CMA-ES tries next (Hansen and Ostermeier 2001; the package cmaes).

It goes on in generations: points are drawn from a normal distribution, which then moves to the better half of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnexp.comparison.metrics import greater_is_better
from nnexp.config.sweep.space import Range, Search
from nnexp.sweeps.known import Known

# At the start: the whole of each dimension lies within three standard deviations of its middle.
_MEAN, _DEVIATION = 1 / 2, 1 / 6


def evolved(search: Search, state: int, before: Sequence[Known]) -> dict[str, Any]:
    """The values of the trial that follows those `before`, drawn with the random `state`.

    The generations before are gone through anew each time. With several workers a trial may begin while some of the
    generation before its own are running; it is then drawn from the distribution that those were drawn from.
    """
    import cmaes
    import numpy as np

    numbers = {one.name: one.values for one in search.space if isinstance(one.values, Range)}
    bounds = np.tile((0.0, 1.0), (len(numbers), 1))
    optimizer = cmaes.CMA(np.full(len(numbers), _MEAN), _DEVIATION, bounds=bounds, seed=state)
    size = optimizer.population_size
    for first in range(0, len(before) - size + 1, size):
        generation = before[first : first + size]
        if any(known.state == "running" for known in generation):
            break
        places = [np.array([numbers[name].fraction(known.values[name]) for name in numbers]) for known in generation]
        costs = [_cost(search, known) for known in generation]
        optimizer.tell(list(zip(places, costs, strict=True)))
    return {name: numbers[name].at(float(place)) for name, place in zip(numbers, optimizer.ask(), strict=True)}


def _cost(search: Search, known: Known) -> float:
    """What is to be low: infinite for a trial that was given up, diverged or failed."""
    if known.value is None:
        return math.inf
    return -known.value if greater_is_better(search.objective) else known.value
