"""nnexp: ask a question of a neural network from a YAML config, and get an answer you can trust.

For notebooks and programs: `load`, `run`, `sweep`, `compare` and `runs`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnexp.api import Comparison, Experiment, Run, Runs, Sweep, compare, load, run, sweep
    from nnexp.api import list_runs as runs
    from nnexp.errors import ConfigError, InputError, NnexpError, RunError
else:  # a type checker that saw this would take any name for one of nnexp's

    def __getattr__(name: str) -> Any:
        """A name of the Python API, imported when it is first asked for: `import nnexp` takes no time."""
        if name == "runs":
            return import_module("nnexp.runs")  # a package that can be called
        if name in __all__:
            return getattr(import_module("nnexp.api"), name)
        raise AttributeError(f"module 'nnexp' has no attribute '{name}'")


__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "ConfigError",
    "Experiment",
    "InputError",
    "NnexpError",
    "Run",
    "RunError",
    "Runs",
    "Sweep",
    "compare",
    "load",
    "run",
    "runs",
    "sweep",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
