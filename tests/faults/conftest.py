"""What the fault-injection trials share: the seed that they are drawn from, and that is printed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kills import Whole, undisturbed

_SEED = 20261122


@pytest.fixture(scope="session")
def faults_seed() -> int:
    """The seed of everything random in these trials; the environment variable NNEXP_FAULTS_SEED names another."""
    seed = int(os.environ.get("NNEXP_FAULTS_SEED", _SEED))
    print(f"\nNNEXP_FAULTS_SEED={seed}")
    return seed


@pytest.fixture(scope="session")
def whole(once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[..., Whole]:
    """The run of an engine that nothing disturbed, done once for all tests; keywords as of `kills.config`."""

    def done(engine: str = "graph", **how: Any) -> Whole:
        name = "-".join(["whole", engine, *(f"{key}={value}" for key, value in how.items())])
        folder = once(re.sub(r"[^\w=]+", "-", name), lambda folder: undisturbed(folder, engine, **how))
        changes = (folder / "changes.txt").read_text(encoding="utf-8").splitlines()
        seconds = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
        return Whole(folder / "trial.yaml", folder / "runs", seconds, changes)

    return done
