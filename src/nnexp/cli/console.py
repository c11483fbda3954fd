"""The two consoles: people read the one on stderr (or a command's own table on stdout), programs read stdout."""

from __future__ import annotations

import functools
import itertools
import operator
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from nnexp.cli.help import COMMANDS
from nnexp.errors import Amiss, ConfigError, NnexpError
from nnexp.runs.reading import text_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_COMMAND = re.compile(rf"`[^`]*`|\bnnexp (?:{'|'.join(COMMANDS)}) .*|^source .*")
_NO_BREAK = "\0"  # a space at which no line is broken; no text that is shown has this sign
_GAP = 3  # between the columns of a table
_LONGEST_WORD = 20  # that is not broken in a table where there is no room


@functools.cache
def stdout() -> Console:
    """For what a command is asked for: tables, or JSON."""
    return _console(stderr=False)


@functools.cache
def stderr() -> Console:
    """For what accompanies it: progress, notes, errors."""
    return _console(stderr=True)


def end_at_once() -> NoReturn:
    """End the process with exit code 0. To take thousands of records apart first would be a tenth of its time."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was started without one
            stream.flush()
    os._exit(0)


def say_error(error: NnexpError) -> None:
    """One message: every problem with its place, and how many there are. Without Rich, which takes longer to import."""
    if not isinstance(error, ConfigError):
        first, *more = text_of(str(error)).split("\n")
        name, width = "error: ", _columns()
        lines = [*_beside(name, first, width), *(fold(line, width) for line in more)]
        typer.echo(_style(name, fg="red", bold=True) + "\n".join(lines), err=True)
        return
    for problem in error.problems:
        place = text_of(f"{problem.place}: ")
        first, *others = _beside(place, text_of(problem.message), _columns())
        typer.echo(_style(place, bold=True) + _style(first, fg="red"), err=True)
        for line in others:
            typer.echo(_style(line, fg="red"), err=True)
        for line in problem.hint.splitlines():
            typer.echo(fold(f"    {text_of(line)}", _columns()), err=True)
    count = len(error.problems)
    told: Amiss = f"{count} {'problem' if count == 1 else 'problems'}; nothing was started."
    typer.echo(told, err=True)


def _columns() -> int:
    """Those of the terminal that stderr is; elsewhere nothing is folded."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    return shutil.get_terminal_size().columns if on_terminal else sys.maxsize


def _beside(name: str, text: str, width: int) -> list[str]:
    """The lines of a text that begins beside a name, "error: " or a place; the name itself is not broken."""
    first, *others = fold("x" * len(name.rstrip()) + f" {text}", width, "  ").split("\n")
    return [first[len(name) :], *others]


def fold(text: str, width: int, further: str | None = None) -> str:
    """A text with its long lines broken between words; they go on two columns to the right, or with `further`.

    What is to be copied, a command or a path, is not broken: if it is too long, that is left to the terminal.
    """
    lines = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        words = line.lstrip()
        indent = line[: len(line) - len(words)]
        lines += textwrap.wrap(
            _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), words),
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  " if further is None else further,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines).replace(_NO_BREAK, " ")


def say(console: Console, text: str, style: str = "") -> None:
    """Print a sentence: folded on a terminal, elsewhere as it is."""
    from rich.text import Text

    console.print(Text(fold(text, console.width) if console.is_terminal else text, style), soft_wrap=True)


def say_of(console: Console, name: str, name_style: str, text: str, style: str = "") -> None:
    """Print a sentence that begins with a name in a style of its own, as `say` does; the name ends with a space."""
    from rich.text import Text

    lines = _beside(name, text, console.width) if console.is_terminal else [text]
    console.print(Text.assemble((name, name_style), ("\n".join(lines), style)), soft_wrap=True)


def say_amiss(console: Console, text: Amiss, style: str = "") -> None:
    """Print a sentence that tells what is amiss, or left out: docs/errors.md lists all that are said by this."""
    say(console, text, style)


def _style(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, fg=fg, bold=bold)


def table(*columns: str, title: str = "", right: tuple[str, ...] = ()) -> Table:
    """An empty table in nnexp's one style; the columns in `right` hold numbers."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def beside(name: str, width: int, text: str | Text) -> Table:
    """A name in a column of its own, and a text beside it that keeps to its own column where it is folded."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=width)
    made.add_column(overflow="fold")
    made.add_row(Text(name, "dim"), text)
    return made


def print_fact(console: Console, name: str, value: Text, width: int, *, whole: bool = False) -> None:
    """One fact, its name in so many columns; a `whole` one is to be copied, so that nnexp breaks no line of it."""
    from rich.text import Text

    if console.is_terminal and not whole:
        console.print(beside(name, width, value))
    else:
        console.print(Text.assemble((f"{name:<{width}}  ", "dim"), value), soft_wrap=True)


