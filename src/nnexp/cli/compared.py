"""A comparison as a person reads it on a terminal."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from nnexp.cli.console import print_unfolded, say, say_amiss, table
from nnexp.comparison.found import in_a_phrase
from nnexp.comparison.grouping import label_names, short_names
from nnexp.comparison.metrics import figure, in_points
from nnexp.comparison.parameters import VARIANT, compact
from nnexp.comparison.result import EFFECTS, Comparison, Group
from nnexp.comparison.table import (
    corrected_for,
    counted,
    epochs_heading,
    estimate_text,
    intervals_cover,
    kinds_left_out,
)
from nnexp.errors import Amiss
from nnexp.findings import listed
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES

_MOST_ROWS = 50
_MOST_NAMED = 10
_WIDEST = 24  # a parameter's column is folded beyond
_GAP = 3  # between columns
_LONGEST_NAME = 100
_LONGEST_CELL = 300
_LONGEST_LINE = 2000
_PLACE = "in"  # a column that no other form of the table has


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table; those with the highest `rank` go first where the terminal is narrow."""

    name: str
    cells: Sequence[str]
    rank: int
    words: bool = False  # on the left, and folded where they are long

    @property
    def width(self) -> int:
        """The room it takes."""
        longest = max(map(len, self.cells))
        return max(len(self.name), min(longest, _WIDEST) if self.words else longest)


def print_comparison(comparison: Comparison, console: Console, whole: str = "--markdown or --csv") -> None:
    """Table, verdicts, findings, what was left out, and notes; `whole` has what the table has no room for."""
    _print_table(comparison, console, whole)
    against = "" if comparison.baseline is None else f" against the baseline {comparison.baseline}"
    _print_part(console, f"verdicts{_line(against, _LONGEST_NAME)}", _verdicts(comparison))
    if terms := _terms(comparison):
        _print_lines(console, [terms], "dim")
    if comparison.effects:
        _print_part(console, EFFECTS, comparison.effects.told)
        if families := corrected_for(comparison.effects.families):
            _print_lines(console, [families], "dim")
    _print_part(console, "findings", _findings(comparison))
    print_left_out(comparison, console)
    _print_part(console, "notes", comparison.notes)


def print_left_out(comparison: Comparison, console: Console) -> None:
    """The runs that are in no mean and those that could not be read, each with its reason; many shortened."""
    left_out = comparison.left_out
    lines: list[Amiss] = [f"{left.run.path}: {left.reason}" for left in left_out[:_MOST_NAMED]]
    if more := left_out[_MOST_NAMED:]:
        counts = Counter(left.run.status for left in more)
        kinds = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
        lines.append(f"and {len(more):,} more ({kinds}); --json names all")
    _print_part(console, "left out of the means", lines)
    lines = list(comparison.unreadable[:_MOST_NAMED])
    if len(comparison.unreadable) > _MOST_NAMED:
        lines.append(f"and {len(comparison.unreadable) - _MOST_NAMED:,} more; --json names all")
    _print_part(console, "could not be read", lines)


def _print_table(comparison: Comparison, console: Console, whole: str) -> None:
    groups = comparison.groups[:_MOST_ROWS]
    columns = _columns(comparison, groups)
    shown = _that_fit(columns, console.width)
    if len(shown) < len(columns):
        columns = _columns(comparison, groups, short=True)
        shown = _that_fit(columns, console.width)
    names = [column.name for column in shown]
    right = tuple(column.name for column in shown if not column.words)
    rows = [[_line(column.cells[place], _LONGEST_CELL) for column in shown] for place in range(len(groups))]
    styles = ["bold" if group.label == comparison.best else "" if group.runs else "dim" for group in groups]
    if not print_unfolded(console, names, rows, right, styles):
        made = table(*names, right=right)
        for column, made_column in zip(shown, made.columns, strict=True):
            made_column.no_wrap = not column.words
        for row, style in zip(rows, styles, strict=True):
            made.add_row(*row, style=style)
        console.print(made)
    legend = _legend(comparison, groups)
    legend += ["–: has none"] if any(column.words and "–" in column.cells for column in shown) else []
    whole_line = "   ".join(legend)
    for line in [whole_line] if legend and len(whole_line) <= console.width else legend:
        say(console, line, "dim")
    if hidden := [column.name for column in columns if column not in shown and column.name != _PLACE]:
        more = [f"{len(hidden) - _MOST_NAMED:,} more"] if len(hidden) > _MOST_NAMED else []
        say_amiss(console, f"no room here for {', '.join([*hidden[:_MOST_NAMED], *more])}; {whole} has all", "dim")
    if len(comparison.groups) > len(groups):
        hidden_groups = len(comparison.groups) - len(groups)
        say_amiss(console, f"{hidden_groups:,} more groups are not shown; {whole} has all", "dim")


