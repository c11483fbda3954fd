"""`nnexp schema`: the JSON Schema of configs, for editors."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema that editors complete and check configs from.

    Example:  nnexp schema > experiment.schema.json
    """
    from nnexp.config.schema import text

    typer.echo(text(), nl=False)
