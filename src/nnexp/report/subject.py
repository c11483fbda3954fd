"""What a report is about, and what was asked of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnexp.comparison.result import Comparison, Group, runs_of
from nnexp.runs.record import RunRecord

# Beyond this many runs the page would be too large: then only each group's first one is told in detail.
_MOST_DETAILED = 100
_LONGEST_HEADING = 200  # characters; a longer question stands whole in its section


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about."""

    comparison: Comparison
    sources: tuple[Path, ...]
    question: str
    reproduce: tuple[str, ...]  # commands that make the runs
    chosen: bool  # filters, metric or baseline were asked for: these commands do not make this page


def heading_of(subject: Subject) -> str:
    """What was asked, as a heading: the question, or the runs' one description, where that asks; else ""."""
    runs = runs_of(subject.comparison.groups)
    said = {subject.question} if subject.question else {run.description for run in runs}
    text = said.pop().strip() if len(said) == 1 and asks(list(said)) else ""
    return text if len(text) <= _LONGEST_HEADING else ""


def asks(descriptions: Sequence[str]) -> bool:
    """Whether any of them is a question."""
    return any(text.rstrip().endswith("?") for text in descriptions)


def places_of(comparison: Comparison) -> Mapping[Path, str]:
    """By the path of each run where it lies in the deepest folder that holds all of them: `anna/20261123-…_digits`."""
    paths = [run.path for run in runs_of(comparison.groups)]
    try:
        common = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # some are relative, some not: as they were named
        return {path: path.as_posix() for path in paths}
    return {path: path.relative_to(common).as_posix() for path in paths}


def detailed(comparison: Comparison) -> tuple[list[tuple[Group, RunRecord]], int]:
    """The runs to tell of in detail, and how many there are in all."""
    pairs = [(group, run) for group in comparison.groups for run in group.all_runs]
    if len(pairs) <= _MOST_DETAILED:
        return pairs, len(pairs)
    firsts = [(group, group.all_runs[0]) for group in comparison.groups if group.all_runs]
    return firsts[:_MOST_DETAILED], len(pairs)
