"""What users name: the groups to show (`--filter`), their order (`--sort`), the one to compare with (`--baseline`)."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from nnexp.comparison.grouping import label_names
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Group
from nnexp.errors import InputError
from nnexp.runs.record import STATUSES, RunRecord
from nnexp.tasks import HEADLINES, figure_called

# Told of single runs; all else is told of groups, so that no filter can pick the lucky runs of a mean.
OF_RUNS = ("name", "status", "seed", "task")
_CHOICES: Mapping[str, Sequence[str]] = {"status": STATUSES, "task": tuple(HEADLINES)}
_MOST_WAYS = 100  # in which a few values can be meant
_GRAMMAR = re.compile(r"\s*([^\s<>=!]+)\s*(<=|>=|!=|==|=|<|>)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition such as hidden>=512 or name=fashion*."""

    name: str
    operator: str
    value: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read NAME, a comparison, and a value.

        Raises:
            InputError: it is none, or of a status or task that does not exist.
        """
        found = _GRAMMAR.fullmatch(text)
        if not found or not found[3]:
            examples = "--filter 'hidden>=512', --filter 'accuracy>0.8', --filter 'name=fashion*'"
            raise InputError(f"--filter {text}: write NAME, one of < <= > >= = !=, and a value, such as {examples}")
        chosen = cls(found[1], "=" if found[2] == "==" else found[2], found[3], text)
        choices = _CHOICES.get(chosen.name)
        if choices and not any(fnmatchcase(choice, chosen.value) for choice in choices):
            raise InputError(_unknown(f"--filter {text}", f"{chosen.name} '{chosen.value}'", chosen.value, choices))
        return chosen

    @property
    def of_runs(self) -> bool:
        """Whether it is about single runs."""
        return self.name in OF_RUNS

    @property
    def of_a_number(self) -> bool:
        """Whether the value is a number."""
        return _as_number(self.value) is not None

    def keeps_run(self, run: RunRecord) -> bool:
        """Whether a run passes."""
        return self.keeps(getattr(run, self.name))

    def keeps(self, value: Any) -> bool:
        """Whether a value passes. What is no number is only equal or not; what is absent is unequal to all."""
        if value is None:
            return self.operator == "!="
        first, second = _as_number(value), _as_number(self.value)
        if first is None or second is None:
            alike = fnmatchcase(compact(value), self.value)
            return alike if self.operator == "=" else not alike if self.operator == "!=" else False
        match self.operator:
            case "<":
                return first < second
            case "<=":
                return first <= second
            case ">":
                return first > second
            case ">=":
                return first >= second
            case "=":
                return first == second
            case _:
                return first != second


def resolve(name: str, known: Iterable[str], option: str) -> str:
    """The full name that a user means: exact, the ending of exactly one (`learning_rate`), or as tables say (`RMSE`).

    Raises:
        InputError: there is none, with those there are.
    """
    names = list(dict.fromkeys(known))
    if name in names:
        return name
    endings = [full for full in names if full.endswith(f".{name}")]
    if len(endings) == 1:
        return endings[0]
    if figure := figure_called(name, names):
        return figure
    raise InputError(_unknown(option, f"'{name}'", name, names, endings or names))


def ordered(groups: Sequence[Group], name: str, metrics: Sequence[str]) -> list[Group]:
    """The groups by a parameter or a metric; `-name` turns it round. Those that have none come last.

    Raises:
        InputError: there is no such parameter or metric.
    """
    known = [*metrics, *groups[0].parameters, *_OF_GROUPS]
    chosen = resolve(name.removeprefix("-"), known, "--sort")

    def value(group: Group) -> Any:
        if chosen in metrics:
            return group.estimates[chosen].mean if chosen in group.estimates else None
        return group.parameters[chosen] if chosen in group.parameters else _OF_GROUPS[chosen](group)

    present = [group for group in groups if value(group) is not None]
    present.sort(key=lambda group: _sort_key(value(group)), reverse=name.startswith("-"))
    return [*present, *(group for group in groups if value(group) is None)]


# What groups can be sorted by besides.
_OF_GROUPS: Mapping[str, Callable[[Group], Any]] = {
    "label": lambda group: group.label,
    "runs": lambda group: len(group.runs),
    "parameters": lambda group: group.total_parameters,
    "epochs": lambda group: group.epochs,
}


class NoBaseline(InputError):
    """The group to compare with is not there, or has no result."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the groups are held against: one group; or, by a value of some parameters, those that have it.

    A group is then held against the one of these that is like it in all else.
    """

    groups: tuple[Group, ...]
    values: Mapping[str, str]  # in words, by parameter: those named where there are several groups, else all

    @property
    def label(self) -> str:
        """What it is called."""
        if len(self.groups) == 1:
            return self.groups[0].label
        names = label_names(list(self.groups[0].parameters))
        return ", ".join(f"{names[name]}={value}" for name, value in self.values.items())

    def pairs(self, groups: Sequence[Group]) -> list[tuple[Group, Group]]:
        """Each of the groups with what it is held against; without the baseline's own, and those that have no like."""
        own = {group.label for group in self.groups}
        others = [group for group in groups if group.label not in own]
        if len(self.groups) == 1:
            return [(group, self.groups[0]) for group in others]
        likes = {self._rest(group): group for group in self.groups}
        return [(group, like) for group in others if (like := likes.get(self._rest(group)))]

    def _rest(self, group: Group) -> tuple[str, ...]:
        return tuple(compact(value) for name, value in group.parameters.items() if name not in self.values)


