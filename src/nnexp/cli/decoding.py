"""Commands that may read own data: to decode these can take minutes, which is told on the terminal."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from nnexp.data.progress import FetchProgress, Silent, decoding


class Command(TyperCommand):
    """Tells of decoding as of fetching, but with --quiet, where the command has that."""

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does; its words are read by now."""
        before = decoding.set(Silent if ctx.params.get("quiet") else _on_terminal)
        try:
            return super().invoke(ctx)
        finally:
            decoding.reset(before)


def _on_terminal() -> FetchProgress:
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress  # with Rich, which a command that decodes nothing spares

    return RichFetchProgress(stderr(), "decoding")
