"""`nnexp resume`: on with what was cut off."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.cli import overrides as options
from nnexp.cli.each import in_a_process
from nnexp.cli.signals import handle_sigterm

if TYPE_CHECKING:
    from nnexp.runs.record import UnreadableRun


def resume(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN…", help="Run folders, sweep folders, or a directory that holds them.", show_default=False
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Go on though config, code, versions or machine have changed.")
    ] = False,
    repeats: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of a sweep: so many runs of each point, in place of fewer.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    hosts: options.Hosts = None,
    wait: options.Wait = 300,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print metrics.json (of a sweep table.json; of several a list).")
    ] = False,
    profiled: Annotated[
        bool, typer.Option("--profile", help="Measure where the time goes; shown at the end, and in metrics.json.")
    ] = False,
    notify: options.Notify = False,  # see decoding.Command
) -> None:
    """Go on with runs that were interrupted, killed or failed, to the result that they would have had.

    A run goes on from its last checkpoint; one that is completed is left as it is.

    Example:  nnexp resume runs/20261121-184512_fashion_sigmoid128
    Example:  nnexp resume runs
    Example:  nnexp resume runs/20261122-013147_fashion_sigmoid128 --repeats 10
    """
    from nnexp.cli.console import say_amiss, stderr
    from nnexp.cli.run import begin_profile, resume_run
    from nnexp.cli.sweep import resume_sweep
    from nnexp.errors import InputError
    from nnexp.experiment import Options

    several = options.of_hosts(hosts, wait)
    targets = [target for path in runs for target in _targets(path)]
    if not targets:
        if not quiet:
            where = ", ".join(map(str, runs))
            say_amiss(stderr(), f"nothing to go on with in {where}: no run there was cut off, or failed")
        return
    if several and (len(targets) > 1 or (targets[0] / "sweep.yaml").exists()):
        raise InputError("--hosts is for a single run\nname one run folder")
    if repeats is not None and (len(targets) > 1 or not (targets[0] / "sweep.yaml").exists()):
        raise InputError("--repeats is for a single sweep\nname one sweep folder")
    if len(targets) > 1:
        flags = [("--force", force), ("--offline", offline), ("--quiet", quiet), ("--profile", profiled)]
        raise typer.Exit(_one_by_one(targets, [flag for flag, given in flags if given], as_json=as_json))
    [target] = targets
    if (target / "sweep.yaml").exists():
        if force:
            raise InputError(
                "--force is for single runs; a sweep does runs that cannot go on exactly from their start; leave it out"
            )
        if profiled:
            raise InputError(
                "--profile is for single runs; `nnexp run --profile` on one of the sweep's configs shows it"
            )
        resume_sweep(target, repeats, offline=offline, quiet=quiet, as_json=as_json)
    else:
        profile = begin_profile() if profiled else None
        how = Options(offline=offline, command=sys.argv, profile=profile, **several)
        resume_run(target, how, force=force, quiet=quiet, as_json=as_json)


def _targets(path: Path) -> Iterator[Path]:
    """The run or sweep folder at a path, or those in it that lack a result."""
    from nnexp.resume import unfinished
    from nnexp.runs import record
    from nnexp.sweeps.folder import SweepFolder

    kind = record.kind_of(path)
    if kind == "nothing":  # before anything is said of what it should be
        raise record.no_run_at(path)
    if kind != "directory" or any((path / name).exists() for name in ("metrics.json", "sweep.yaml")):
        yield path
        return
    sweeps = {folder.path for folder in SweepFolder.all_in(path)}
    yield from sorted(sweep for sweep in sweeps if not SweepFolder(sweep).is_done())
    yield from (run.path for run in unfinished(path, _name) if run.path.parent not in sweeps)


def _name(left_out: UnreadableRun) -> None:
    from nnexp.cli.console import say_amiss, stderr

    say_amiss(stderr(), f"left out: {left_out}")


def _one_by_one(targets: Sequence[Path], flags: Sequence[str], *, as_json: bool) -> int:
    """Each in a process of its own; their JSON in one list."""
    handle_sigterm()
    told, worst = [], 0
    for target in targets:
        code, out = in_a_process("resume", target, [*flags, "--json"] if as_json else flags)
        told += [json.loads(out)] if out else []
        worst = max(worst, code if code >= 0 else 1)
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    return worst
