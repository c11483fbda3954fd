"""The space of a search: the parts of the config that vary, and what values each may take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnexp.config.overrides import Override
from nnexp.config.sweep.axes import NAMES
from nnexp.errors import Place

_DIGITS = 4  # of a real value: 0.001234 and not 0.0012341759…, which nobody could write or compare
_PARTS = 100_000  # of a range of real numbers, where all of its values are asked for


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    values: Sequence[Any]  # as plain data
    changes: Sequence[Override]  # of the config, one for each

    @property
    def ends(self) -> Sequence[Any]:
        """The values that show whether the dimension can work: all."""
        return self.values

    def every(self) -> Iterator[Any]:
        """All values."""
        return iter(self.values)

    def at(self, fraction: float) -> Any:
        """The value at a fraction from 0 to below 1 of the dimension."""
        return self.values[int(fraction * len(self.values))]

    def holds(self, value: Any) -> bool:
        """Whether it is one of the values."""
        return value in self.values

    def change(self, value: Any, path: str, said: str) -> Override:
        """The change of the config that gives it this value."""
        return self.changes[self.values.index(value)]

    def plain(self) -> dict[str, Any]:
        """As a sweep file has it."""
        return {"choice": list(self.values)}


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two ends, both included; whole where both ends are."""

    low: float
    high: float
    log: bool = False  # as many values between 0.001 and 0.01 as between 0.01 and 0.1
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int) and not isinstance(self.step, float)

    @property
    def ends(self) -> Sequence[Any]:
        """The values that show whether the dimension can work."""
        return list(dict.fromkeys((self.low, self.nearest(self.high))))

    def every(self) -> Iterator[Any]:
        """All values, upwards; of real numbers very many."""
        if width := self.step or (1 if self.whole else 0):
            return (self.nearest(self.low + n * width) for n in range(self._steps(width) + 1))
        return (value for value, _ in itertools.groupby(self.at(n / _PARTS) for n in range(_PARTS + 1)))

    def at(self, fraction: float) -> Any:
        """The value at a fraction from 0 to 1 of the dimension."""
        low, high = self._scaled_ends
        scaled = low + fraction * (high - low)
        return self.nearest(math.exp(scaled) if self.log else scaled)

    def fraction(self, value: float) -> float:
        """Where in the dimension a value is, from 0 to 1."""
        low, high = self._scaled_ends
        return ((math.log(value) if self.log else value) - low) / (high - low)

    @property
    def _scaled_ends(self) -> tuple[float, float]:
        """The ends, moved outwards by half a step so that they are as likely as the others, as logarithms if asked."""
        half = (self.step or (1 if self.whole else 0)) / 2
        low, high = self.low - half, self.high + half
        return (math.log(low), math.log(high)) if self.log else (low, high)

    def nearest(self, value: float) -> Any:
        """The nearest value of the dimension."""
        if self.step is not None:
            steps = min(max(round((value - self.low) / self.step), 0), self._steps(self.step))
            found = self.low + steps * self.step
            return found if self.whole else float(f"{found:.12g}")
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def _steps(self, width: float) -> int:
        """How many steps of a width there are."""
        return math.floor((self.high - self.low) / width + 1e-9)

    def holds(self, value: Any) -> bool:
        """Whether it is one of the values."""
        return type(value) in (int, float) and bool(self.nearest(value) == value)

    def change(self, value: Any, path: str, said: str) -> Override:
        """The change of the config that gives it this value."""
        return Override(path, repr(value), said)

    def plain(self) -> dict[str, Any]:
        """As a sweep file has it."""
        given = {"log" if self.log else "range": [self.low, self.high]}
        return given if self.step is None else {**given, "step": self.step}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One part of the config that a search varies."""

    name: str  # as an axis is called: "hidden", "learning_rate", "layers.1.units"
    values: Choice | Range
    when: Mapping[str, Sequence[Any]]  # it counts only where these dimensions have one of these values
    place: Place

    def counts(self, point: Mapping[str, Any]) -> bool:
        """Whether it is part of a point that has these values of the dimensions before it."""
        return all(name in point and point[name] in values for name, values in self.when.items())

    def change(self, value: Any) -> Override:
        """The change of the config that gives it this value."""
        return self.values.change(value, NAMES.get(self.name, self.name), str(self.place))

    def plain(self) -> Any:
        """As a sweep file has it."""
        plain = self.values.plain()
        return {**plain, "when": {name: list(values) for name, values in self.when.items()}} if self.when else plain


def every(space: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """All points of a space, one by one."""

    def below(found: dict[str, Any], left: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
        if not left:
            yield found
        elif not left[0].counts(found):
            yield from below(found, left[1:])
        else:
            for value in left[0].values.every():
                yield from below({**found, left[0].name: value}, left[1:])

    return below({}, space)


@dataclass(frozen=True, slots=True)
class Search:
    """How a space is searched: by trials that a sampler proposes, the best of which are then run with fresh seeds."""

    sampler: str
    trials: int
    objective: str  # "val_accuracy": what is sought, as it is in the last epoch
    space: tuple[Dimension, ...]
    pruner: str
    finalists: int
    place: Place  # of the objective, or of the file

    def plain(self) -> dict[str, Any]:
        """As a sweep file has it."""
        return {
            "sampler": self.sampler,
            "trials": self.trials,
            "objective": self.objective,
            "space": {dimension.name: dimension.plain() for dimension in self.space},
            "pruner": self.pruner,
            "finalists": self.finalists,
        }