def _that_fit(columns: Sequence[_Column], room: int) -> list[_Column]:
    """The columns that there is room for, and those that are always shown."""
    taken = sum(column.width + _GAP for column in columns)
    dropped = set()
    for place in sorted(range(len(columns)), key=lambda place: (columns[place].rank, place), reverse=True):
        if taken <= room or not columns[place].rank:
            break
        taken -= columns[place].width + _GAP
        dropped.add(place)
    return [column for place, column in enumerate(columns) if place not in dropped]


def _legend(comparison: Comparison, groups: Sequence[Group]) -> list[str]:
    """What the marks and intervals mean; only those that are there."""
    shown = [found for group in groups if (found := group.estimates.get(comparison.metric)) and found.low is not None]
    texts = "".join(estimate_text(estimate, comparison.metric) for estimate in shown)
    signs = " and ".join(sign for sign in ("±", "[ ]") if sign[0] in texts)
    same = len(comparison.as_good)
    parts = ["★ best" + (f", the first of {same + 1} with the same mean" if same else "")] if comparison.best else []
    tied = "≈ cannot be told from the best: as good, or too few repeats to say"
    parts += [tied] if set(comparison.tied) - comparison.unsure else []
    apart = "; what each parameter does is told below" if comparison.effects else ""
    parts += [f"? differs, but of so many comparisons it may be chance{apart}"] if comparison.unsure else []
    if comparison.of_best and comparison.tied:
        parts.append("marks are against the best, verdicts against the baseline; a report has both")
    parts += [f"{signs}: 95 % interval over {intervals_cover(groups, comparison.metric)}"] if shown else []
    return parts


def _columns(comparison: Comparison, groups: Sequence[Group], *, short: bool = False) -> list[_Column]:
    marks = dict.fromkeys(comparison.tied, "≈") | dict.fromkeys(comparison.unsure, "?") | {comparison.best: "★"}
    columns = [_Column("", [marks.get(group.label, "") for group in groups], 0, words=True)]
    by_parameters = all(group.label == ", ".join(_parts(group)) for group in groups)
    if not by_parameters or not comparison.parameters:
        columns.append(_Column("group", [group.label for group in groups], 0, words=True))
    headings = short_names(comparison.parameters)
    for place, name in enumerate(comparison.parameters):
        cells = [compact(group.parameters[name]) for group in groups]
        heading = _line(headings[name] if short else name, _LONGEST_NAME) + (
            " (config)" if name in comparison.metrics else ""
        )
        # Where the groups have names, long words are the first to go.
        rank = 0 if by_parameters else 7 if max(map(len, cells)) > _WIDEST else 2
        columns.append(_Column(heading, cells, rank if place < _MOST_NAMED else 2 + place, words=True))
    if any(places := _places(groups)):
        columns.append(_Column(_PLACE, places, 1, words=True))
    columns += [
        _Column("runs", [counted(group) for group in groups], 1),
        _metric_column(comparison.metric, groups, interval=True, rank=0),
    ]
    headlines = [name for name in comparison.metrics if name in HEADLINES.values()]
    beside = "loss" if comparison.metric != "loss" else next(iter(headlines), "accuracy")
    if any(beside in group.estimates for group in groups):
        columns.append(_metric_column(beside, groups, interval=False, rank=3))
    counts = ["–" if group.total_parameters is None else f"{group.total_parameters:,}" for group in groups]
    epochs = ["–" if group.epochs is None else f"{group.epochs:.3g}" for group in groups]
    columns.append(_Column("parameters", counts, 6))
    if heading := epochs_heading(comparison):
        columns.append(_Column(heading, epochs, 5))
    if comparison.metric != "seconds":
        columns.append(_Column("time", [figure(_mean(group, "seconds"), "seconds") for group in groups], 4))
    if comparison.left_out:
        columns.append(_Column("left out", [_kinds_left_out(group) for group in groups], 2, words=True))
    return columns