def that_fit(
    columns: Sequence[str], rows: Sequence[Sequence[str]], room: int, order: Sequence[str], gap: int = _GAP
) -> list[int]:
    """The places of the columns that fit into `room`; those in `order` are left out first, the first of them first."""
    widths = [max(map(len, cells)) + gap for cells in zip(columns, *rows, strict=True)]
    kept = list(range(len(columns)))
    for name in order:
        if sum(widths[place] for place in kept) > room:
            kept.remove(list(columns).index(name))
    return kept


def print_left_out(console: Console, columns: Sequence[str], kept: Sequence[int]) -> None:
    """Name the columns that there was no room for."""
    if hidden := [name for place, name in enumerate(columns) if place not in kept]:
        say_amiss(console, f"no room here for {', '.join(hidden)}; --json has all", "dim")


def print_long(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: tuple[str, ...],
    *,
    less_asked: Sequence[str] = (),
    styles: Sequence[str] = (),
    title: str = "",
) -> None:
    """Print a table that may have thousands of rows; a line each where no terminal is to be kept to.

    Rich, which takes a second for these, is asked only to fold. Where there is no room, the columns in `less_asked` are
    left out and named, the first of them first. `styles` has one for each row.
    """
    if title:
        say(console, title, "italic")
    if not print_unfolded(console, columns, rows, right, styles):
        widths = _widths(columns, rows, right, console.width, less_asked)
        made = table(*(columns[place] for place in widths), right=right)
        for column, (place, width) in zip(made.columns, widths.items(), strict=True):
            column.width = width
            if len(columns[place]) > width:
                column.header = columns[place].replace("_", "_\n")
        for row, style in zip(rows, styles or [""] * len(rows), strict=True):
            made.add_row(*(row[place] for place in widths), style=style)
        console.print(made)
        print_left_out(console, columns, list(widths))


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], room: int, less_asked: Sequence[str]
) -> dict[int, int]:
    """The places of the columns that fit into `room`, each with its width: no number is broken, and no usual word."""
    from rich.cells import cell_len

    texts = [[name, *(row[place] for row in rows)] for place, name in enumerate(columns)]
    widest = [max(map(cell_len, column)) for column in texts]
    words = [[*name.replace("_", "_ ").split(), *" ".join(cells).split()] for name, *cells in texts]
    longest = [max(map(cell_len, column), default=1) for column in words]
    widths = {
        place: longest[place] if name in right else min(longest[place], _LONGEST_WORD)
        for place, name in enumerate(columns)
    }

    def spare() -> int:
        return room - sum(widths.values()) - _GAP * len(widths) + 1

    for name in less_asked:
        if spare() < 0:
            widths.pop(list(columns).index(name), None)  # two columns may have one name
    while spare() < 0 and (wide := [place for place in widths if columns[place] not in right and widths[place] > 8]):
        widths[max(wide, key=widths.__getitem__)] -= 1
    while spare() > 0 and (narrow := [place for place in widths if widths[place] < widest[place]]):
        widths[min(narrow, key=widths.__getitem__)] += 1
    return widths


def print_unfolded(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: tuple[str, ...],
    styles: Sequence[str] = (),
) -> bool:
    """Print a table without Rich's, to the same text, if no cell has to be folded for it; whether it was printed.

    `styles` has one for each row.
    """
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    width = sum(widths) + 3 * len(widths) - 1
    if console.is_terminal and width > console.width:
        return False

    def line(cells: Sequence[str]) -> str:
        padded = []
        for name, cell, room in zip(columns, cells, widths, strict=True):
            space = " " * (room - cell_len(cell))
            padded.append(space + cell if name in right else cell + space)
        return f" {'   '.join(padded)} "

    blank = " " * width
    console.out(blank)
    console.out(line(columns), style="bold")
    console.out(f" {'─' * (width - 2)} ")
    lines = zip(styles or [""] * len(rows), map(line, rows), strict=True)
    for style, alike in itertools.groupby(lines, key=operator.itemgetter(0)):
        console.out("\n".join(text for _, text in alike), style=style or None)
    console.out(blank)
    return True


def duration(seconds: float) -> str:
    """A time span as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Steady(Console):
        """Goes silent when its reader is gone (`nnexp run … | head`), where Rich would end the process."""

        @property
        def is_terminal(self) -> bool:
            """Not where FORCE_COLOR says so of a pipe: Rich would move about in it."""
            return super().is_terminal and self.file.isatty()

        def on_broken_pipe(self) -> None:
            self.quiet = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())  # what is still in the buffer must not fail again
            os.close(nowhere)

    # No markup, no highlighting: names and messages are shown as they are.
    return Steady(stderr=stderr, markup=False, highlight=False, emoji=False)
