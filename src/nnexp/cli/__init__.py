"""The command line: one thin module a command. `main` is the entry point."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import typer

from nnexp.cli.decoding import Command
from nnexp.cli.help import COMMANDS, PlainGroup, welcome
from nnexp.cli.signals import Terminated
from nnexp.errors import NnexpError


class _Group(PlainGroup):
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
        epilog="nnexp COMMAND --help has examples; nnexp alone shows a first hour.",
        add_completion=False,  # completion.py has nnexp's own, which knows configs, runs and --set paths
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
    install: bool = typer.Option(
        False, "--install-completion", help="Have Tab complete nnexp's commands, files and values in your shell."
    ),
    show: bool = typer.Option(False, "--show-completion", help="Print the script that does, to install it yourself."),
) -> None:
    if version:
        from nnexp import __version__

        typer.echo(f"nnexp {__version__}")
    elif install or show:
        from nnexp.cli import completion
        from nnexp.cli.console import say, stdout

        if install:
            say(stdout(), completion.install())
        else:
            typer.echo(completion.script(), nl=False)
    elif context.invoked_subcommand is None:
        typer.echo(welcome(shutil.get_terminal_size().columns))
    else:
        return
    raise typer.Exit


def main() -> None:
    """The `nnexp` command."""
    if "_NNEXP_COMPLETE" in os.environ:
        from nnexp.cli import completion

        completion.answer()
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    needs_none = all(word.startswith("-") for word in sys.argv[1:])
    try:
        code = application(asked if asked or needs_none else COMMANDS)()
    except Exception as error:  # noqa: BLE001  whatever it is, it is told with what to do about it
        from nnexp.cli.faults import tell

        tell(error)
        code = 1
    sys.exit(code)
