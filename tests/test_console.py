"""Tables of thousands of rows look as Rich makes them; of an outcome the names are dim, not the values."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from nnexp.cli.console import print_long, print_unfolded, table, that_fit
from nnexp.cli.outcome import print_outcome
from nnexp.runs import record

COLUMNS = ("run", "status", "epochs")
cells = st.text(st.sampled_from("ab 0.9é–数\U0001f600̈[]:"), max_size=12)


def printed(width: int, rows: list[list[str]], *, by_rich: bool) -> str:
    text = io.StringIO()
    console = Console(
        file=text, width=width, markup=False, highlight=False, emoji=False, force_terminal=True, color_system=None
    )
    if by_rich:
        made = table(*COLUMNS, right=COLUMNS[2:])
        for row in rows:
            made.add_row(*row)
        console.print(made)
    else:
        print_long(console, COLUMNS, rows, COLUMNS[2:])
    return text.getvalue()


@given(st.lists(st.tuples(cells, cells, st.integers(0, 10**9)), max_size=6), st.integers(36, 60))
def test_a_long_table_is_the_one_that_rich_makes_or_folded_with_its_numbers_whole(
    found: list[tuple[str, str, int]], width: int
) -> None:
    rows = [[name, status, str(epochs)] for name, status, epochs in found]
    told = printed(width, rows, by_rich=False)
    if told != printed(width, rows, by_rich=True):
        assert not print_unfolded(
            Console(file=io.StringIO(), width=width, force_terminal=True), COLUMNS, rows, COLUMNS[2:]
        )
        assert max(map(cell_len, told.splitlines())) <= width
        assert all(row[2] in told.split() for row in rows)
        signs = Counter("".join(told.replace("─", "").split()))
        assert signs == Counter("".join("".join(map("".join, [COLUMNS, *rows])).split()))


@pytest.mark.parametrize("rows", [[], [["a", "b", "1"]] * 3000])
def test_so_are_an_empty_one_and_one_of_thousands(rows: list[list[str]]) -> None:
    assert printed(80, rows, by_rich=False) == printed(80, rows, by_rich=True)


def test_on_a_terminal_rows_have_their_style_and_the_text_is_the_same() -> None:
    rows = [["best", "completed", "3"], ["other", "completed", "3"], ["gone", "failed", "0"]]
    text = io.StringIO()
    console = Console(
        file=text, width=60, highlight=False, force_terminal=True, color_system="standard", no_color=False
    )
    assert print_unfolded(console, COLUMNS, rows, COLUMNS[2:], ["bold", "", "dim"])
    lines = text.getvalue().splitlines()
    styles = {line.split()[0]: code for code, line in re.findall(r"\x1b\[(\d)m ([^\x1b]*)\x1b\[0m", text.getvalue())}
    assert styles == {"run": "1", "best": "1", "gone": "2"}
    assert [re.sub(r"\x1b\[\dm", "", line) for line in lines] == printed(60, rows, by_rich=True).splitlines()


def test_a_table_that_has_to_be_folded_is_left_to_rich() -> None:
    console = Console(file=(text := io.StringIO()), width=10, force_terminal=True)
    assert not print_unfolded(console, COLUMNS, [["a long name", "completed", "3"]], COLUMNS[2:])
    assert not text.getvalue()


def test_nothing_is_folded_where_nobody_looks() -> None:
    console = Console(file=(text := io.StringIO()), width=10)
    print_long(console, COLUMNS, [["a long name", "completed", "3"]], COLUMNS[2:])
    assert " a long name   completed        3 \n" in text.getvalue()


def test_columns_that_are_less_asked_for_give_way() -> None:
    rows = [["a name", "completed", "3"]]
    assert that_fit(COLUMNS, rows, 40, ("epochs", "status")) == [0, 1, 2]
    assert that_fit(COLUMNS, rows, 29, ("epochs", "status")) == [0, 1]
    assert that_fit(COLUMNS, rows, 5, ("epochs", "status")) == [0]


def test_the_figures_of_an_outcome_stand_out_from_their_names(trained: Path) -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, highlight=False, force_terminal=True, color_system="standard")
    print_outcome(record.read(trained / "iris"), console)
    assert re.search(r"^\x1b\[2mtest accuracy\x1b\[0m  \x1b\[1m0\.\d+\x1b\[0m  \(95 % interval", text.getvalue(), re.M)
    assert re.search(r"^\x1b\[2mstatus +\x1b\[0m +\x1b\[32mcompleted\x1b\[0m$", text.getvalue(), re.M)
