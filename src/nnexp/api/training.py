"""What trains: each run in a process of its own, so that the notebook's own TensorFlow, if any, is left alone.

The processes are forked from a server that has TensorFlow loaded, as a sweep's workers are: the first run waits for it,
later ones begin at once. Their results are the command line's, bit for bit.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from nnexp.api import progress
from nnexp.api.configs import Config, axes_of, experiment_of, read
from nnexp.api.views import Comparison, Run, Sweep
from nnexp.config.experiment import Experiment
from nnexp.data.datasets import describe, where
from nnexp.data.datasets import load as load_data
from nnexp.errors import InputError, RunError
from nnexp.runs import record
from nnexp.runs.folder import RunFolder
from nnexp.sweeps import sweep as sweeps
from nnexp.sweeps.baseline import without_baseline
from nnexp.sweeps.child import Ending, Task
from nnexp.sweeps.execute import Listed, SweepReport
from nnexp.sweeps.executors import Processes, opened
from nnexp.sweeps.expand import load_points


def load(config: Config, /, **changes: Any) -> Experiment:
    """The experiment that a config describes, complete and checked as `nnexp check` does.

    `config` is a path, YAML text (with a line break in it), a dict or an experiment. `changes` are as on the command
    line: `epochs=3`, `hidden=512`, `**{"optimizer.learning_rate": 0.01}`.

    Raises:
        ConfigError: with all that is wrong.
    """
    return experiment_of(config, changes)


def run(
    config: Config,
    /,
    *,
    runs: str | os.PathLike[str] = "runs",
    offline: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Train one experiment, evaluate it on the test split, and keep everything in a new run folder in `runs`.

    `config` and `changes` are those of `load`. With `offline` no data are fetched; with `quiet` nothing is printed. An
    interrupt (the stop button, Ctrl-C) ends the run early; what was done is kept, and `nnexp resume` goes on with it.

    Raises:
        ConfigError: the config cannot work; nothing was written.
        InputError: `runs` cannot be used; nothing was written.
        DataUnavailable: the dataset is not to be had; nothing was written.
        RunError: the run failed; its folder holds what was done.
    """
    tell = progress.say_nothing if quiet else progress.say
    experiment = experiment_of(config, changes)
    place = Path(runs).absolute()
    RunFolder.check(place)
    dataset = describe(experiment.dataset.name, experiment.dataset.parameters)
    if where(dataset) == "not yet":  # fetched here, where it can be told
        load_data(dataset, offline, progress.Fetching(tell))
    path = RunFolder.create(place, experiment.name, datetime.now().astimezone()).path
    try:
        ending = _in_a_process(experiment, path, offline, progress.of_a_run(tell))
    finally:
        with contextlib.suppress(OSError):
            path.rmdir()  # where nothing was written
    if ending.kind == "died":
        raise RunError(f"{ending.message}\nwhat was done is kept; to go on:  nnexp resume {shlex.quote(str(path))}")
    if ending.kind != "done":
        raise RunError(ending.message)
    return Run(record.read(path))


def sweep(
    config: Config,
    /,
    grid: Mapping[str, Any] | None = None,
    *,
    repeats: int | None = None,
    seed: int | Sequence[int] | None = None,
    workers: int | None = None,
    metric: str | None = None,
    executor: str = "processes",
    scheduler: str = "",
    runs: str | os.PathLike[str] = "runs",
    offline: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Sweep:
    """Train all combinations of the values in `grid`, each with the same seeds, and say what makes a difference.

    `config` is an experiment's, as `load` takes it, or a sweep's. `grid` gives the parts of the config that vary, such
    as `{"hidden": [128, 512]}`, and `changes` those that are the same at all points. `seed` is the first seed, or all
    of them; `workers` how many runs there are at a time, one a CPU by default; `metric` what points are compared by,
    accuracy or its like by default. The sweep folder is made in `runs`. `executor` is where runs are done: processes of
    this computer, `serial` (in this process, one after another), or `dask`, with the address of a `scheduler`, or its
    scheduler file; docs/cluster.md tells more.

    Raises:
        ConfigError: with all that is wrong with any point; nothing was written.
        InputError: an argument or `runs` cannot be used; nothing was written.
        DataUnavailable: a dataset is not to be had; no run was started.
    """
    tell = progress.say_nothing if quiet else progress.say
    seeds = None if seed is None else ",".join(map(str, [seed] if isinstance(seed, int) else seed))
    if workers is not None and workers < 1:
        raise InputError(f"workers={workers} is too few; give a whole number from 1, or leave it out for one a CPU")
    axes = axes_of(grid or {}, changes)
    plan, points = load_points(read(config), axes, repeats=repeats, seed=seeds, workers=workers, metric=metric)
    with opened("dask" if scheduler else executor, scheduler, workers) as where_to:
        how = sweeps.Options(Path(runs).absolute(), offline, ["nnexp.sweep"], where_to)
        job = sweeps.begin(plan, points, how)
        folder = job.folder.path
        trained = plan.runs if plan.search else sum(point.experiment is not None for point in points)
        if lost := without_baseline(plan):
            tell(lost)
        tell(
            f"{trained} runs, {job.workers} at a time, {job.threads} {'thread' if job.threads == 1 else 'threads'} each"
        )
        report = progress.of_a_sweep(tell, folder, trained)
        compared = sweeps.carry_out(job, how, report, progress.Fetching(tell))
    return Sweep(folder, Comparison(compared), tuple(sweeps.failures(job)))


def _in_a_process(experiment: Experiment, path: Path, offline: bool, report: SweepReport) -> Ending:
    """Do a run in the folder at `path`, and return how it ended.

    Raises:
        KeyboardInterrupt: as it came, after the run has stopped and saved what there is.
    """
    endings = []
    text = experiment.yaml()
    with tempfile.TemporaryDirectory(prefix="nnexp-run-") as scratch:
        task = Task(experiment.name, path, text, text, Path(scratch), offline, ["nnexp.run"])
        Processes().execute(Listed([task]), 1, report, lambda _, ending: endings.append(ending))
    [ending] = endings
    return ending
