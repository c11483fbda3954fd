"""The section Question: what was asked, what the configurations differ in, and what they have in common."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.comparison import series
from nnexp.comparison.parameters import VARIANT, Parameters, compact, flatten, layers_in_words
from nnexp.comparison.result import Comparison, Group, runs_of
from nnexp.data.balance import unequal
from nnexp.events import USES
from nnexp.examples import dataset_entry
from nnexp.report.columns import columns_in_words, spanned
from nnexp.report.rendering import render
from nnexp.report.subject import Subject, asks, heading_of
from nnexp.runs.figures import counts
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_LISTED = 200
_MOST_ASKED = 5
_MOST_NAMED = 6  # parameters in a question
_SHORT = 60  # characters; values with longer ones stand one below the other
_RATE = "optimizer.learning_rate"
# What the reader of a result asks of its config; all of it stands with the runs.
_COMMON = ("normalization", "optimizer", "batch_size", "epochs", "callbacks", "validation")
_OF_LAYERS = ("hidden", "activation", "layers")
# Callbacks that act on training, and what each has where a user sets nothing else: that goes without saying.
_USUAL = {
    "early_stopping": {"min_delta": "0", "verbose": "0", "mode": "auto", "baseline": "–", "start_from_epoch": "0"},
    "reduce_lr_on_plateau": {"min_delta": "0.0001", "verbose": "0", "mode": "auto", "cooldown": "0", "min_lr": "0"},
    "stop_when": {},
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A name with its values, each with a name of its own or ""."""

    name: str
    values: tuple[tuple[str, str], ...]

    @property
    def listed(self) -> bool:
        """Whether they stand one below the other."""
        return any(name or len(text) > _SHORT for name, text in self.values)


def question(subject: Subject) -> Markup:
    """What was asked, and of what."""
    comparison = subject.comparison
    runs = runs_of(comparison.groups)
    datasets = dict.fromkeys(_dataset(run) for run in runs if "dataset" in run.config)
    seeds = sorted({run.seed for run in runs if run.seed is not None})
    asked = _asked(subject)
    return render(
        "question.html",
        asked=[text for text in asked if text.strip() != heading_of(subject)],
        filters=comparison.filters,
        facts=[*_described(comparison, {text.strip() for text in (*asked, heading_of(subject))}), *_facts(comparison)],
        datasets=[] if "dataset" in comparison.parameters else list(datasets),
        columns=columns_in_words(runs[:_MOST_LISTED]) if len(datasets) < 2 else "",
        seeds=seeds,
        groups=len(comparison.groups),
        runs=len(runs),
        examples=_examples(runs) if len(datasets) < 2 else "",
        classes=_unequal_classes(runs) if len(datasets) < 2 else "",
    )


def _asked(subject: Subject) -> list[str]:
    """The question, else the descriptions of the runs that are one, else what the parameters that differ do.

    A description that asks nothing is that of one configuration: only where there is no other does it head the page.
    """
    names = subject.comparison.parameters
    if subject.question:
        return [subject.question]
    described = list(dict.fromkeys(run.description for run in runs_of(subject.comparison.groups) if run.description))
    if not names:
        return described[:_MOST_ASKED]
    questions = [text for text in described if asks([text])]
    return questions[:_MOST_ASKED] or [f"What difference {_do(names)} make?"]


def _do(names: Sequence[str]) -> str:
    """`does a`, `do a and b`, `do a, b and c`."""
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more parameters"]
    *others, last = names
    return f"do {', '.join(others)} and {last}" if others else f"does {last}"


def _described(comparison: Comparison, asked: Set[str]) -> list[Fact]:
    """What the runs say of themselves, where that is not asked: once where it is the same, else of each name."""
    pairs = [(group, run) for group in comparison.groups for run in group.all_runs]
    named = len({run.name for _, run in pairs}) > 1
    said = list(dict.fromkeys((run.name if named else group.label, run.description) for group, run in pairs))
    texts = {text for _, text in said}
    if len(texts) == 1:
        said = [("", text) for text in texts]
    told = tuple((label, text) for label, text in said if text and text.strip() not in asked)
    return [Fact("description", told)] if told else []


