"""The sections of the report: a list of small functions from what is compared to a title and its HTML."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.comparison import series
from nnexp.comparison.metrics import figure
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Comparison, Group, runs_of
from nnexp.examples import dataset_entry
from nnexp.report import charts, search_charts
from nnexp.report.details import details_of, environment_of
from nnexp.report.mistakes import test_images
from nnexp.report.noticed import badges_of, noticed
from nnexp.report.question import question
from nnexp.report.rendering import render
from nnexp.report.subject import Subject, places_of
from nnexp.report.table import groups_table
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup

# Beyond this many runs the page would be too large: then only each group's first one is told in detail.
_MOST_DETAILED = 100
_MOST_LISTED = 200
# What an interval or a comparison rests on, by the name that it has in a comparison.
_METHODS = {
    "test examples": "Of one run. A share, such as accuracy, has Wilson's score interval. Errors and R² have the "
    "percentiles of a bootstrap: the test examples are drawn again, many times over.",
    "exact McNemar": "Of two single runs. McNemar's exact test of the examples that only one of the two got right; the "
    "interval is that of a paired bootstrap over the test examples.",
    "paired bootstrap": "Of two single runs. The test examples are drawn again, many times over, each time the same "
    "for both.",
    "examples alone": "Of two repeats. Student's t over the test examples; two seeds say nothing of their spread.",
    "seeds and examples": "Of three repeats or more. Student's t with the variance that seeds and test examples have "
    "together. A share, such as accuracy, has Wilson's score interval, which stays between 0 and 1, "
    "for as many independent examples as would have that variance.",
    "seeds alone": "Of three repeats or more. Student's t over the runs' own figures, or over their differences by "
    "seed; Welch's t where the seeds are others.",
}
_MACHINE = (("python", "python"), ("processor", "cpu"), ("threads", "threads"))


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; its anchor is made from its title."""

    title: str
    html: Markup

    @property
    def anchor(self) -> str:
        """For links to it."""
        return self.title.lower().replace(" ", "-")


def sections_of(subject: Subject) -> list[Section]:
    """Every section that has something to say, in the order of the page."""
    found = [(title, write(subject)) for title, write in SECTIONS]
    return [Section(title, html) for title, html in found if html is not None]


def _answer(subject: Subject) -> Markup:
    comparison = subject.comparison
    best = comparison.group(comparison.best) if comparison.best is not None else None
    return render(
        "answer.html",
        comparison=comparison,
        best=best,
        estimate=best.estimates.get(comparison.metric) if best else None,
        same=comparison.as_good,
        unsure=comparison.unsure,
        forest=charts.forest(comparison),
        reading=charts.forest_reading(comparison),
    )


def _table(subject: Subject) -> Markup:
    comparison = subject.comparison
    return render(
        "table.html",
        table=groups_table(comparison),
        comparison=comparison,
        same=comparison.as_good,
        unsure=comparison.unsure,
        noticed=noticed(comparison),
    )


def _curves(subject: Subject) -> Markup | None:
    comparison = subject.comparison
    groups = charts.drawn(comparison)
    if not groups:
        return None
    title, short = series.short_labels(comparison)
    figures = [(name, charts.curves(comparison, name)) for name in series.curve_names(comparison)]
    colours = series.colours(len(groups))
    return render(
        "curves.html",
        groups=[(group.label, short[group.label], colour) for group, colour in zip(groups, colours, strict=True)],
        legend_title=title,
        figures=figures,
        validation=any(series.has_validation(comparison, name) for name, _ in figures),
        show_training=len(groups) <= 4,
        repeats=any(len(group.runs) > 1 for group in groups),
        bands=any(trace["meta"].get("band") for _, figure in figures for trace in figure["data"]),
        show_bands=len(groups) <= series.FEW_BANDS,
    )


def _parameters(subject: Subject) -> Markup | None:
    comparison = subject.comparison
    names = series.swept(comparison)
    maps = [
        (pair, charts.heat_map(comparison, *pair), charts.heat_map_reading(comparison, *pair))
        for pair in series.pairs_of_parameters(comparison)
    ]
    if not names and not maps:
        return None
    along = []
    for name in names:
        others, lines = series.lines_along(comparison, name)
        legend = [(line, line, colour) for (line, _), colour in zip(lines, series.colours(len(lines)), strict=True)]
        along.append((name, others, legend, charts.by_parameter(comparison, name)))
    return render("parameters.html", metric=comparison.metric, along=along, maps=maps)


def _search(subject: Subject) -> Markup | None:
    search = subject.comparison.search
    if search is None or search.best is None:
        return None
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.values))
    sign = -1 if search.greater_is_better else 1
    ranked = sorted(
        search.trials, key=lambda trial: (not trial.complete, trial.value is None, sign * (trial.value or 0.0))
    )
    rows = [
        (
            trial,
            figure(trial.value, search.objective),
            [compact(trial.values[name]) if name in trial.values else "–" for name in names],
        )
        for trial in ranked[:_MOST_LISTED]
    ]
    return render(
        "search.html",
        search=search,
        best=search.best.label,
        finals=all(not run.path.name.startswith("trial=") for run in runs_of(subject.comparison.groups)),
        progress=search_charts.best_so_far(search),
        along=[(name, search_charts.along(search, name)) for name in names[: series.MOST_VARIED]],
        importances=search_charts.importances(search),
        names=names,
        rows=rows,
        more=len(ranked) - _MOST_LISTED,
    )


