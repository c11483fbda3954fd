"""`nnexp ls`: the runs there are."""

from __future__ import annotations

import gc
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nnexp.runs.record import RunRecord

_LONGEST_NAME = 40  # of a run, for which other columns are left out
_LESS_ASKED = ("loss", "epochs", "time")


def ls(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the run folders are.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list on stdout.")] = False,
) -> None:
    """List runs: status, epochs, test loss and accuracy (or the first figure of another task), time.

    A run that cannot be read is named and left out.

    Example:  nnexp ls
    Example:  nnexp ls runs --json
    """
    from nnexp.cli.console import end_at_once, print_left_out, print_long, say_amiss, stderr, stdout, that_fit
    from nnexp.errors import InputError
    from nnexp.files import to_json
    from nnexp.runs import record
    from nnexp.runs.index import Index
    from nnexp.runs.reading import escaped, printable

    if record.kind_of(directory) != "directory":
        hint = "`nnexp run` makes one, or name where the runs are"
        raise InputError(f"{printable(directory)}: no such directory; {hint}")
    if record.lstat(f"{directory}/metrics.json"):
        raise InputError(
            f"{printable(directory)} is a run itself; see it with  nnexp show {shlex.quote(printable(directory))}"
        )
    gc.disable()  # records are kept to the end, and hold no cycles
    index, records, unreadable = Index(), [], 0
    for path, state in record.seen(directory):
        try:
            records.append(index.record(path, state))
        except record.UnreadableRun as error:
            unreadable += 1
            say_amiss(stderr(), f"left out: {error}")
    if unreadable and not records:
        raise InputError(f"no run in {printable(directory)} can be read; above is why")
    if as_json:
        typer.echo(escaped(to_json([_row(found) for found in records])))
    elif not records:
        say_amiss(
            stdout(), f"no runs in {printable(directory)} yet; begin with: nnexp run configs/fashion_sigmoid128.yaml"
        )
    else:
        headlines = dict.fromkeys(found.headline for found in records)
        alike = len(headlines) == 1
        columns = ("run", "status", "epochs", "loss", next(iter(headlines)) if alike else "result", "time")
        rows = [[printable(found.path.relative_to(directory)), *_cells(found, alike)] for found in records]
        console = stdout()
        cut = [[row[0][:_LONGEST_NAME], *row[1:]] for row in rows]  # a longer name is folded
        kept = that_fit(columns, cut, console.width, _LESS_ASKED) if console.is_terminal else [*range(len(columns))]
        print_long(console, [columns[place] for place in kept], [[row[p] for p in kept] for row in rows], columns[2:])
        print_left_out(console, columns, kept)
    index.save()
    end_at_once()


def _row(found: RunRecord) -> dict[str, object]:
    return {
        "run": str(found.path),
        "name": found.name,
        "status": found.status,
        "seed": found.seed,
        "identity": found.identity,
        "task": found.task,
        "epochs": len(found.history),
        "test_loss": found.test.get("loss"),
        f"test_{found.headline}": found.test.get(found.headline),
        "seconds": found.timings.get("total"),
        "started": found.started,
    }


def _cells(found: RunRecord, alike: bool) -> list[str]:
    from nnexp.comparison.metrics import figure

    seconds, first = found.timings.get("total"), figure(found.test.get(found.headline))
    return [
        found.status,
        str(len(found.history)),
        figure(found.test.get("loss")),
        first if alike else f"{found.headline} {first}",
        "" if seconds is None else f"{seconds:.1f} s",
    ]
