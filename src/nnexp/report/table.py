"""The table of the groups: what each cell says, and what it sorts by."""

from __future__ import annotations

from dataclasses import dataclass

from nnexp.comparison import series
from nnexp.comparison.grouping import short_names
from nnexp.comparison.metrics import figure
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Comparison, Group
from nnexp.comparison.table import epochs_heading, kinds_left_out
from nnexp.report.rendering import seconds
from nnexp.tasks import in_letters

# Metrics beside the compared one; more would not be read.
_MOST_OTHERS = 6
CROWDED = 10  # columns; more do not stand side by side on most screens


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row's column."""

    text: str
    small: str = ""
    mark: str = ""  # "best", "tied", "unsure"
    sort: float | str | None = None  # None: below all others, either way


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name, shortened or not; those of numbers stand to the right."""

    name: str
    numbers: bool
    whole: str = ""  # the name where it is shortened


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first `heads` cells of a row name it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    heads: int
    alike: tuple[str, ...] = ()  # what is the same in all rows and has no column: "epochs 60"
    beyond: tuple[str, ...] = ()  # metrics that there is no column for


def groups_table(comparison: Comparison) -> Table:
    """A row a group, in the comparison's order; those without a run that counts are there too, with the reason."""
    implied, _ = series.short_labels(comparison)
    labelled = not implied or len(comparison.parameters) > series.MOST_VARIED
    parameters = comparison.parameters[: series.MOST_VARIED]
    every = [name for name in comparison.metrics if _is_another(name, comparison)]
    others, beyond = every[:_MOST_OTHERS], tuple(every[_MOST_OTHERS:])
    numeric = [series.axis_of(comparison.groups, name).kind != "category" for name in parameters]
    timed = any("seconds" in group.estimates for group in comparison.groups) and comparison.metric != "seconds"
    epochs = epochs_heading(comparison)
    trailing = [*others, "parameters", *([epochs] if epochs else []), *(["time"] if timed else [])]
    columns = (
        *([Column(_kind_of_row(comparison), False)] if labelled else []),
        *map(_column, short_names(parameters).values(), numeric, parameters),
        Column("runs", True),
        Column(comparison.metric, True),
        *(_column(in_letters(name), True, name) for name in trailing),
        *([Column("left out", False)] if comparison.left_out else []),
    )
    rows = []
    for group in comparison.groups:
        heads = [Cell(group.label, sort=group.label)] if labelled else []
        heads += [_parameter(group, name) for name in parameters]
        heads[0] = Cell(heads[0].text, heads[0].small, _mark(comparison, group), heads[0].sort)
        rows.append(
            (
                *heads,
                _count(group),
                _figure(group, comparison.metric),
                *(_figure(group, name, interval=False) for name in others),
                _whole(group.total_parameters),
                *([_whole(group.epochs)] if epochs else []),
                *([_time(group)] if timed else []),
                *([_left_out(group)] if comparison.left_out else []),
            )
        )
    table = Table(columns, tuple(rows), labelled + len(parameters), beyond=beyond)
    return _without_alike(table, comparison.metric)


def _kind_of_row(comparison: Comparison) -> str:
    return "group" if any(len(group.all_runs) > 1 for group in comparison.groups) else "run"


def _without_alike(table: Table, metric: str) -> Table:
    """Where there is no room for all columns, without those that are the same in all rows, which stand below."""
    if len(table.columns) <= CROWDED or len(table.rows) == 1:
        return table
    alike = [
        place
        for place, column in enumerate(table.columns)
        if place >= table.heads and column.name != metric and len({row[place].text for row in table.rows}) == 1
    ]
    kept = [place for place in range(len(table.columns)) if place not in alike]
    return Table(
        tuple(table.columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in table.rows),
        table.heads,
        tuple(f"{table.columns[place].name} {table.rows[0][place].text}" for place in alike),
        table.beyond,
    )


def _column(short: str, numbers: bool, name: str) -> Column:
    return Column(short, numbers, name if short != name else "")


def _is_another(metric: str, comparison: Comparison) -> bool:
    """Time has a column of its own, and training figures say nothing of what was learnt."""
    return metric not in (comparison.metric, "seconds") and not metric.startswith("train_")


def _mark(comparison: Comparison, group: Group) -> str:
    if len(comparison.groups) == 1:
        return ""
    if group.label == comparison.best:
        return "best"
    if group.label in comparison.unsure:
        return "unsure"
    return "tied" if group.label in comparison.tied else ""


def _parameter(group: Group, name: str) -> Cell:
    value = group.parameters.get(name)
    text = compact(value)
    return Cell(text, sort=None if value is None else text)


def _count(group: Group) -> Cell:
    total = len(group.all_runs)
    return Cell(str(total) if len(group.runs) == total else f"{len(group.runs)} of {total}", sort=len(group.runs))


def _figure(group: Group, metric: str, *, interval: bool = True) -> Cell:
    estimate = group.estimates.get(metric)
    if estimate is None:
        return Cell("–")
    known = interval and estimate.low is not None and estimate.high is not None
    small = f"[{figure(estimate.low, metric)}, {figure(estimate.high, metric)}]" if known else ""
    return Cell(figure(estimate.mean, metric), small, sort=estimate.mean)


def _whole(value: float | None) -> Cell:
    if value is None:
        return Cell("–")
    return Cell(f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}", sort=value)


def _time(group: Group) -> Cell:
    estimate = group.estimates.get("seconds")
    return Cell(seconds(estimate.mean), sort=estimate.mean) if estimate else Cell("–")


def _left_out(group: Group) -> Cell:
    """How many and how they ended; the section of that name has each with its reason."""
    kinds = kinds_left_out(group).items()
    return Cell(", ".join(f"{count} {kind}" for kind, count in kinds), sort=len(group.left_out) or None)
