"""The Python API as a notebook has it: docs/notebook.ipynb, executed by a real kernel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MAKE = Path(__file__).parents[2] / "docs" / "make_notebook.py"


@pytest.fixture(scope="session")
def executed(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The folder in which the notebook was executed: `notebook.ipynb`, and its runs in `runs`."""
    return once("notebook", lambda folder: subprocess.run([sys.executable, MAKE, folder], check=True))


@pytest.fixture(scope="session")
def narrow(executed: Path) -> Path:
    """The notebook's first run."""
    [found] = (executed / "runs").glob("*_narrow")
    return found


@pytest.fixture(scope="session")
def wide(executed: Path) -> Path:
    """The notebook's second run."""
    [found] = (executed / "runs").glob("*_wide")
    return found
