"""The pictures of a comparison: learning curves, the metric by parameter, and over two parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnexp.comparison import series
from nnexp.comparison.metrics import figure as figure_of
from nnexp.comparison.result import Comparison
from nnexp.files import replacing
from nnexp.plots.drawing import any_script, plain

_MARKERS = "os^DvPX*"
_MOST_TRAINING = 4  # of more groups, training curves hide those of validation
_MOST_IN_LEGEND = 50


def plot_all(folder: Path, comparison: Comparison) -> list[Path]:
    """Draw what makes sense for the comparison as PNG files in `folder`; the paths written.

    `learning_curves.png`, `accuracy_by_hidden.png` for each swept parameter, `accuracy_by_hidden_and_epochs.png` for
    two of them; the names hold those of the metric and the parameters.
    """
    written = []
    names = series.curve_names(comparison)
    if names and any(run.history for group in comparison.groups for run in group.runs):
        plot_curves(written_to := folder / "learning_curves.png", comparison)
        written.append(written_to)
    for name in series.swept(comparison):
        plot_by_parameter(path := folder / _file_name(f"{comparison.metric}_by_{name}"), comparison, name)
        written.append(path)
    for across, down in series.pairs_of_parameters(comparison):
        path = folder / _file_name(f"{comparison.metric}_by_{across}_and_{down}")
        plot_heat_map(path, comparison, across, down)
        written.append(path)
    return written


def plot_curves(path: Path, comparison: Comparison) -> None:
    """Loss and metric by epoch, a colour a group: validation in full lines, training dashed; repeats as mean and band.

    The band goes from the lowest to the highest run, and is left out where several would hide each other. With many
    groups only validation is drawn, where there is any; where both are, layers that set them apart are named below.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    groups = [group for group in comparison.groups if any(run.history for run in group.runs)]
    names = series.curve_names(comparison)
    legend = 0 if len(groups) == 1 else 1 + (len(groups) > 25)
    figure = Figure(figsize=(5.2 * len(names) + 2.4 * legend, 4.4), layout="constrained")
    handles: dict[str, Any] = {}
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        held_out = series.has_validation(comparison, name)
        values: list[float] = []
        for place, (group, (colour, _)) in enumerate(zip(groups, series.colours(len(groups)), strict=True)):
            emphasised = len(groups) <= series.FEW or group.label == comparison.best
            for key, dash in ((f"val_{name}", "-"), (name, "--" if held_out else "-")):
                curve = series.curve([run.history for run in group.runs], key)
                if curve is None or (held_out and key == name and len(groups) > _MOST_TRAINING):
                    continue
                marks = {
                    "marker": _MARKERS[place % len(_MARKERS)],
                    "ms": 4,
                    "markevery": max(1, len(curve.epochs) // 10),
                }
                [line] = axes.plot(
                    curve.epochs,
                    curve.mean,
                    dash,
                    color=colour,
                    lw=2 if emphasised else 1,
                    alpha=0.6 if dash == "--" else 1,
                    zorder=3 if emphasised else 2,
                    **(marks if len(groups) <= series.FEW and dash == "-" else {}),
                )
                if dash == "-":
                    handles.setdefault(group.label, line)
                if curve.runs > 1 and len(groups) <= series.FEW_BANDS and dash == "-":
                    axes.fill_between(curve.epochs, curve.low, curve.high, color=colour, alpha=0.18, lw=0)
                values += curve.mean
        if series.is_logarithmic(name, values):
            _scale_to_decades(axes, values)
        kind = "validation" if held_out else "training"
        both = held_out and len(groups) <= _MOST_TRAINING
        axes.set_title(f"{plain(name)}, {kind}" + (" (training dashed)" if both else ""), fontsize=10)
        axes.set(xlabel="epoch", ylabel=plain(name))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, alpha=0.3)
    if len(groups) <= _MOST_TRAINING and any(series.has_validation(comparison, name) for name in names):
        figure.supxlabel(series.otherwise_in_training(groups), x=0.01, ha="left", fontsize=8)
    if legend:
        title, short = series.short_labels(comparison)
        _legend(figure, {short[label]: line for label, line in handles.items()}, legend, title)
    _save(figure, path)


