"""Commands that may take minutes: that data are decoded is told on the terminal, and the end where it is asked for."""

from __future__ import annotations

from typing import Any

from nnexp.cli.help import PlainCommand
from nnexp.data.progress import FetchProgress, Silent, decoding


class Command(PlainCommand):
    """Tells of decoding as of fetching, but with --quiet, and of its end with --notify, where it has these."""

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does; its words are read by now."""
        before = decoding.set(Silent if ctx.params.get("quiet") else _on_terminal)
        try:
            if not ctx.params.get("notify"):
                return super().invoke(ctx)
            from nnexp.cli.notify import ending_told

            with ending_told(ctx.info_name):
                return super().invoke(ctx)
        finally:
            decoding.reset(before)


def _on_terminal() -> FetchProgress:
    from nnexp.cli.console import stderr
    from nnexp.cli.fetch_progress import RichFetchProgress  # with Rich, which a command that decodes nothing spares

    return RichFetchProgress(stderr(), "decoding")
