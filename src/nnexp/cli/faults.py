"""What is said of an error that nobody raised on purpose: what the system lacks, or a fault of nnexp."""

from __future__ import annotations

import traceback
from pathlib import Path

import typer

from nnexp.cli.console import say_error
from nnexp.errors import RunError
from nnexp.failures import cause_in_the_system

_A_FAULT = "this is a fault of nnexp; please report it with the lines above and what `nnexp doctor` prints"


def tell(error: Exception) -> None:
    """Say the cause and its remedy where it lies in the system, else the traceback and how to report it."""
    named = getattr(error, "filename", None)
    cause = cause_in_the_system(error, Path(named).parent if isinstance(named, str) else None)
    if cause is None:
        typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    say_error(RunError(cause or _A_FAULT))
