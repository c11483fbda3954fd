"""The floor of an epoch, taking its turns beside the peers: python -m benchmarks.floor PIPE EXAMPLES FAMILY.

- arithmetic: the floating-point operations of all steps at the rate of the best large matrix product seen here.
- BLAS: each matrix product of a step at its exact shape by NumPy's BLAS, and one pass over parameters, moments and
  gradients, as any optimizer with two moments must make.

Both leave out all else: reading the batch, biases, activations, the loss, the optimizer's arithmetic, metrics.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.families import BATCH, FAMILIES, Family, Product
from benchmarks.peers.turns import take_turns
from nnexp.training.backend import available_cpus

_LARGE = 2048
_SHARE = 4  # of an epoch's steps one in so many is carried out


def arithmetic(family: Family, examples: int) -> float:
    """Seconds of an epoch's operations at the rate of a large product, best of three."""
    a = b = np.ones((_LARGE, _LARGE), np.float32)
    out = np.empty_like(a)
    seconds = min(_timed(lambda: np.matmul(a, b, out=out)) for _ in range(3))
    operations = sum(product.operations for product in family.products) * examples / BATCH
    return operations / (2 * _LARGE**3 / seconds)


def blas(family: Family, examples: int) -> float:
    """Seconds of an epoch's products and passes over the parameters."""
    products = [_prepared(product) for product in family.products]
    parameters, gradient, first, second = (np.ones(family.parameters, np.float32) for _ in range(4))
    steps = examples / BATCH

    def step() -> None:
        for times, a, b, out in products:
            for _ in range(times):
                np.matmul(a, b, out=out)
        np.multiply(first, 0.9, out=first)
        np.multiply(second, 0.999, out=second)
        np.subtract(parameters, gradient, out=parameters)

    tried = max(3, round(steps / _SHARE))

    def some() -> None:
        for _ in range(tried):
            step()

    step()
    return _timed(some) / tried * steps


def _prepared(product: Product) -> tuple[int, Any, Any, Any]:
    random = np.random.default_rng(0)
    a = random.random((product.rows, product.inner), np.float32)
    b = random.random((product.inner, product.columns), np.float32)
    return product.times, a, b, np.empty((product.rows, product.columns), np.float32)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _best(floor: Callable[[Family, int], float], family: Family, examples: int) -> tuple[float, float]:
    """The better of one thread and all of them: (wall, CPU) seconds, where CPU counts every thread as busy."""
    found = []
    for threads in {1, available_cpus()}:
        with threadpool_limits(threads):
            seconds = floor(family, examples)
        found.append((seconds, seconds * threads))
    return min(found)


if __name__ == "__main__":
    chosen, count = FAMILIES[sys.argv[3]], int(sys.argv[2])
    take_turns(
        {
            "floor: BLAS": ("", lambda: _best(blas, chosen, count), lambda: None),
            "floor: arithmetic": ("", lambda: _best(arithmetic, chosen, count), lambda: None),
        }
    )
