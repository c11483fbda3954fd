"""`nnexp show`: what a run folder holds, on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnexp.errors import InputError


def show(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Run folders.", show_default=False)],
    whole: Annotated[bool, typer.Option("--all", help="Print config, environment and the list of files too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json as it is on stdout.")] = False,
) -> None:
    """Print what a run came to: model, history, classes, confusions, and last its figures and findings.

    A run that cannot be read is named, and the others are shown.

    Example:  nnexp show runs/20261121-221332_fashion_sigmoid128
    Example:  nnexp show runs/20261121-221332_fashion_sigmoid128 --all
    Example:  nnexp show runs/*_fashion_sigmoid128 --json
    """
    from nnexp.cli.console import say_amiss, stderr, stdout
    from nnexp.cli.outcome import print_all
    from nnexp.runs import record

    unreadable = []
    for path in runs:
        try:
            found = record.read(path)
            if as_json:
                typer.echo(record.metrics_text(path), nl=False)
        except record.UnreadableRun as error:
            unreadable.append(error)
            if len(runs) > 1:
                say_amiss(stderr(), f"left out: {error}")
            continue
        if not as_json:
            print_all(found, stdout(), files=whole)
    if len(unreadable) == len(runs):
        raise unreadable[0] if len(runs) == 1 else InputError("none of these runs can be read; above is why")
