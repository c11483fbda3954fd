"""How many runs of a sweep are done at once, and on how many threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from nnexp.config.sweep import load_sweep
from nnexp.sweeps.expand import Point, expand
from nnexp.sweeps.shares import share
from nnexp.training.backend import available_cpus

SMALL = "dataset: digits\nlayers: [flatten, {dense: {units: 10, activation: softmax}}]\n"


@pytest.fixture
def points(tmp_path: Path) -> Callable[[str, int], Sequence[Point]]:
    """The points of a sweep of one config with so many repeats."""

    def make(config: str, repeats: int) -> Sequence[Point]:
        path = tmp_path / "test.yaml"
        path.write_text(config)
        return expand(load_sweep(path, repeats=repeats))

    return make


def test_as_many_runs_as_cpus_with_a_thread_each(points: Callable[[str, int], Sequence[Point]]) -> None:
    cpus = available_cpus()
    assert share(points(SMALL, 2 * cpus), None) == (cpus, 1)
    assert share(points(SMALL, 1), None) == (1, cpus)
    assert share(points(SMALL, 2 * cpus), 1) == (1, cpus)


def test_fewer_at_once_on_the_same_threads_where_models_are_too_large_for_memory(
    points: Callable[[str, int], Sequence[Point]],
) -> None:
    """A model whose weights, gradients and moments fill half of what is free, once."""
    wide = int(psutil.virtual_memory().available / 2 / 16 / 74)
    large = SMALL.replace("flatten,", f"flatten, {{dense: {wide}}},")
    assert share(points(large, 2 * available_cpus()), None) == (1, 1)
