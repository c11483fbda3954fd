"""`nnexp schema`: the JSON Schema of configs and of sweep files, for editors."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    sweep: Annotated[
        bool, typer.Option("--sweep", help="The schema of sweep files; it refers to experiment.schema.json beside it.")
    ] = False,
) -> None:
    """Print the JSON Schema that editors complete and check configs from.

    Prints it; writes nothing.

    Example:  nnexp schema > experiment.schema.json
    Example:  nnexp schema --sweep > sweep.schema.json
    """
    if sweep:
        from nnexp.config.sweep.schema import text
    else:
        from nnexp.config.schema import text

    typer.echo(text(), nl=False)
