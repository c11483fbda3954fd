"""A comparison for other programs: CSV and JSON with numbers at full precision, and Markdown."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nnexp.comparison.metrics import figure
from nnexp.comparison.parameters import VARIANT, compact
from nnexp.comparison.result import EFFECTS, Comparison, Estimate, Group, Interaction, LeftOut, Verdict
from nnexp.files import to_json
from nnexp.runs.reading import escaped, printable


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A flat row for each group; every row has the same keys, None where there is nothing."""
    return [_row(comparison, group) for group in comparison.groups]


def plain(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as plain data, run by run."""
    return {
        "metric": comparison.metric,
        "greater_is_better": comparison.greater_is_better,
        "best": comparison.best,
        "tied": comparison.tied,
        "baseline": comparison.baseline,
        "filters": comparison.filters,
        "parameters": comparison.parameters,
        "metrics": comparison.metrics,
        "groups": [_plain_group(group) for group in comparison.groups],
        "verdicts": [asdict(verdict) for verdict in comparison.verdicts],
        "verdicts_of_best": [asdict(verdict) for verdict in comparison.of_best],
        "effects": asdict(comparison.effects) if comparison.effects else None,
        "notes": comparison.notes,
        "unreadable": comparison.unreadable,
        **({"search": asdict(comparison.search)} if comparison.search else {}),
    }


def intervals_cover(groups: Sequence[Group], metric: str) -> str:
    """What the intervals of these groups are over; where that differs, with how many runs such groups have."""
    runs: dict[str, set[int]] = {}
    for group in groups:
        estimate = group.estimates.get(metric)
        if estimate and estimate.method:
            runs.setdefault(estimate.method, set()).add(len(group.runs))
    if len(runs) < 2:
        return next(iter(runs), "")
    return ", ".join(
        f"{method} ({min(counts)}{f' to {max(counts)}' if len(counts) > 1 else ''} run{'s' * (max(counts) > 1)})"
        for method, counts in runs.items()
    )


def csv_text(comparison: Comparison) -> str:
    """The rows as CSV, with a header."""
    found = rows(comparison)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(spreadsheet_cell(name) for name in found[0])
    writer.writerows([spreadsheet_cell(value) for value in row.values()] for row in found)
    return text.getvalue()


def json_text(comparison: Comparison) -> str:
    """The whole comparison as strict JSON."""
    return escaped(to_json(plain(comparison)))


def markdown(comparison: Comparison) -> str:
    """A table to paste where Markdown is read, the verdicts, and what was left out."""
    parameters = [
        name for name in comparison.parameters if name != VARIANT and f"{name}=" not in comparison.groups[0].label
    ]
    epochs = epochs_heading(comparison)
    header = ["", *parameters, "runs", comparison.metric, "parameters", *([epochs] if epochs else []), "seconds"]
    lines = [_markdown_row(map(_escaped, header)), "|---" * len(header) + "|"]
    for group in comparison.groups:
        label = _escaped(group.label)
        cells = [
            f"**{label}** ★"
            if group.label == comparison.best
            else f"{label} ≈"
            if group.label in comparison.tied
            else label,
            *(_escaped(compact(group.parameters[name])) for name in parameters),
            counted(group),
            estimate_text(group.estimates.get(comparison.metric), comparison.metric),
            "–" if group.total_parameters is None else f"{group.total_parameters:,}",
            *(["–" if group.epochs is None else f"{group.epochs:g}"] if epochs else []),
            "–" if "seconds" not in group.estimates else f"{group.estimates['seconds'].mean:.1f}",
        ]
        lines.append(_markdown_row(cells))
    lines += ["", "★ best, ≈ cannot be told from the best, ± and [ ]: 95 % interval", ""]
    lines += [f"- {_escaped(verdict.text)}" for verdict in comparison.verdicts]
    if comparison.effects:
        lines += ["", f"{EFFECTS.capitalize()}:", "", *(f"- {_escaped(text)}" for text in comparison.effects.told)]
        lines += [""] if comparison.left_out or comparison.unreadable or comparison.notes else []
    lines += [f"- left out: {_escaped(f'{left.run.path}: {left.reason}')}" for left in comparison.left_out]
    lines += [f"- could not be read: {_escaped(text)}" for text in comparison.unreadable]
    lines += [f"- {_escaped(note)}" for note in comparison.notes]
    return "\n".join(lines).rstrip() + "\n"


def corrected_for(families: Mapping[str, Sequence[Verdict | Interaction]]) -> str:
    """What is compared where p says "Holm over 6", "Holm over 3": by what each family compares; "" where none does."""
    found: dict[str, list[str]] = {}
    for what, told in families.items():
        if holm := re.search(r"Holm over \d+", " ".join(one.text for one in told)):
            found.setdefault(holm[0], []).append(what)
    return "; ".join(f"{holm}: {'; and, counted apart, '.join(whats)}" for holm, whats in found.items())


def epochs_heading(comparison: Comparison) -> str:
    """The heading of the epochs trained; "" where they are the `epochs` that differ, and told as such."""
    if "epochs" not in comparison.parameters:
        return "epochs"
    alike = all(group.epochs in (None, group.parameters["epochs"]) for group in comparison.groups)
    return "" if alike else "epochs trained"


def counted(group: Group) -> str:
    """How many of a group's runs count: "5", or "4 of 5"."""
    return str(len(group.runs)) if not group.left_out else f"{len(group.runs)} of {len(group.all_runs)}"


def kinds_left_out(group: Group) -> Counter[str]:
    """How the runs that are in no mean ended, and how many each way."""
    ends = ("fails as expected" if left.run.expected else left.run.status for left in group.left_out)
    return Counter("not counted" if end == "completed" else end for end in ends)


def estimate_text(estimate: Estimate | None, metric: str) -> str:
    """Mean and 95 % interval: mean ± half of it, or its two ends where it is not symmetric."""
    if estimate is None:
        return "–"
    text = figure(estimate.mean, metric)
    if estimate.low is None or estimate.high is None:
        return text
    above, below = estimate.high - estimate.mean, estimate.mean - estimate.low
    if abs(above - below) <= 1e-6 * abs(above):
        return f"{text} ± {figure(above, metric)}"
    return f"{text} [{figure(estimate.low, metric)}, {figure(estimate.high, metric)}]"


def _row(comparison: Comparison, group: Group) -> dict[str, Any]:
    row: dict[str, Any] = {"group": group.label}
    row |= {name: group.parameters[name] for name in comparison.parameters}
    row |= {"runs": len(group.runs), "left_out": len(group.left_out)}
    for metric in comparison.metrics:
        estimate = group.estimates.get(metric)
        row |= {
            f"{metric}_mean": estimate.mean if estimate else None,
            f"{metric}_low": estimate.low if estimate else None,
            f"{metric}_high": estimate.high if estimate else None,
        }
    row |= {"total_parameters": group.total_parameters, "epochs_trained": group.epochs}
    row["best"] = group.label == comparison.best
    row["tied_with_best"] = group.label in comparison.tied
    row["reasons_left_out"] = "; ".join(dict.fromkeys(left.reason for left in group.left_out))
    return row


def _plain_group(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "parameters": group.parameters,
        "runs": [
            {
                "path": str(run.path),
                "name": run.name,
                "seed": run.seed,
                "metrics": {name: estimate.values[place] for name, estimate in group.estimates.items()},
            }
            for place, run in enumerate(group.runs)
        ],
        "left_out": [_plain_left_out(left) for left in group.left_out],
        "estimates": {
            name: {"mean": found.mean, "low": found.low, "high": found.high, "method": found.method}
            for name, found in group.estimates.items()
        },
        "epochs": group.epochs,
        "total_parameters": group.total_parameters,
        "findings": group.findings,
    }


def _plain_left_out(left: LeftOut) -> Mapping[str, Any]:
    run = left.run
    return {"path": str(run.path), "name": run.name, "seed": run.seed, "status": run.status, "reason": left.reason}


def spreadsheet_cell(value: Any) -> Any:
    """A value that a spreadsheet takes for no formula: text that begins like one is marked as text."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown and HTML take as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(printable(text).split())).replace("\\<", "&lt;")
