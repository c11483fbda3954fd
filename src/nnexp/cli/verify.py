"""`nnexp verify`: runs trained again, and whether every figure and weight is the same."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnexp.cli import overrides as options
from nnexp.cli.console import say, stdout
from nnexp.cli.each import in_a_process
from nnexp.cli.signals import end_at_once_when_told_twice, handle_sigterm
from nnexp.errors import Amiss, Reason

if TYPE_CHECKING:
    from nnexp.verification import Difference, Verdict


def verify(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Run folders, or directories of such.", show_default=False),
    ],
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but verdicts and errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of verdicts on stdout.")] = False,
    notify: options.Notify = False,  # see decoding.Command
) -> None:
    """Train finished runs again from their own configs, and say whether every figure and weight is identical.

    Exit code 0: all are; 1: something differs, and it is said what, by how much and what may be the reason; 2: not to
    be verified. Nothing is written into the runs.

    Example:  nnexp verify runs/*_fashion_sigmoid128
    Example:  nnexp verify runs --json
    """
    targets = [run for path in runs for run in _runs_at(path)]
    handle_sigterm()
    if len(targets) > 1:
        raise typer.Exit(_one_by_one(targets, offline=offline, quiet=quiet, as_json=as_json))
    verdict = _verified(targets[0], offline=offline, quiet=quiet)
    if as_json:
        from nnexp.files import to_json

        typer.echo(to_json([verdict.plain()]))
    else:
        say(stdout(), "\n".join(_told(verdict)))
    gc.freeze()  # the interpreter's last collection would walk all of TensorFlow, a second for nothing
    raise typer.Exit(0 if verdict.identical else 1)


def _runs_at(path: Path) -> list[Path]:
    """The run at a path, or those below it."""
    from nnexp.runs import record

    if record.kind_of(path) != "directory" or (path / "metrics.json").exists():
        return [path]
    return list(record.find(path)) or [path]  # `record.read` says what is wrong with it


def _verified(run: Path, *, offline: bool, quiet: bool) -> Verdict:
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.cli.live import Live
    from nnexp.experiment import Options
    from nnexp.verification import verify

    end_at_once_when_told_twice()
    with Live(stderr(), quiet=quiet) as live:
        how = Options(offline=offline, command=sys.argv)
        return verify(run, how, live.report, None if quiet else RichFetchProgress(stderr()))


def _told(verdict: Verdict) -> Iterator[str]:
    from nnexp.runs.reading import printable

    values = f"{sum(verdict.values.values()):,} values, {verdict.values['weights']:,} of them weights"
    if verdict.identical:
        yield f"{printable(verdict.run)}: identical, bit for bit ({values})"
        yield from (f"  though {change}" for change in verdict.changes)
        return
    told: Amiss = f"{printable(verdict.run)}: different ({values})"
    yield told
    for difference in verdict.differences:
        yield f"  {difference.group:<12} {_how(difference)}"
    yield "what may be the reason:"
    unknown: Reason = (
        "none is known: versions, threads, engine, processor, accelerators and test data are those of then"
    )
    yield from (f"  {reason}" for reason in verdict.changes or [unknown])


def _how(difference: Difference) -> Amiss:
    from nnexp.runs.reading import printable

    text = f"{difference.differing:,} of {difference.values:,} differ, first {printable(difference.first)}"
    if difference.note:
        text += f" ({printable(difference.note)})"
    if difference.absolute is not None:
        text += f"; by at most {difference.absolute:.2g} (relative {difference.relative:.2g})"
    return text


def _one_by_one(targets: Sequence[Path], *, offline: bool, quiet: bool, as_json: bool) -> int:
    """Each in a process of its own. In the end a line for each, and for one that differs what and why; or JSON."""
    import json

    from nnexp.runs.reading import printable
    from nnexp.verification import Verdict

    flags = [flag for flag, given in (("--offline", offline), ("--quiet", quiet)) if given]
    verdicts: list[dict[str, Any]] = []
    lines, worst = [], 0
    for target in targets:
        if not quiet:
            typer.echo(f"verifying {printable(target)}", err=True)
        code, out = in_a_process("verify", target, [*flags, "--json"])
        told = json.loads(out) if code in (0, 1) and out else []
        verdicts += told or [{"run": str(target), "identical": None}]
        if told:
            said = list(_told(Verdict.of(told[0])))
            lines += said[:1] if told[0]["identical"] else said
        else:
            unverified: Amiss = "not verified, see above"
            lines.append(f"{printable(target)}: {unverified}")
        worst = max(worst, code if told else 2 if code == 2 else 1)
    if as_json:
        typer.echo(json.dumps(verdicts, indent=2, ensure_ascii=False))
    else:
        say(stdout(), "\n".join(lines))
    return worst
