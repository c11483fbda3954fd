"""Run folders: what is in them, read as plain data.

The package can be called, `nnexp.runs("runs/")`: the Python API has a function of its name, and Python lets a package
hide any function of that name once it has been imported.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnexp.api import Runs


class _Callable(ModuleType):
    """The package as a function."""

    def __call__(self, directory: str | os.PathLike[str] = "runs") -> Runs:
        """The runs below a directory: see `nnexp.api.list_runs`."""
        from nnexp.api import list_runs

        return list_runs(directory)


sys.modules[__name__].__class__ = _Callable
