"""The command line: one thin module a command. `main` is the entry point."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from nnexp.cli import check, compare, data, ls, report, resume, run, schema, show, sweep, verify
from nnexp.cli.signals import Terminated
from nnexp.errors import NnexpError


class _Group(TyperGroup):
    """Turns nnexp's own errors into one message and the exit code that the contract promises."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NnexpError as error:
            from nnexp.cli.console import say_error

            say_error(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as error:
            raise typer.Exit(error.exit_code if isinstance(error, Terminated) else 130) from None


app = typer.Typer(
    cls=_Group,
    name="nnexp",
    help="Ask a question of a neural network from a YAML config, and get an answer you can trust.",
    epilog="Begin with:  nnexp run configs/fashion_sigmoid128.yaml",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: Rich's takes as long to import as all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("resume")(resume.resume)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("check")(check.check)
app.command("verify")(verify.verify)
app.command("show")(show.show)
app.command("ls")(ls.ls)
app.command("schema")(schema.schema)
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from nnexp import __version__

        typer.echo(f"nnexp {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """The `nnexp` command."""
    sys.exit(app())
