"""`nnexp track`: runs that are there already, told to trackers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from nnexp.cli import overrides as options


def track(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Run folders, sweep folders, or directories of such.", show_default=False),
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="NAME,…", help="The trackers: mlflow, tensorboard, wandb.", show_default=False),
    ],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of the runs on stdout.")] = False,
) -> None:
    """Tell trackers of runs that are there already: what they were not told while it trained, or anything yet.

    To tell them twice changes nothing. A run that is under way, or cannot be read, is named and left out.

    Example:  nnexp track runs/*_fashion_sigmoid128 --to mlflow
    Example:  nnexp track runs --to tensorboard
    """
    from nnexp.cli.console import say, say_amiss, stderr, stdout
    from nnexp.config.entries import Problems
    from nnexp.config.loading import Node, parse_yaml
    from nnexp.config.tracking import read_track
    from nnexp.errors import ConfigError, InputError, Place, RunError
    from nnexp.failures import first_line
    from nnexp.files import to_json
    from nnexp.runs import record
    from nnexp.runs.reading import printable
    from nnexp.tracking.content import runs_directory, sweep_of
    from nnexp.tracking.kinds import TRACKERS
    from nnexp.tracking.trackers import open_trackers, tell, tell_sweep

    place, problems = Place(f"--to {to}"), Problems()
    asked = read_track(parse_yaml(options.trackers(to) or "", str(place), place) or Node(None, place), problems)
    if problems.found or not asked:
        if problems.found:
            raise ConfigError(problems.found)
        raise InputError(f"--to {to}: no tracker is named; allowed: {', '.join(TRACKERS)}")
    told = []
    found = [run for path in runs for run in _runs_at(path)]
    by_directory: dict[Path, list[Path]] = {}
    for run in found:
        by_directory.setdefault(runs_directory(run), []).append(run)
    for directory, inside in by_directory.items():
        for tracker in open_trackers([(entry.name, entry.parameters) for entry in asked], directory):
            sweeps = dict.fromkeys(folder for run in inside if (folder := sweep_of(run)))
            for run in inside:
                try:
                    if record.read(run).status == "running":
                        say_amiss(stderr(), f"left out: {printable(run)} is under way; tell it when it is done")
                        continue
                    new = tell(tracker, run)
                except record.UnreadableRun as error:
                    say_amiss(stderr(), f"left out: {error}")
                    continue
                except Exception as error:
                    what = f"{printable(run)}: {tracker.name} did not take it: {first_line(error)}"
                    raise RunError(f"{what}; mend that, and tell it again") from error
                told.append({"run": str(run), "tracker": tracker.name, "new": new})
            for folder in sweeps:
                tell_sweep(tracker, folder)
    if as_json:
        typer.echo(to_json(told))
    elif not quiet:
        for one in told:
            what = "told" if one["new"] else "was told all before"
            say(stdout(), f"{printable(str(one['run']))}: {one['tracker']} {what}")
    if not told:
        raise InputError(
            "no run was told to a tracker; name runs that are not under way, or directories that hold some"
        )


def _runs_at(path: Path) -> Iterator[Path]:
    """The run at a path, or those below it; absolute, since a tracker keeps where a run lies."""
    from nnexp.runs import record

    path = path.absolute()
    if record.kind_of(path) != "directory" or (path / "metrics.json").exists():
        yield path
    else:
        yield from record.find(path)