def baseline_of(groups: Sequence[Group], named: str, short: Mapping[str, str], metric: str) -> Baseline:
    """What a user means by a label, a value, the name of runs, or one or all run folders of a group.

    Raises:
        NoBaseline: there is none, or several, or it has no result to compare with.
    """
    folder = Path(named)
    names: tuple[Callable[[Group], bool], ...] = (
        lambda group: named in {group.label, short[group.label]},
        lambda group: any(run.name == named for run in group.all_runs),
        # what a sweep calls the repeats
        lambda group: any(run.path.name.rpartition("_seed=")[0] == named for run in group.all_runs),
        lambda group: any(run.path.name == folder.name and _is_same(run.path, folder) for run in group.all_runs),
    )
    several: list[Group] = []
    for is_meant in names:
        found = [group for group in groups if is_meant(group)]
        if len(found) == 1:
            return _one(found[0], named, metric)
        several = several or found
    meant = [(values, found) for values in _settings(groups, named) if (found := _having(groups, values))]
    if len(meant) == 1:
        [(values, found)] = meant
        measured = tuple(group for group in found if metric in group.estimates)
        return Baseline(measured, values) if len(found) > 1 and measured else _one(found[0], named, metric)
    if several := several or [group for group in groups if any(group in found for _, found in meant)]:
        shown = _listed([group.label for group in several])
        raise NoBaseline(f"--baseline {named}: {len(several)} groups go by that name; give one of: {shown}")
    raise NoBaseline(_unknown(f"--baseline {named}", "group of that name", named, [short[one.label] for one in groups]))


def _one(group: Group, named: str, metric: str) -> Baseline:
    if metric not in group.estimates:
        why = group.left_out[0].reason
        raise NoBaseline(f"--baseline {named}: none of its runs has a result to compare with ({why}); give another")
    return Baseline((group,), {name: compact(value) for name, value in group.parameters.items()})


def _settings(groups: Sequence[Group], named: str) -> Iterator[dict[str, str]]:
    """The values of parameters that a user may mean by `64,relu` or `rate=0`: in any order, whatever the spaces."""
    held = {name: {compact(group.parameters[name]) for group in groups} for name in groups[0].parameters}
    ways = []
    for part in map(str.strip, named.split(",")):
        of, _, value = part.rpartition("=")
        known = [name for name in held if not of or name == of or name.endswith(f".{of}")]
        ways.append([(name, value) for name in known if value in held[name]])
    ways_of_all = {frozenset(chosen) for chosen in itertools.islice(itertools.product(*ways), _MOST_WAYS)}
    yield from (values for way in ways_of_all if len(values := dict(sorted(way))) == len(ways))


def _having(groups: Sequence[Group], values: Mapping[str, str]) -> list[Group]:
    return [
        group for group in groups if all(compact(group.parameters[name]) == value for name, value in values.items())
    ]


def _unknown(option: str, what: str, name: str, known: Sequence[str], shown: Sequence[str] | None = None) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{option}: there is no {what}; {hint}there are: {_listed(shown or known)}"


def _listed(names: Sequence[str]) -> str:
    """In a row; names that hold commas one a line."""
    return "".join(f"\n    {name}" for name in names) if any("," in name for name in names) else ", ".join(names)


def _is_same(run: Path, folder: Path) -> bool:
    try:
        return run.samefile(folder)
    except (OSError, ValueError):  # not there, or a label that is too long for a path
        return False


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Numbers by size, before texts."""
    number = _as_number(value)
    return (1, 0.0, compact(value)) if number is None else (0, number, "")


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
