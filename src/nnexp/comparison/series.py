"""The numbers behind every plot of a comparison: curves of groups, values along a parameter, colours.

The pictures (plots.py) and the report draw the same ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nnexp.comparison.grouping import label_names
from nnexp.comparison.metrics import greater_is_better, in_points
from nnexp.comparison.parameters import VARIANT, compact, layers_in_words
from nnexp.comparison.result import Comparison, Estimate, Group
from nnexp.runs.figures import NO_METRICS

# Beyond this many groups hue alone cannot tell them apart.
FEW = 8
# Bands of more groups than the first mix to grey; beyond the second they hide each other.
FEW_BANDS, MOST_BANDS = 3, 8
# Configurations that differ in more than this were not made to show what one parameter does.
MOST_VARIED = 50
# Okabe and Ito's palette (2008), told apart by colour-blind readers too, for a light and for a dark background: their
# black would vanish on the one, their yellow on the other.
_OKABE_ITO = (
    ("#0072B2", "#56A8E0"),
    ("#D55E00", "#F0813A"),
    ("#009E73", "#2FBF97"),
    ("#CC79A7", "#DE9CC2"),
    ("#56B4E9", "#8FD0F5"),
    ("#E69F00", "#F2BC45"),
    ("#000000", "#E8E8E8"),
    ("#B8AA00", "#F0E442"),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure of the history by epoch over the runs of a group: the mean, and from the lowest to the highest run."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    runs: int
    last: int  # epoch that any of the runs reached: the mean may end before


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the values of a parameter stand: as the numbers they are, or side by side."""

    kind: Literal["linear", "log", "category"]
    labels: tuple[str, ...]
    positions: tuple[float, ...]

    def position(self, value: Any) -> float:
        """Of one value."""
        return self.positions[self.labels.index(compact(value))]


@dataclass(frozen=True, slots=True)
class Grid:
    """A metric over two parameters; None where no group stands."""

    across: Axis
    down: Axis
    cells: tuple[tuple[float | None, ...], ...]  # [down][across], the mean of the groups that share both values
    averaged: bool  # whether any cell is a mean over more than one group


def curve(histories: Sequence[Sequence[Mapping[str, Any]]], key: str) -> Curve | None:
    """The mean of a history's figure over runs, as long as at least half of them train; None where there is none."""
    by_epoch: dict[int, list[float]] = {}
    most = 0
    for history in histories:
        found = {row["epoch"]: row[key] for row in history if is_number(row.get(key)) and is_number(row.get("epoch"))}
        most += bool(found)
        for epoch, value in found.items():
            by_epoch.setdefault(int(epoch), []).append(float(value))
    kept = sorted((epoch, values) for epoch, values in by_epoch.items() if 2 * len(values) >= most)
    if not kept:
        return None
    return Curve(
        epochs=tuple(epoch for epoch, _ in kept),
        mean=tuple(math.fsum(values) / len(values) for _, values in kept),
        low=tuple(min(values) for _, values in kept),
        high=tuple(max(values) for _, values in kept),
        runs=most,
        last=max(by_epoch),
    )


def curve_names(comparison: Comparison) -> list[str]:
    """What to draw by epoch: the loss, and the comparison's metric (or the first other one) where histories have it."""
    rows = [run.history[0] for group in comparison.groups for run in group.all_runs if run.history]
    seen = {name.removeprefix("val_"): None for row in rows for name in row if name not in NO_METRICS}
    wanted = comparison.metric.removeprefix("val_").removeprefix("train_")
    others = [name for name in seen if name != "loss"]
    second = [wanted] if wanted in others else others[:1]
    return [*(["loss"] if "loss" in seen else []), *second]


def has_validation(comparison: Comparison, name: str) -> bool:
    """Whether any history has the validation figure of that name."""
    return any(f"val_{name}" in row for group in comparison.groups for run in group.runs for row in run.history[:1])


def otherwise_in_training(groups: Sequence[Group]) -> str:
    """A sentence on the kinds of layers that act otherwise in training than in validation; "" where there is none."""
    words = layers_in_words([group.all_runs[0].config for group in groups])
    names = {word.partition(" ")[0] for stack in words for word in stack}
    kinds = ("dropout", "noise", "batch_normalization")
    found = [kind.replace("_", " ") for kind in kinds if any(kind in name for name in names)]
    act = "acts" if len(found) == 1 else "act"
    apart = f"{act} otherwise in training, which alone would set training and validation apart."
    return f"{' and '.join(found).capitalize()} {apart}" if found else ""


