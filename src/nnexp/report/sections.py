"""The sections of the report: a list of small functions from what is compared to a title and its HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nnexp.comparison import series
from nnexp.comparison.metrics import figure
from nnexp.comparison.parameters import compact
from nnexp.comparison.result import Group, runs_of
from nnexp.comparison.table import corrected_for, intervals_cover
from nnexp.comparison.testing import lost_of
from nnexp.report import charts, search_charts
from nnexp.report.details import details_of
from nnexp.report.mistakes import test_images
from nnexp.report.noticed import badges_of, noticed
from nnexp.report.question import question
from nnexp.report.rendering import render
from nnexp.report.reproduce import reproduce
from nnexp.report.statistics import statistics
from nnexp.report.subject import Subject, detailed, places_of
from nnexp.report.table import CROWDED, groups_table
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_LISTED = 200
_MOST_ENDS = 4


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
    effects = comparison.effects
    # Of two there is but one pair, and the baseline may be the best itself.
    told = {found.text for found in comparison.verdicts}
    of_best = tuple(found for found in comparison.of_best if found.text not in told)
    of_best = of_best if len(comparison.groups) > 2 and comparison.baseline != comparison.best else ()
    families = {"pairs of configurations": comparison.verdicts}
    if comparison.baseline is not None:
        families = {"each configuration with the baseline": comparison.verdicts, "pairs of configurations": of_best}
    return render(
        "answer.html",
        comparison=comparison,
        best=best,
        estimate=best.estimates.get(comparison.metric) if best else None,
        same=comparison.as_good,
        unsure=comparison.unsure,
        of_best=of_best,
        families=corrected_for({**families, **effects.families}) if effects else "",
        lost=[lost_of(group) for group in comparison.groups if not any(left.run.expected for left in group.left_out)],
        forest=charts.forest(comparison),
        reading=charts.forest_reading(comparison),
    )


def _table(subject: Subject) -> Markup:
    comparison = subject.comparison
    return render(
        "table.html",
        table=groups_table(comparison),
        crowded=CROWDED,
        comparison=comparison,
        same=comparison.as_good,
        unsure=comparison.unsure,
        better=charts.better(comparison),
        intervals=intervals_cover(comparison.groups, comparison.metric),
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
        ends=_ends_of_means({short[group.label]: group for group in groups}, [name for name, _ in figures]),
        bands=any(trace["meta"].get("band") for _, figure in figures for trace in figure["data"]),
        show_bands=len(groups) <= series.FEW_BANDS,
        otherwise=series.otherwise_in_training(groups),
    )


def _ends_of_means(groups: Mapping[str, Group], names: Sequence[str]) -> str:
    """Where the means end of whose runs some went on: `32 at epoch 250 (a run went on to 329)`."""
    curves = {
        label: curve
        for label, group in groups.items()
        if names and (curve := series.curve([run.history for run in group.runs], names[0]))
    }
    before = {label: (curve.epochs[-1], curve.last) for label, curve in curves.items() if curve.epochs[-1] < curve.last}
    if len(before) <= _MOST_ENDS:
        told = [(series.shortened(label), *epochs) for label, epochs in before.items()]
        return "; ".join(f"{label} at epoch {end} (a run went on to {last})" for label, end, last in told)
    ends, lasts = zip(*before.values(), strict=True)
    return f"{len(before)} of them at epochs {min(ends)} to {max(ends)} (runs went on to {max(lasts)} at most)"


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
    return render("parameters.html", metric=comparison.metric, better=charts.better(comparison), along=along, maps=maps)


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
    chosen, total = detailed(subject.comparison)
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


SECTIONS: tuple[tuple[str, Callable[[Subject], Markup | None]], ...] = (
    ("Question", question),
    ("Answer", _answer),
    ("Table", _table),
    ("Learning curves", _curves),
    ("Parameters", _parameters),
    ("Search", _search),
    ("Runs", _runs),
    ("Left out", _left_out),
    ("Statistics", statistics),
    ("Reproduce", reproduce),
)