def _places(groups: Sequence[Group]) -> list[str]:
    """The directory of each group's runs, where they lie in several: who handed them in, or of which sweep they are."""
    parents = [{run.path.parent.absolute() for run in group.all_runs} for group in groups]
    every = set().union(*parents)
    if len(every) < 2:
        return []
    common = os.path.commonpath(every)
    parts = {parent: parent.relative_to(common).parts or ("",) for parent in every}
    # The first part, or the last, says enough where no two have the same.
    ways = [{parent: ends[place] for parent, ends in parts.items()} for place in (0, -1)]
    whole = {parent: "/".join(ends) for parent, ends in parts.items()}
    shown = next((way for way in ways if len(set(way.values())) == len(every)), whole)
    return [printable(shown[min(of)]) if len(of) == 1 else "" for of in parents]


def _parts(group: Group) -> Iterator[str]:
    """What a label is made of, where parameters tell the groups apart."""
    names = label_names(list(group.parameters))
    for name, value in group.parameters.items():
        if value is not None:
            yield compact(value) if name == VARIANT else f"{names[name]}={compact(value)}"


def _metric_column(metric: str, groups: Sequence[Group], *, interval: bool, rank: int) -> _Column:
    if interval:
        return _Column(metric, [estimate_text(group.estimates.get(metric), metric) for group in groups], rank)
    return _Column(metric, [figure(_mean(group, metric), metric) for group in groups], rank)


def _mean(group: Group, metric: str) -> float | None:
    return group.estimates[metric].mean if metric in group.estimates else None


def _kinds_left_out(group: Group) -> str:
    kinds = kinds_left_out(group).items()
    return ", ".join(kind if len(group.all_runs) == 1 else f"{count} {kind}" for kind, count in kinds)


def _verdicts(comparison: Comparison) -> list[str]:
    """The verdicts in words; several that were refused for one reason in one line."""
    told = [verdict.text for verdict in comparison.verdicts if verdict.outcome != "refused"]
    refused: dict[tuple[str, str], list[str]] = {}
    for verdict in comparison.verdicts:
        if verdict.outcome == "refused":
            one, other = verdict.first, verdict.second
            one, other = (other, one) if comparison.baseline else (one, other)
            refused.setdefault((one, verdict.text.partition(": ")[2]), []).append(other)
    for (one, reason), others in refused.items():
        named = others if len(others) <= _MOST_NAMED else [*others[:_MOST_NAMED], f"{len(others) - _MOST_NAMED} more"]
        refusal: Amiss = f"{one} cannot be compared with {listed(named)}: {reason}"
        told.append(refusal)
    return told


def _terms(comparison: Comparison) -> str:
    """What the figures of the verdicts are; "" where there are none."""
    tested = [verdict.text for verdict in comparison.verdicts if verdict.p is not None]
    if not tested:
        return ""
    holm = re.search(r"Holm over (\d+)", tested[0])
    parts = [
        *(["points: percentage points"] if in_points(comparison.metric) else []),
        "[ ]: 95 % interval of the difference",
        "p: how probable such a difference would be if there were none",
        *([f"{holm[0]}: corrected for {holm[1]} comparisons"] if holm else []),
    ]
    return "; ".join(parts)


def _findings(comparison: Comparison) -> list[str]:
    """Errors and warnings, with in how many of its runs a group has each: "classes never predicted in 4 of 5 runs"."""
    flagged = [(run, codes) for group in comparison.groups for run in group.all_runs if (codes := _grave(run))]
    grave = {code for _, codes in flagged for code in codes}
    lines = []
    for group in comparison.groups:
        found = [in_a_phrase(group, code) for code in group.findings if code in grave]
        if found:
            lines.append(f"{group.label}: {', '.join(found)}")
    if len(lines) > _MOST_NAMED:
        more: Amiss = f"and in {len(lines) - _MOST_NAMED:,} more groups; --json names all"
        lines = [*lines[:_MOST_NAMED], more]
    if not lines:
        return []
    one, _ = max(flagged, key=lambda found: ("error" in found[1].values(), len(found[1])))
    return [
        *lines,
        f"what each means, and what to try, here of a run with most of them:  nnexp show {shlex.quote(str(one.path))}",
    ]


def _grave(run: RunRecord) -> dict[str, str]:
    """The codes of a run's errors and warnings, with what each is of these."""
    return {
        str(finding.get("code")): str(severity)
        for finding in run.findings
        if (severity := finding.get("severity")) in ("warning", "error")  # no set: a forged one may be a list
    }


def _print_part(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(f"\n{title}", "bold"))
    _print_lines(console, lines)


def _print_lines(console: Console, lines: Sequence[str], style: str = "") -> None:
    for line in (_line(line, _LONGEST_LINE) for line in lines):
        say(console, f"  {line}", style)


def _line(text: str, most: int) -> str:
    """One line of at most so many characters."""
    line = printable(text)
    return line if len(line) <= most else f"{line[:most]}…"
