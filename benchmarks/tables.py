"""Results as tables: on a terminal and in Markdown, from the same cells."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Bar, Result, Row

# How each measure is headed and written.
MEASURES = {
    "epoch": ("epoch, s", "{:.3g}"),
    "first": ("first epoch, s", "{:.3g}"),
    "wall": ("wall, s", "{:.3g}"),
    "cold": ("first time, s", "{:.3g}"),
    "cpu": ("CPU, s", "{:.3g}"),
    "peak": ("peak memory, MB", "{:,.0f}"),
    "accuracy": ("test accuracy", "{:.4f}"),
    "overhead": ("beyond the steps, part of training", "{:.3f}"),
}


def cells(result: Result) -> tuple[list[str], list[list[str]]]:
    """The heads and the rows: medians (lowest–highest), and what part of the first row's main measure each is."""
    measures = [name for name in MEASURES if any(name in row.samples for row in result.rows)]
    main = next(iter(result.rows[0].samples))
    heads = ["", *(MEASURES[name][0] for name in measures)]
    heads.insert(1 + measures.index(main) + 1, "ratio")
    several = len({len(row.samples[main]) for row in result.rows}) > 1
    if several:
        heads.append("rounds")
    noted = any(row.note for row in result.rows)
    rows = []
    for row in result.rows:
        line = [row.name, *(_figure(row, name) for name in measures)]
        line.insert(1 + measures.index(main) + 1, f"{row.median(main) / result.rows[0].median(main):.2f}")
        rows.append(line + [str(len(row.samples[main]))] * several + [row.note] * noted)
    return heads + [""] * noted, rows


def _figure(row: Row, measure: str) -> str:
    values = row.samples.get(measure)
    if not values:
        return ""
    written = MEASURES[measure][1].format
    low, high = written(min(values)), written(max(values))
    spread = f" ({low}–{high})" if low != high else ""
    return written(statistics.median(values)) + spread


def verdicts(result: Result) -> Iterator[tuple[str, bool | None]]:
    """For each bar a sentence, and whether it was kept; None where it could not be told."""
    for bar in result.bars:
        reached = result.reached(bar)
        kept = None if reached is None else reached <= bar.at_most
        yield _sentence(bar, reached, {True: "kept", False: "MISSED", None: "not measured"}[kept]), kept


def _sentence(bar: Bar, reached: float | None, verdict: str) -> str:
    head, form = MEASURES[bar.measure]
    what, _, unit = head.partition(", ")
    if bar.of:
        found = "" if reached is None else f" is {reached:.2f} of that of {bar.of}"
        return f"{bar.row}: {what}{found or f' against {bar.of}'}; bar {bar.at_most:.3g}: {verdict}"
    found = "" if reached is None else f" is {form.format(reached)}"
    unit = f" {unit}" if unit in {"s", "MB"} else ""
    return f"{bar.row}: {what}{found}; bar {form.format(bar.at_most)}{unit}: {verdict}"


def for_terminal(result: Result) -> RenderableType:
    """The table, its bars and its notes."""
    heads, rows = cells(result)
    table = Table(title=result.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 or not head else "right", no_wrap=bool(head or not place))
    for row in rows:
        table.add_row(*row)
    style = {True: "green", False: "red", None: "yellow"}
    lines = [Text(f"  {sentence}", style=style[kept]) for sentence, kept in verdicts(result)]
    return Group(table, *lines, *(Text(f"  {note}", style="dim") for note in result.notes), Text(""))


def for_page(result: Result) -> str:
    """The same in Markdown."""
    heads, rows = cells(result)
    align = ["---" if place == 0 or not head else "---:" for place, head in enumerate(heads)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (heads, align, *rows))
    said = [f"- {sentence.replace('MISSED', '**missed**')}" for sentence, _ in verdicts(result)]
    said += [f"- {note}" for note in result.notes]
    return "\n\n".join([f"**{result.title}**", table] + (["\n".join(said)] if said else []))
