"""`nnexp join`: help another computer with its run."""

from __future__ import annotations

from typing import Annotated

import typer

from nnexp.cli.overrides import limited
from nnexp.cli.signals import end_at_once_when_told_twice, handle_sigterm


def join(
    first: Annotated[
        str,
        typer.Argument(metavar="HOST:PORT", help="The first host of `nnexp run --hosts`.", show_default=False),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--as", metavar="HOST:PORT", help="Which of its hosts this one is, where its address is not enough."
        ),
    ] = "",
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, callback=limited, help="How long the first host is waited for."),
    ] = 300,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network for data.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Be one of the hosts of a run that is started on another with `nnexp run CONFIG --hosts A,B`.

    Config and decisions come from there, and nothing is kept here. For a trusted network only.

    Example:  nnexp join a:4711
    """
    import gc

    from nnexp.cli.console import say, stderr
    from nnexp.cli.fetch_progress import RichFetchProgress
    from nnexp.cli.live import Live
    from nnexp.training.meeting import join as help_first

    handle_sigterm()
    end_at_once_when_told_twice()
    with Live(stderr(), quiet=quiet) as live:
        fetching = None if quiet else RichFetchProgress(stderr())
        help_first(first, name, wait, offline=offline, report=live.report, fetch_progress=fetching)
    if not quiet:
        say(stderr(), f"done: {first} has all it needs for the result")
    gc.freeze()
