"""`nnexp ls`: the runs there are."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nnexp.runs.record import RunRecord


def ls(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the run folders are.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list on stdout.")] = False,
) -> None:
    """List runs: status, epochs, test loss and accuracy, time. A run that cannot be read is named and left out.

    Example:  nnexp ls runs
    """
    from nnexp.cli.console import end_at_once, print_long, stderr, stdout
    from nnexp.errors import InputError
    from nnexp.files import to_json
    from nnexp.runs import record
    from nnexp.runs.index import Index
    from nnexp.runs.reading import escaped, printable

    if record.kind_of(directory) != "directory":
        hint = "`nnexp run` makes one, or name where the runs are"
        raise InputError(f"{printable(directory)}: no such directory; {hint}")
    gc.disable()  # records are kept to the end, and hold no cycles
    index, records, unreadable = Index(), [], 0
    for path in record.find(directory):
        try:
            records.append(index.record(path))
        except record.UnreadableRun as error:
            unreadable += 1
            stderr().print(f"left out: {error}", soft_wrap=True)
    if unreadable and not records:
        raise InputError(f"no run in {printable(directory)} can be read")
    if as_json:
        typer.echo(escaped(to_json([_row(found) for found in records])))
    elif not records:
        stdout().print(f"no runs in {printable(directory)} yet; begin with: nnexp run configs/fashion_sigmoid128.yaml")
    else:
        columns = ("run", "status", "epochs", "loss", "accuracy", "time")
        rows = [[printable(found.path.relative_to(directory)), *_cells(_row(found))] for found in records]
        print_long(stdout(), columns, rows, columns[2:])
    index.save()
    end_at_once()


def _row(found: RunRecord) -> dict[str, object]:
    return {
        "run": str(found.path),
        "name": found.name,
        "status": found.status,
        "seed": found.seed,
        "identity": found.identity,
        "epochs": len(found.history),
        "test_loss": found.test.get("loss"),
        "test_accuracy": found.test.get("accuracy"),
        "seconds": found.timings.get("total"),
        "started": found.started,
    }


def _cells(row: Mapping[str, object]) -> list[str]:
    seconds = row["seconds"]
    time = f"{seconds:.1f} s" if isinstance(seconds, (int, float)) else ""
    return [str(row["status"]), str(row["epochs"]), _figure(row["test_loss"]), _figure(row["test_accuracy"]), time]


def _figure(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) else "–"
