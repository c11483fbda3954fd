"""The Python API, for notebooks and programs: the same runs, sweeps and verdicts as the command line's."""

from nnexp.api.reading import compare, list_runs
from nnexp.api.training import load, run, sweep
from nnexp.api.views import Comparison, Run, Runs, Sweep
from nnexp.config.experiment import Experiment
from nnexp.errors import ConfigError, InputError, NnexpError, RunError

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
    "list_runs",
    "load",
    "run",
    "sweep",
]