def _facts(comparison: Comparison) -> list[Fact]:
    """The parameters that differ with their values, and what is the same in all runs."""
    known = [group for group in comparison.groups if group.all_runs[0].config]
    groups = [group for group in known if not group.all_runs[0].expected] or known  # refused configs have no defaults
    configs = [group.all_runs[0].config for group in groups]
    parameters = flatten(configs)
    layers = layers_in_words(configs)
    facts = []
    for name in comparison.parameters[: series.MOST_VARIED]:
        values = series.axis_of(comparison.groups, name).labels
        if name == VARIANT:
            facts.append(Fact(name, tuple(_variants(comparison, groups, parameters, layers, values))))
        else:
            more = _MORE.get(name)
            told = [more(value, parameters.flat) if more else value for value in values]
            facts.append(Fact(name, tuple(zip(_holders(comparison, name, values), told, strict=True))))
    common = _common(comparison, parameters, layers)
    if common:
        facts.append(Fact("the same in all" if len(groups) > 1 else "config", tuple(("", text) for text in common)))
    return facts


def _holders(comparison: Comparison, parameter: str, values: Sequence[str]) -> list[str]:
    """Whose each value is: the labels of the groups, where the values are too long to stand in these."""
    if all(len(value) <= _SHORT for value in values):
        return [""] * len(values)
    labels: dict[str, list[str]] = {}
    for group in comparison.groups:
        labels.setdefault(compact(group.parameters.get(parameter)), []).append(group.label)
    return [", ".join(labels[value]) if f"{parameter}=" not in labels[value][0] else "" for value in values]


def _variants(
    comparison: Comparison,
    groups: Sequence[Group],
    parameters: Parameters,
    layers: Sequence[Sequence[str]],
    names: Sequence[str],
) -> list[tuple[str, str]]:
    """What each variant has of its own."""
    own = [name for name in parameters.differing if name not in comparison.parameters]
    found = []
    for variant in names:
        places = [place for place, group in enumerate(groups) if compact(group.parameters.get(VARIANT)) == variant]
        told = [_stack_of([layers[place] for place in places])] if any(map(_is_of_layers, own)) else []
        flat = parameters.flat[places[0]] if places else {}
        told += [f"{name} {compact(flat[name])}" for name in own if name in flat and not _is_of_layers(name)]
        found.append((variant, " · ".join(told)))
    return found


def _common(comparison: Comparison, parameters: Parameters, layers: Sequence[Sequence[str]]) -> list[str]:
    """The layers, and a line of the rest."""
    if not parameters.flat:
        return []
    first = parameters.flat[0]
    same = [name for name in _COMMON if all(name in flat and flat[name] == first[name] for flat in parameters.flat)]
    values = {name: compact(first[name]) for name in same}
    values |= {name: more(values[name], parameters.flat) for name, more in _MORE.items() if name in values}
    told = " · ".join(f"{name} {value}" for name, value in values.items() if value != "none")
    by_variant = VARIANT in comparison.parameters and any(map(_is_of_layers, parameters.differing))
    stack = "" if by_variant or "layers" in comparison.parameters else _stack_of(layers)
    return [text for text in (stack, told) if text]


def _stack_of(stacks: Sequence[Sequence[str]]) -> str:
    """`dense 32 relu, …, dense 1 (… stands for what varies)`."""
    told = ", ".join(_shared(stacks))
    return f"{told} (… stands for what varies)" if "…" in told else told


def _shared(stacks: Sequence[Sequence[str]]) -> list[str]:
    """What stacks of layers have in common, with … for what they have not."""
    alike = [[word.partition(" ")[0] for word in stack] for stack in stacks]
    if not alike:
        return []
    if all(names == alike[0] for names in alike):
        return [_layer_of(words) for words in zip(*stacks, strict=True)]
    begin = _same_at_the_start(stacks)
    end = _same_at_the_start([stack[len(begin) :][::-1] for stack in stacks])
    between = [stack[len(begin) : len(stack) - len(end)] for stack in stacks]
    others = [words for stack in between for words in stack]
    one_kind = all(between) and len({words.partition(" ")[0] for words in others}) == 1
    return [*begin, _layer_of(others) if one_kind else "…", *reversed(end)]


