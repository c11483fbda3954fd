"""What nnexp says of itself: its commands by purpose, the screen of `nnexp` alone, and plain help with examples.

Rich's help would take as long to import as all the rest.
"""

from __future__ import annotations

import inspect
import itertools
import re
import shutil
import sys
import textwrap
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

# Each is the function of that name in the module of that name; `data` has commands of its own.
GROUPS: dict[str, dict[str, str]] = {
    "Begin": {
        "init": "Look at your data and write a config that trains.",
        "check": "Find what is wrong with configs, without training.",
        "data": "List, fetch and look at the datasets.",
        "doctor": "See whether this computer is ready, and how to mend it.",
    },
    "Train": {
        "run": "Train one experiment; its run folder keeps everything.",
        "sweep": "Train all combinations, with repeats, and compare them.",
        "resume": "Go on with what was cut off, to the same result.",
        "verify": "Train a run again: is every bit the same?",
        "join": "Help another computer with a run on several hosts.",
    },
    "Answer": {
        "compare": "Tell differences between runs from chance.",
        "report": "Write one HTML page of runs or a sweep.",
        "show": "Print what a run came to, or all that its folder holds.",
        "mistakes": "Show what a run got wrong.",
        "ls": "List the runs.",
    },
    "Use a model": {
        "predict": "Apply it to pictures, tables, arrays or test examples.",
        "evaluate": "Measure it on a test part, or on data of your own.",
        "export": "Write it for other tools, or the run as a Keras program.",
        "track": "Tell MLflow, TensorBoard or W&B of runs.",
    },
    "For your editor": {
        "schema": "Print the JSON Schema that completes and checks configs.",
    },
}
COMMANDS: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)

# Options that belong together, where a command has many; the others stand under "Options".
_CHANGES = "Changes to the config"
_HEADINGS = {
    _CHANGES: "hidden activation epochs batch-size optimizer learning-rate normalization dataset seed track set",
    "Search": "sampler trials",
    "Where runs are done": "workers executor scheduler hosts wait",
    "Output": "quiet json csv markdown html plots profile notify",
}
_HEADING_OF = {f"--{name}": heading for heading, names in _HEADINGS.items() for name in names.split()}
_MANY = 9  # options

_FIRST_HOUR = {
    "nnexp init --from iris": "look at data; write iris.yaml",
    "nnexp run iris.yaml": "train; all is kept in runs/",
    "nnexp sweep iris.yaml --hidden 4,64 --repeats 5": "is wider better?",
    "nnexp compare runs/*": "what is more than chance?",
    "nnexp report runs": "one page: report.html",
    "nnexp doctor": "is this computer ready?",
}
# What other tools call their commands.
_ELSEWHERE = {
    "train": "run",
    "fit": "run",
    "start": "run",
    "list": "ls",
    "new": "init",
    "validate": "check",
    "plot": "report",
    "html": "report",
    "search": "sweep",
    "tune": "sweep",
    "datasets": "data ls",
    "help": "--help",
    "version": "--version",
}
_EXAMPLE = "Example:"
_ANY_PART = "Any part of the config is set by its path, such as --set layers.dropout.rate=0.2"


def welcome(width: int) -> str:
    """The screen of `nnexp` alone: of 80 columns and 24 lines, and longer where the terminal is narrower."""
    room = max(map(len, _FIRST_HOUR))
    lines = ["nnexp asks a question of a neural network:", "a YAML config in, an answer you can trust out.", ""]
    lines += ["A first hour:"]
    for command, what in _FIRST_HOUR.items():
        lines += [f"  {command:<{room}}  {what}"] if width >= 80 else [f"  {command}", f"      {what}"]
    lines += ["", "Commands:"]
    lines += [f"  {group:<{max(map(len, GROUPS))}}  {' · '.join(names)}" for group, names in GROUPS.items()]
    lines += ["", "nnexp COMMAND --help   what it does, with examples"]
    lines += ["nnexp --help           all commands; completion by Tab"]
    return "\n".join(lines)


class PlainCommand(TyperCommand):
    """A command whose help has its examples first, each on its own line, and its options under their headings."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`run [OPTIONS] CONFIG`: without Typer's braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; one who tries `--lr` or `--dropout` is told of `--learning-rate` and of `--set`."""
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            # Typer's classes, for an option that there is not and for what is missing, have no public names.
            if hasattr(error, "possibilities") and hasattr(error, "option_name"):
                options = [name for parameter in self.params for name in parameter.opts if name.startswith("--")]
                typed = error.option_name.lstrip("-")
                error.possibilities = [name for name in options if _initials(name) == typed] or error.possibilities
                if "--set" in options:
                    told = f"{error.format_message()}\n{_how_to_set(typed)}"
                    error.message, error.possibilities = _wrapped(told), None
            elif hasattr(error, "param_type") and (example := _examples(self.help)):
                error.message = f"\nSuch as  {example[0]}"
            raise

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """What it does, then the examples."""
        for paragraph in inspect.cleandoc(self.help or "").split("\n\n"):
            if not paragraph.startswith(_EXAMPLE):
                formatter.write_paragraph()
                with formatter.indentation():
                    formatter.write_text(paragraph)
        if examples := _examples(self.help):
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(_example(line, " " * formatter.current_indent))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, by heading in the order in which these first come."""
        parameters = self.get_params(ctx)
        headings = _HEADING_OF if len(parameters) >= _MANY else {}
        if not any("--set" in parameter.opts for parameter in parameters):  # --dataset says then where data are
            headings = {name: heading for name, heading in headings.items() if heading != _CHANGES}
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in parameters:
            if (record := parameter.get_help_record(ctx)) is not None:
                other = "Arguments" if parameter.param_type_name == "argument" else "Options"
                named = next((headings[name] for name in parameter.opts if name in headings), other)
                sections.setdefault(named, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _examples(text: str | None) -> list[str]:
    """The commands that a docstring gives as examples."""
    lines = inspect.cleandoc(text or "").splitlines()
    return [line.removeprefix(_EXAMPLE).strip() for line in lines if line.startswith(_EXAMPLE)]


def _wrapped(text: str) -> str:
    """A message that Typer prints as it is, after "Error: ", in lines that a terminal need not break within a word."""
    width = shutil.get_terminal_size().columns - len("Error: ") if sys.stderr.isatty() else 1000
    lines = (textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join(itertools.chain.from_iterable(lines))


def _how_to_set(option: str) -> str:
    """What sets a part of the config that somebody took for an option."""
    from nnexp.config.keys import GUESSED, KEYS

    key = option.replace("-", "_")
    key = GUESSED.get(key, key)
    return f"It is a key of the config: --set {key}=…" if key in KEYS else _ANY_PART


def _initials(option: str) -> str:
    """`lr` of `--learning-rate`."""
    return "".join(word[0] for word in option.strip("-").split("-"))


def _example(command: str, indent: str) -> str:
    """A command that can be copied from a terminal on which it is too long."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
    together = re.sub(r"(?<= )(-\S+) (?!-)", "\\1\0", command)  # an option and its value
    lines = textwrap.wrap(together, width - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    return (indent + f" \\\n{indent}    ".join(lines) + "\n").replace("\0", " ")


class PlainGroup(TyperGroup):
    """A group whose help lists the commands by purpose, without having to make them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command of that name; one who types what other tools call it is told its name here."""
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            if here := _ELSEWHERE.get(args[0]):
                error.message = f"No such command '{args[0]}'; write  nnexp {here}"
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A section for each purpose, names in one column."""
        widest = max(map(len, COMMANDS))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{widest}}", what) for name, what in commands.items()])