def _runs(subject: Subject) -> Markup:
    chosen, total = _detailed(subject.comparison)
    images = test_images()
    places = places_of(subject.comparison)
    several = any("/" in place for place in places.values())
    if len(chosen) > 1 and len({run.description for _, run in chosen}) == 1:  # the question has it
        chosen = [(group, _without_description(run)) for group, run in chosen]
    rows = [
        (group, run, _place(run, places) if several else "", badges_of(run), details_of(run, images))
        for group, run in chosen
    ]
    return render("runs.html", rows=rows, total=total, metric=subject.comparison.metric)


def _place(run: RunRecord, places: Mapping[Path, str]) -> str:
    """Where a run lies, as far as its configuration and seed, by which sweeps name it, do not say it."""
    place = Path(places[run.path])
    return str(place.parent if place.name.endswith(f"_seed={run.seed}") else place)


def _without_description(run: RunRecord) -> RunRecord:
    return replace(run, config={key: value for key, value in run.config.items() if key != "description"})


def _left_out(subject: Subject) -> Markup | None:
    comparison = subject.comparison
    if not comparison.left_out and not comparison.unreadable:
        return None
    labels = {id(run): group.label for group in comparison.groups for run in group.all_runs}
    rows = [(labels.get(id(left.run), ""), left) for left in comparison.left_out]
    more = len(rows) - _MOST_LISTED
    return render(
        "left_out.html",
        rows=rows[:_MOST_LISTED],
        more=more,
        unreadable=comparison.unreadable,
        places=places_of(comparison),
    )


def _statistics(subject: Subject) -> Markup:
    comparison = subject.comparison
    estimates = [group.estimates[comparison.metric] for group in series.measured(comparison)]
    used = {*(estimate.method for estimate in estimates), *(verdict.method for verdict in comparison.verdicts)}
    return render("statistics.html", methods={name: said for name, said in _METHODS.items() if name in used})


def _reproduce(subject: Subject) -> Markup:
    chosen, _ = _detailed(subject.comparison)
    found = [environment for _, run in chosen if (environment := environment_of(run))]
    return render(
        "reproduce.html",
        commands=subject.reproduce,
        again=_of_these_runs(subject) if subject.comparison.filters else "",
        folder=_folder(subject.sources),
        own=_own_data(subject.comparison),
        sources=subject.sources,
        versions=_versions(found),
        runs=len(found),
    )


def _of_these_runs(subject: Subject) -> str:
    """The command that makes the report of the runs that the filters left."""
    comparison = subject.comparison
    asked = [*(("--filter", text) for text in comparison.filters), ("--metric", comparison.metric)]
    if comparison.baseline is not None:
        asked.append(("--baseline", comparison.baseline))
    options = itertools.chain.from_iterable(asked)
    return shlex.join(["nnexp", "compare", *map(str, subject.sources), *options, "--html", "report.html"])


def _folder(sources: Sequence[Path]) -> str:
    """A name in the folder where the commands can be given as they are; "" where any will do, or none is known."""
    firsts = {source.parts[0] for source in sources if source.parts and not source.is_absolute()}
    return firsts.pop() if len(firsts) == 1 and not firsts & {"..", "~"} else ""


def _own_data(comparison: Comparison) -> list[str]:
    """Where own data lay."""
    paths = (dataset_entry(run)[1].get("path") for run in runs_of(comparison.groups))
    return list(dict.fromkeys(path for path in paths if isinstance(path, str)))


def _versions(environments: Sequence[Any]) -> dict[str, list[str]]:
    """Every value that occurs, by what it is of: repeats on other versions may differ."""
    facts: dict[str, dict[str, None]] = {}
    for environment in environments:
        packages = environment.get("packages")
        versions = packages if isinstance(packages, dict) else {}
        machine = {name: environment.get(key) for name, key in _MACHINE}
        for name, value in {**machine, **versions}.items():
            if value is not None:
                facts.setdefault(str(name), {})[compact(value)] = None
    return {name: list(values) for name, values in facts.items()}


def _detailed(comparison: Comparison) -> tuple[list[tuple[Group, RunRecord]], int]:
    """The runs to tell of in detail, and how many there are in all."""
    pairs = [(group, run) for group in comparison.groups for run in group.all_runs]
    if len(pairs) <= _MOST_DETAILED:
        return pairs, len(pairs)
    firsts = [(group, group.all_runs[0]) for group in comparison.groups if group.all_runs]
    return firsts[:_MOST_DETAILED], len(pairs)


SECTIONS: tuple[tuple[str, Callable[[Subject], Markup | None]], ...] = (
    ("Question", question),
    ("Answer", _answer),
    ("Table", _table),
    ("Learning curves", _curves),
    ("Parameters", _parameters),
    ("Search", _search),
    ("Runs", _runs),
    ("Left out", _left_out),
    ("Statistics", _statistics),
    ("Reproduce", _reproduce),
)