def _layer_of(layers: Sequence[str]) -> str:
    """What layers of a kind have in common: `dense … relu`."""
    split = [words.split(" ") for words in layers]
    if len({len(words) for words in split}) > 1:
        return f"{split[0][0]} …"
    told = [column[0] if len(set(column)) == 1 else "…" for column in zip(*split, strict=True)]
    return " ".join(word for word, _ in itertools.groupby(told))


def _same_at_the_start(stacks: Sequence[Sequence[str]]) -> list[str]:
    columns = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*stacks, strict=False))
    return [column[0] for column in columns]


def _is_of_layers(name: str) -> bool:
    return name.partition(".")[0] in _OF_LAYERS


def _with_rate(optimizer: str, flats: Sequence[Mapping[str, Any]]) -> str:
    """The optimizer with its learning rate, where it always has the same: another begins with another."""
    rates = dict.fromkeys(
        compact(flat[_RATE]) for flat in flats if _RATE in flat and compact(flat.get("optimizer")) == optimizer
    )
    return f"{optimizer} (learning_rate {next(iter(rates))})" if len(rates) == 1 else optimizer


def _with_parameters(callbacks: str, flats: Sequence[Mapping[str, Any]]) -> str:
    """Each callback that acts on training with what it always has: `early_stopping (monitor val_loss, patience 20)`."""
    first, *others = [flat for flat in flats if compact(flat.get("callbacks")) == callbacks] or [{}]
    names = callbacks.split(", ")
    told = []
    for place, name in enumerate(names):
        path = f"callbacks.{name if names.count(name) == 1 else place}."
        same = {key.removeprefix(path): compact(value) for key, value in first.items() if key.startswith(path)}
        said = [
            value if name == "stop_when" else f"{key} {value}"
            for key, value in same.items()
            if name in _USUAL and _USUAL[name].get(key) != value
            if all(compact(flat.get(path + key)) == value for flat in others)
        ]
        told.append(f"{name} ({', '.join(said)})" if said else name)
    return ", ".join(told)


# Parameters that are told with more: value and configs to words.
_MORE: Mapping[str, Callable[[str, Sequence[Mapping[str, Any]]], str]] = {
    "optimizer": _with_rate,
    "callbacks": _with_parameters,
}


def _examples(runs: Sequence[RunRecord]) -> str:
    """How many examples each part of the data has, and which share of all the test part is."""
    said = [counts(run.metrics.get("examples")) for run in runs[:_MOST_LISTED]]
    rows = [[max(0, one.get(part, 0)) for part in USES] for one in said]
    rows = [row for row in rows if row[0] and row[-1]]
    told = []
    for use, column in zip(USES.values(), zip(*rows, strict=True), strict=False):  # there may be no row
        told += [f"{spanned(column)} {use}"] if any(column) else []
    shares = {f"{100 * row[-1] / sum(row):.0f} %" for row in rows}
    return ", ".join(told) + (f" ({shares.pop()} of all)" if len(shares) == 1 else "")


def _unequal_classes(runs: Sequence[RunRecord]) -> str:
    """Which share of the test part each class has, the commonest first, where that is far more than the rarest."""
    rows = next((rows for run in runs[:_MOST_LISTED] if (rows := run.evaluation.get("per_class", ()))), ())
    sizes = sorted(((row.get("support") or 0, row["class"]) for row in rows), reverse=True)
    if not sizes or not unequal([size for size, _ in sizes]) or runs[0].task != "classification":
        return ""
    total = sum(size for size, _ in sizes)
    told = [f"{name} {100 * size / total:.0f} %" for size, name in sizes[:_MOST_NAMED]]
    return f"{', '.join(told)}{', …' if len(sizes) > _MOST_NAMED else ''} of the test examples"


def _dataset(run: RunRecord) -> str:
    """The dataset as a reader knows it: of own data the kind and the file's name."""
    name, parameters = dataset_entry(run)
    path = parameters.get("path")
    return f"{name}: {Path(path).name}" if isinstance(path, str) else name
