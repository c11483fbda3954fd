"""`nnexp show`: everything a run folder holds, on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="Run folders.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json as it is on stdout.")] = False,
) -> None:
    """Print all of a run: outcome, findings, history, classes, confusions, model, config, environment.

    Example:  nnexp show runs/*_fashion_sigmoid128
    """
    from nnexp.cli.console import stdout
    from nnexp.cli.outcome import print_all
    from nnexp.runs import record

    for path in runs:
        found = record.read(path)
        if as_json:
            typer.echo(found.folder.metrics.read_text(encoding="utf-8"), nl=False)
        else:
            print_all(found, stdout())
