"""`nnexp doctor`: whether this computer is ready, and how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnexp.errors import Amiss

if TYPE_CHECKING:
    from nnexp.doctor.check import Check

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_TOPIC = 15  # columns


def doctor(
    runs_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders would be made.")] = Path("runs"),
    network: Annotated[
        bool, typer.Option("--network", help="Ask the servers of datasets that are not here whether they answer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON on stdout.")] = False,
) -> None:
    """Look at installation, devices, data, disks, memory, settings and terminal, and train a small model.

    Each is ok, a warning (nnexp works, and something will be slow or missing) or a problem, with what mends it; then
    comes what to paste into a bug report: no names of computer, user or folders. Exit code 0: nnexp can be used;
    1: there is a problem. Nothing is kept; without --network nobody is asked.

    Example:  nnexp doctor
    Example:  nnexp doctor --json > doctor.json
    """
    from nnexp.doctor import computer, installation
    from nnexp.doctor.sheet import sheet
    from nnexp.doctor.trial import trial
    from nnexp.files import to_json

    found: list[Check] = []
    for check in (*installation.checks(), *computer.checks(runs_dir, network=network)):
        found.append(check)
        if not as_json:
            _print(check)
    tried, ran_on = trial()
    found += tried
    problems = sum(check.state == "problem" for check in found)
    pasted = sheet(found, ran_on)
    if as_json:
        told = [{name: getattr(check, name) for name in check.__slots__} for check in found]
        typer.echo(to_json({"usable": not problems, "checks": told, "report": pasted}))
    else:
        for check in tried:
            _print(check)
        warnings = sum(check.state == "warning" for check in found)
        typer.echo(f"\n{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}: {_verdict(problems)}")
        typer.echo(f"\nfor a bug report:\n\n{pasted}")
    raise typer.Exit(1 if problems else 0)


def _print(check: Check) -> None:
    from rich.table import Table
    from rich.text import Text

    from nnexp.cli.console import stdout
    from nnexp.runs.reading import printable

    message = printable(check.message)
    fix = f"fix: {printable(check.fix)}" if check.fix else ""
    console = stdout()
    if not console.is_terminal:
        typer.echo(f"{check.state:<7}  {check.topic:<{_TOPIC}}  {message}{'; ' * bool(fix)}{fix}")
        return
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=len("warning"))
    row.add_column(width=_TOPIC)
    row.add_column(overflow="fold")
    row.add_row(Text(check.state, _STYLES[check.state]), check.topic, "\n".join(filter(None, (message, fix))))
    console.print(row)


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _verdict(problems: int) -> str:
    amiss: Amiss = "not to be used here until that is mended"
    return amiss if problems else "nnexp is ready"