def plot_by_parameter(path: Path, comparison: Comparison, parameter: str) -> None:
    """The metric against a parameter: the runs as ticks, their mean with its 95 % interval; a line per setting.

    The axis is to scale where the values are numbers, and logarithmic where they span a factor of ten.
    """
    from matplotlib.figure import Figure

    others, lines = series.lines_along(comparison, parameter)
    axis = series.axis_of([group for _, groups in lines for group in groups], parameter)
    named = 1 < len(lines) <= _MOST_IN_LEGEND
    columns = 1 + (len(lines) > 25) if named else 0
    figure = Figure(figsize=(6.4 + 2.4 * columns, 4.4), layout="constrained")
    axes = figure.subplots()
    handles: dict[str, Any] = {}
    many = series.side_by_side(lines, parameter)
    for place, ((name, groups), (colour, _)) in enumerate(zip(lines, series.colours(len(lines)), strict=True)):
        where = series.beside(axis, [group.parameters.get(parameter) for group in groups], place % many, many)
        estimates = [series.estimate_of(comparison, group) for group in groups]
        for position, estimate in zip(where, estimates, strict=True):
            if len(estimate.values) > 1:
                axes.plot([position] * len(estimate.values), estimate.values, "_", color=colour, alpha=0.6, ms=9)
            if estimate.low is not None and estimate.high is not None:
                axes.vlines(position, estimate.low, estimate.high, color=colour, lw=1.5, alpha=0.8)
        marker = _MARKERS[place] if len(lines) <= series.FEW else "o"
        linked = "none" if axis.kind == "category" else "-"
        [handles[name]] = axes.plot(
            where,
            [estimate.mean for estimate in estimates],
            ls=linked,
            marker=marker,
            color=colour,
            ms=6,
            lw=1.2,
            zorder=3,
        )
    _scale(axes, axis)
    axes.set(xlabel=plain(parameter), ylabel=plain(comparison.metric))
    axes.set_title(f"{plain(comparison.metric)} by {plain(parameter)}: mean, runs and 95 % interval", fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    if named:
        _legend(figure, handles, columns, others)
    _save(figure, path)


def plot_heat_map(path: Path, comparison: Comparison, across: str, down: str) -> None:
    """The metric over two parameters, with its value in each cell; empty where no group stands.

    The colours go over no less than the widest 95 % interval of a group.
    """
    import numpy as np
    from matplotlib.figure import Figure

    grid = series.grid(comparison, across, down)
    values = np.array([[np.nan if cell is None else cell for cell in row] for row in grid.cells])
    names = 0.09 * max(len(_short(label)) for label in grid.down.labels)
    width = min(max(4.4, 0.85 * len(grid.across.labels) + names + 2.2), 20.0)
    height = min(max(3.2, 0.5 * len(grid.down.labels) + 1.8), 20.0)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    low, high, _ = series.colour_range(comparison, grid)
    more = comparison.greater_is_better  # what is good is dark
    blues = "Blues" if more else "Blues_r"
    image = axes.imshow(values, cmap=blues, aspect="auto", origin="lower", vmin=low, vmax=high)
    dark = 0.6 * (high - low)  # figures on darker cells are white
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and values.size <= 400:
            colour = "white" if (value - low if more else high - value) > dark else "black"
            axes.text(
                column, row, figure_of(value, comparison.metric), ha="center", va="center", color=colour, fontsize=8
            )
    turned = _turned(grid.across.labels)
    axes.set_xticks(range(len(grid.across.labels)), [_short(label) for label in grid.across.labels], **turned)
    axes.set_yticks(range(len(grid.down.labels)), [_short(label) for label in grid.down.labels])
    axes.set(xlabel=plain(across), ylabel=plain(down))
    over = ", mean over the other parameters" if grid.averaged else ""
    axes.set_title(plain(comparison.metric) + over, fontsize=10)
    figure.colorbar(image, ax=axes, label=plain(comparison.metric))
    _save(figure, path)


def _scale(axes: Any, axis: series.Axis) -> None:
    if axis.kind == "log":
        axes.set_xscale("log")
    if axis.kind == "category" or len(axis.labels) <= 8:
        axes.set_xticks(axis.positions, [_short(label, 24) for label in axis.labels], **_turned(axis.labels))
        axes.minorticks_off()
    if axis.kind == "category":
        axes.margins(x=0.12)


def _scale_to_decades(axes: Any, values: Sequence[float]) -> None:
    axes.set_yscale("log")
    ticks = series.log_ticks(values)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=min(ticks[0], axes.get_ylim()[0]))


def _turned(labels: tuple[str, ...]) -> dict[str, Any]:
    """Tick labels that would run into each other are turned."""
    return {"rotation": 45, "ha": "right"} if sum(map(len, labels)) > 60 else {}


def _legend(figure: Any, handles: dict[str, Any], columns: int, title: str) -> None:
    shown = list(handles.items())[:_MOST_IN_LEGEND]
    labels = [_short(label) for label, _ in shown]
    labels = [f" {label}" if label.startswith("_") else label for label in labels]  # Matplotlib would leave those out
    if len(handles) > len(shown):
        labels[-1] = f"… {len(handles) - len(shown) + 1} more"
    size = 8 if len(shown) <= 16 else 6.5
    figure.legend(
        [line for _, line in shown],
        labels,
        loc="outside right upper",
        ncols=columns,
        fontsize=size,
        title=_short(title),
        title_fontsize=size,
    )


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary, any_script():
        figure.savefig(temporary, dpi=120)


def _short(label: str, most: int = 36) -> str:
    return plain(series.shortened(label, most))


def _file_name(text: str) -> str:
    """A file's name that any system takes, from names that a config gave."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:120] + ".png"