def is_logarithmic(name: str, values: Sequence[float]) -> bool:
    """Whether the axis of a loss or an error is: half of the values would lie in the lowest fifth of a linear one.

    A high first epoch is enough, or one configuration whose figures are far from those of all others.
    """
    ranked = sorted(values)
    squeezed = len(ranked) > 2 and ranked[0] > 0 and ranked[-1] > 5 * ranked[len(ranked) // 2]
    return squeezed and not greater_is_better(name)


def log_ticks(values: Sequence[float]) -> list[float]:
    """Where a logarithmic axis has ticks, the first at or below the lowest value.

    At 1, 2, 5, 10, 20 and so on; over three decades or more, where these would crowd, at powers of ten alone, over
    many at some of these.
    """
    low, high = min(values), max(values)
    decades = math.log10(high) - math.log10(low)  # the ratio may be more than a float holds
    apart = 1 if decades < 3 else math.ceil(decades / 8)
    first = math.floor(math.log10(low)) - 1
    powers = range(first - first % apart, math.ceil(math.log10(high)) + 1, apart)
    fine = [float(f"{digit}e{power}") for power in powers for digit in ((1, 2, 5) if decades < 3 else (1,))]
    below = max((tick for tick in fine if 0 < tick <= low), default=low)
    return [tick for tick in fine if below <= tick <= 2 * high and math.isfinite(tick)]


def axis_of(groups: Sequence[Group], parameter: str) -> Axis:
    """The values of a parameter in order: numbers on a scale (logarithmic from a factor of ten on).

    Others are in the order of their sweep's file, and where none is known by name.
    """
    texts = list(dict.fromkeys(compact(group.parameters.get(parameter)) for group in groups))
    numbers = [_as_number(text) for text in texts]
    if texts and all(number is not None for number in numbers):
        pairs = sorted(zip((number for number in numbers if number is not None), texts, strict=True))
        positions = tuple(number for number, _ in pairs)
        kind: Literal["linear", "log"] = "log" if positions[0] > 0 and positions[-1] >= 10 * positions[0] else "linear"
        return Axis(kind, tuple(text for _, text in pairs), positions)
    places: dict[str, int] = {}
    for group in groups:
        text = compact(group.parameters.get(parameter))
        places[text] = min(group.place, places.get(text, group.place))
    ordered = sorted(texts, key=lambda text: (places[text], _natural(text)))
    return Axis("category", tuple(ordered), tuple(float(place) for place in range(len(ordered))))


def varied(groups: Sequence[Group], names: Sequence[str]) -> list[str]:
    """Those of the parameters that have at least two values among the groups."""
    return [name for name in names if len(axis_of(groups, name).labels) > 1]


def measured(comparison: Comparison) -> list[Group]:
    """The groups that have the comparison's metric."""
    return [group for group in comparison.groups if comparison.metric in group.estimates]


def estimate_of(comparison: Comparison, group: Group) -> Estimate:
    """The comparison's metric of a measured group."""
    return group.estimates[comparison.metric]


def swept(comparison: Comparison) -> list[str]:
    """The parameters in which alone some groups differ: only along these a metric can be followed."""
    names = varied(measured(comparison), comparison.parameters)
    return [name for name in names if lines_along(comparison, name)[1]] if len(names) <= MOST_VARIED else []


def lines_along(comparison: Comparison, parameter: str) -> tuple[str, list[tuple[str, list[Group]]]]:
    """The groups in lines along a parameter, each line sharing all other parameters and at least two groups long.

    The names of the others that tell the lines apart, and the lines by these others' values.
    """
    groups = measured(comparison)
    axis = axis_of(groups, parameter)
    others = {name: axis_of(groups, name) for name in comparison.parameters if name != parameter}
    lines: dict[tuple[float, ...], list[Group]] = {}
    for group in groups:
        place = tuple(other.position(group.parameters.get(name)) for name, other in others.items())
        lines.setdefault(place, []).append(group)
    kept = [
        sorted(found, key=lambda group: axis.position(group.parameters.get(parameter)))
        for _, found in sorted(lines.items())
        if len({axis.position(group.parameters.get(parameter)) for group in found}) > 1
    ]
    telling = varied([found[0] for found in kept], list(others))
    return ", ".join(telling), [
        (", ".join(compact(found[0].parameters.get(name)) for name in telling), found) for found in kept
    ]


def pairs_of_parameters(comparison: Comparison) -> list[tuple[str, str]]:
    """The pairs worth a heat map: of two or three varied parameters, those that meet in more than a line of cells."""
    names = varied(measured(comparison), comparison.parameters)
    pairs = itertools.combinations(names, 2) if len(names) <= 3 else ()
    return [pair for pair in pairs if _is_a_plane(measured(comparison), *pair)]


def grid(comparison: Comparison, across: str, down: str) -> Grid:
    """The metric over two parameters."""
    groups = measured(comparison)
    columns, rows = axis_of(groups, across), axis_of(groups, down)
    cells: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        place = compact(group.parameters.get(down)), compact(group.parameters.get(across))
        cells.setdefault(place, []).append(estimate_of(comparison, group).mean)
    means = {place: math.fsum(found) / len(found) for place, found in cells.items()}
    values = tuple(tuple(means.get((row, column)) for column in columns.labels) for row in rows.labels)
    return Grid(columns, rows, values, any(len(found) > 1 for found in cells.values()))


def side_by_side(lines: Sequence[tuple[str, Sequence[Group]]], parameter: str) -> int:
    """How many lines stand side by side at each value: all of them, or one where no two have a value in common."""
    values = [compact(group.parameters.get(parameter)) for _, groups in lines for group in groups]
    return len(lines) if len(set(values)) < len(values) else 1


def beside(axis: Axis, values: Sequence[Any], place: int, lines: int) -> list[float]:
    """Where the dots of a line stand: lines side by side at each value, so that none hides another.

    On a scale they are moved by a little of what the values span, and never past half of the way to the next value.
    """
    positions = [axis.position(value) for value in values]
    aside = place - (lines - 1) / 2
    if axis.kind == "category":
        return [position + aside * min(0.12, 0.6 / lines) for position in positions]
    on_scale = [math.log10(position) if axis.kind == "log" else position for position in axis.positions]
    gaps = [after - before for before, after in itertools.pairwise(on_scale)]
    moved = aside * min(0.025 * (on_scale[-1] - on_scale[0]), 0.5 * min(gaps) / lines)
    return [position * 10**moved if axis.kind == "log" else position + moved for position in positions]


def colour_range(comparison: Comparison, grid: Grid) -> tuple[float, float, bool]:
    """The values at the ends of a heat map's colours, and whether the cells alone would have them closer.

    They are as far apart as the widest 95 % interval of a group at least: chance must not look like a pattern.
    """
    values = [cell for row in grid.cells for cell in row if cell is not None]
    estimates = [estimate_of(comparison, group) for group in measured(comparison)]
    widths = [one.high - one.low for one in estimates if one.low is not None and one.high is not None]
    low, high = min(values), max(values)
    more = max(0.0, max(widths, default=0.0) - (high - low)) / 2
    # Not past what the metric can be: less than nothing, or more than all.
    up = max(0.0, more - low) if low >= 0 else 0.0
    down = max(0.0, high + more - 1) if in_points(comparison.metric) else 0.0
    return low - more + up - down, high + more + up - down, more > 0


def colours(count: int) -> list[tuple[str, str]]:
    """A colour each, for a light and for a dark background: by hue for a few, along viridis for many."""
    if count <= FEW:
        return list(_OKABE_ITO[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    viridis = colormaps["viridis"]  # its light end would vanish on white, its dark one on black
    places = [place / (count - 1) for place in range(count)]
    return [(to_hex(viridis(0.88 * place)), to_hex(viridis(0.25 + 0.75 * place))) for place in places]


def short_labels(comparison: Comparison) -> tuple[str, dict[str, str]]:
    """The groups by their values alone where labels only say `name=value`, and the names that these are values of."""
    names = comparison.parameters
    called = label_names(names)
    short = {
        group.label: ", ".join(compact(group.parameters.get(name)) for name in names) for group in comparison.groups
    }
    told = all(name == VARIANT or f"{called[name]}=" in label for label in short for name in names)
    if not names or not told or len(set(short.values())) < len(short):
        return "", {label: label for label in short}
    return ", ".join(names), short


def shortened(text: str, most: int = 40) -> str:
    """One line of at most so many characters, cut in the middle: the ends tell names apart."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if len(line) <= most:
        return line
    return f"{line[: most // 2]}…{line[len(line) - (most - most // 2 - 1) :]}"


def is_number(value: Any) -> bool:
    """Whether it is a finite number: files may hold anything."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _is_a_plane(groups: Sequence[Group], across: str, down: str) -> bool:
    """Whether the two vary apart: for some value of one, the other takes several, and the other way round."""
    places = {(compact(group.parameters.get(across)), compact(group.parameters.get(down))) for group in groups}
    return all(len(places) > len({place[which] for place in places}) for which in (0, 1))


def _as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # An axis cannot be drawn over all that floats can hold; nan is not within either.
    return number if number == 0 or 1e-100 < abs(number) < 1e100 else None


def _natural(text: str) -> tuple[tuple[int, float, str], ...]:
    """Sorts 256x64 before 1024x64."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, float(part), "") if part.isdecimal() else (1, 0.0, part) for part in parts)
