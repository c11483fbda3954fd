"""The command line: one thin module a command. `main` is the entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from nnexp.cli.decoding import Command
from nnexp.cli.signals import Terminated
from nnexp.errors import NnexpError

# Each is the function of that name in the module of that name; `data` has commands of its own.
COMMANDS: tuple[str, ...] = (
    "init",
    "run",
    "sweep",
    "resume",
    "compare",
    "report",
    "check",
    "verify",
    "show",
    "predict",
    "mistakes",
    "evaluate",
    "export",
    "track",
    "ls",
    "schema",
    "data",
)


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


def application(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command line with some of its commands: to make all takes longer than to find a thousand runs."""
    app = typer.Typer(
        cls=_Group,
        name="nnexp",
        help="Ask a question of a neural network from a YAML config, and get an answer you can trust.",
        epilog="Begin with:  nnexp run configs/fashion_sigmoid128.yaml",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: Rich's takes as long to import as all the rest
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for name in commands:
        module = importlib.import_module(f"nnexp.cli.{name}")
        if name == "data":
            app.add_typer(module.app, name=name)
        else:
            app.command(name, cls=Command)(getattr(module, name))
    return app


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
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    sys.exit(application(asked or COMMANDS)())
