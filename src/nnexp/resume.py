"""Going on with runs that were cut off: which there are, and whether they can go on to the very same result."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nnexp import events
from nnexp.config.experiment import Experiment, load_experiment
from nnexp.data.progress import FetchProgress
from nnexp.errors import InputError, Reason
from nnexp.experiment import Options, continue_experiment, run_experiment
from nnexp.files import to_json
from nnexp.runs import record
from nnexp.runs.environment import changes, describe
from nnexp.runs.folder import RunFolder
from nnexp.runs.reading import Refused, json_of, parsed, printable
from nnexp.runs.record import RunRecord

# What a config may say otherwise without the result being another.
_WITHOUT_EFFECT = ("name", "description", "checkpoint", "track")


class Busy(InputError):
    """A run that another process is at, or may be."""


def resume(
    path: Path,
    options: Options,
    report: events.Report = events.silent,
    fetch_progress: FetchProgress | None = None,
    *,
    force: bool = False,
) -> Path:
    """Go on with a run to the result that it would have had; one that came to its end is left as it is.

    Raises:
        InputError: there is no such run, it is under way, or it cannot go on as it began and `force` is not given.
        As `run_experiment`.
    """
    found = record.read(path)
    found.folder.refuse_links()
    if not found.has_result:
        with _held(path):
            found = record.read(path)  # again: another process may have been at it until now
            if not found.has_result:
                return _go_on(found, options, report, fetch_progress, force=force)
    found.folder.drop_checkpoints()  # left where it was killed in its last moment
    report(events.Note(f"{path} is {found.status} after {len(found.history)} epochs: there is nothing left to do"))
    return path


def run_or_resume(experiment: Experiment, folder: Path, options: Options, report: events.Report) -> Path:
    """Do the run of an experiment in `folder`, going on with what an earlier try left there if it is the same run.

    Raises:
        Busy: another process is at it, or it cannot be told; nothing was touched.
        As `run_experiment`.
    """
    try:
        record.read(folder)
    except record.Unreachable as error:
        raise Busy(str(error)) from None
    except record.UnreadableRun:
        if folder.exists() and not RunFolder(folder).is_empty():  # an empty one keeps the name for this run
            RunFolder(folder).discard()
        return run_experiment(experiment, replace(options, folder=folder), report)
    RunFolder(folder).refuse_links()
    with _held(folder):
        found = record.read(folder)
        if found.status == "running":
            raise Busy(_under_way(folder))
        if found.has_result and found.identity == experiment.identity:
            return folder
        if not found.has_result and not reasons_against(found, experiment):
            return continue_experiment(experiment, found, options, report)
        found.folder.discard()
        return run_experiment(experiment, replace(options, folder=folder, later=None), report)  # all of it while held


def newest_unfinished(runs: Path, experiment: Experiment) -> Path | None:
    """The run of an experiment in `runs` that was cut off last; None where there is none."""
    found = [
        run
        for run in unfinished(runs)
        if run.path.parent == runs
        and run.identity == experiment.identity
        and all(run.config.get(key) == getattr(experiment, key) for key in ("engine", "distribute", "threads"))
    ]
    return max(found, key=lambda run: run.started).path if found else None


def unfinished(
    runs: Path, left_out: Callable[[record.UnreadableRun], None] = lambda error: None
) -> Iterator[RunRecord]:
    """The runs below a directory that have no result and are not under way; `left_out` is told of damaged ones."""
    for path in record.find(runs):
        try:
            found = record.read(path)
        except record.UnreadableRun as error:
            left_out(error)
            continue
        if not found.has_result and found.status != "running" and not found.expected:
            yield found


def reasons_against(found: RunRecord, experiment: Experiment, hosts: Sequence[str] = ()) -> list[Reason]:
    """Why a run, gone on with now, here or on `hosts`, might come to another result than if it had not been cut off."""
    asked = parsed(to_json(experiment.plain()).encode())  # with spaces in place of the same signs as in the record
    reasons = [
        f"{key} in config.yaml: {_short(found.config.get(key))} then, {_short(now)} now"
        for key, now in asked.items()
        if key not in _WITHOUT_EFFECT and found.config.get(key) != now
    ]
    if not reasons and found.identity != experiment.identity:
        reasons = ["its config.yaml is not the one that it began with"]
    try:
        environment = json_of(found.folder.environment, record.MOST_MEGABYTES)
    except (OSError, Refused):
        return [*reasons, "its environment.json cannot be read: it may have begun with other versions"]
    from nnexp.training import backend, mirrored

    backend.load()  # it knows the accelerators
    devices = mirrored.replicas(experiment, hosts)
    return reasons + changes(environment, describe(sys.argv, found.threads or 0, devices))


def _go_on(
    found: RunRecord,
    options: Options,
    report: events.Report,
    fetch_progress: FetchProgress | None,
    *,
    force: bool,
) -> Path:
    if found.status == "running":
        raise Busy(_under_way(found.path))
    experiment = load_experiment(found.folder.config)
    if options.hosts and experiment.distribute != "mirrored":
        raise InputError(
            f"{printable(found.path)} is not spread over devices (distribute: mirrored)\nleave --hosts out"
        )
    reasons = reasons_against(found, experiment, options.hosts)
    if reasons and not force:
        listed = "".join(f"\n    {reason}" for reason in reasons)
        path, config = shlex.quote(printable(found.path)), shlex.quote(printable(found.folder.config))
        if not options.hosts and any("of host" in reason for reason in reasons):
            listed += f"\nTo go on with it on several hosts:  nnexp resume {path} --hosts HOST:PORT,HOST:PORT"
        how = f"To go on all the same, maybe to another result:  nnexp resume --force {path}"
        anew = f"To run it anew:  nnexp run {config}"
        raise InputError(f"{printable(found.path)} cannot go on exactly as it began:{listed}\n{how}\n{anew}")
    return continue_experiment(experiment, found, options, report, fetch_progress, reasons)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep a second `resume` out; the system lets go when this process ends, however it ends."""
    from filelock import FileLock, Timeout

    checkpoints = RunFolder(path).checkpoints
    try:
        checkpoints.mkdir(exist_ok=True)
        lock = FileLock(checkpoints / ".lock")
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # the other one has just finished it
        raise Busy(_under_way(path)) from None
    except OSError as error:
        raise InputError(
            f"{printable(checkpoints)} cannot be written to: {error.strerror}; see that you may write there"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _under_way(path: Path) -> str:
    return f"{printable(path)} is being run by another process; wait for it, or stop it first"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"
