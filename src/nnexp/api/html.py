"""Runs and comparisons as a notebook shows them. Run folders may come from strangers: all text is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnexp.api.frames import rows
from nnexp.api.text import interval, shown
from nnexp.comparison.metrics import figure, in_order
from nnexp.comparison.parameters import VARIANT, compact
from nnexp.comparison.result import EFFECTS, Comparison, Group
from nnexp.comparison.table import counted, estimate_text
from nnexp.errors import Amiss
from nnexp.runs.reading import Refused, content_of, printable
from nnexp.runs.record import RunRecord
from nnexp.tasks import HEADLINES, in_words

MOST_ROWS = 50
_MOST_COLUMNS = 8  # of parameters, or of metrics
_MOST_LINES = 12
_LONGEST = 500  # characters in a cell or a line
_MOST_MEGABYTES = 2  # of a picture
_PNG = b"\x89PNG\r\n\x1a\n"


def of_run(run: RunRecord) -> str:
    """Outcome, test metrics, figures by label or target, findings, and the pictures of the run."""
    stopped = f", stopped after epoch {run.stopped['epoch']}: {run.stopped['reason']}" if run.stopped else ""
    seconds = run.timings.get("total")
    facts = [f"seed {run.seed}", f"{len(run.history)} epochs{stopped}"]
    facts += [f"{run.parameters['total']:,} parameters"] if "total" in run.parameters else []
    facts += [figure(seconds, "seconds")] if seconds is not None else []
    metrics = in_order(run.test)[:_MOST_COLUMNS]
    cells = [[f"test {in_words(name)}", figure(run.test[name], name), interval(run, name)] for name in metrics]
    findings = [f"{one['severity']}: {one['message']} {one['suggestion']}" for one in run.findings]
    return _whole(
        f"<p><b>{_text(run.name)}</b> {_text(run.status)}; {_text(', '.join(facts))}</p>",
        _lines("error", [run.error] if run.error else []),
        _table(["", "", "95 % interval"], cells) if cells else "",
        _parts(run),
        _lines("findings", findings),
        _picture(run.folder.history_plot, "loss and metrics by epoch"),
        _picture(run.folder.residuals_plot, "predicted values against true ones"),
        _picture(run.folder.curves_plot, "ROC, precision and recall, calibration"),
        f"<p><code>{_text(shown(run.path))}</code></p>",
    )


def of_runs(runs: Sequence[RunRecord], unreadable: Sequence[str]) -> str:
    """A row a run: what differs, and its main figures; of many the newest."""
    newest = runs[-MOST_ROWS:]
    found = rows(newest)
    measured = in_order(name for run in newest for name in run.test)[:_MOST_COLUMNS]
    metrics = [*measured, "seconds"]
    before = list(found[0])[3 : list(found[0]).index("epochs")][: 1 + _MOST_COLUMNS] if found else []
    columns = ["run", "status", *before, "epochs", *metrics]
    cells = [
        [
            shown(run.path),
            run.status,
            *(compact(row[name]) for name in before),
            str(row["epochs"]),
            *(figure(row.get(name), name) for name in metrics),
        ]
        for run, row in zip(newest, found, strict=True)
    ]
    count = f"{len(runs):,} runs" + (f", the newest {MOST_ROWS}" if len(runs) > MOST_ROWS else "")
    return _whole(f"<p>{count}</p>", _table(columns, cells) if cells else "", _lines("could not be read", unreadable))


def of_comparison(comparison: Comparison, note: str = "") -> str:
    """The table, the verdicts, what was left out, and notes."""
    groups = comparison.groups[:MOST_ROWS]
    by_name = [name for name in comparison.parameters if name != VARIANT and f"{name}=" not in groups[0].label]
    beside = [
        name for name in (*HEADLINES.values(), "loss") if name != comparison.metric and name in comparison.metrics
    ][:1]
    columns = [
        "",
        "group",
        *by_name[:_MOST_COLUMNS],
        "runs",
        comparison.metric,
        *beside,
        "parameters",
        "epochs",
        "time",
    ]
    cells = [
        [
            "★" if group.label == comparison.best else "≈" if group.label in comparison.tied else "",
            group.label,
            *(compact(group.parameters[name]) for name in by_name[:_MOST_COLUMNS]),
            counted(group),
            estimate_text(group.estimates.get(comparison.metric), comparison.metric),
            *(_mean(group, name) for name in beside),
            "–" if group.total_parameters is None else f"{group.total_parameters:,}",
            "–" if group.epochs is None else f"{group.epochs:.3g}",
            _mean(group, "seconds"),
        ]
        for group in groups
    ]
    legend = "★ best, ≈ cannot be told from the best (as good, or too few repeats), ± and [ ]: 95 % interval"
    more = len(comparison.groups) - len(groups)
    hidden: Amiss = f"{more:,} more groups are not shown; to_dataframe() has all"
    return _whole(
        _table(columns, cells),
        f"<p>{legend}</p>",
        f"<p>{hidden}</p>" if more else "",
        _lines("verdicts", [verdict.text for verdict in comparison.verdicts]),
        _lines(EFFECTS, comparison.effects.told if comparison.effects else ()),
        _lines("left out of the means", [f"{shown(left.run.path)}: {left.reason}" for left in comparison.left_out]),
        _lines("could not be read", comparison.unreadable),
        _lines("notes", comparison.notes),
        f"<p><code>{_text(note)}</code></p>" if note else "",
    )


def _mean(group: Group, metric: str) -> str:
    return figure(group.estimates[metric].mean, metric) if metric in group.estimates else "–"


def _parts(run: RunRecord) -> str:
    """The figures of each label or target; "" where one class of several was learnt, of which there may be many."""
    if run.task == "classification":
        return ""
    if run.task == "regression":
        what, found = "target", [(row["target"], row) for row in run.evaluation.get("per_target", ())]
        names = ["mean_absolute_error", "root_mean_squared_error", "r2_score"]
    else:
        what, found = "label", [(row["class"], row) for row in run.evaluation.get("per_class", ())]
        names = ["precision", "recall", "f1", "roc_auc", "average_precision"]
    cells = [[called, *(figure(row.get(name)) for name in names)] for called, row in found[:MOST_ROWS]]
    return _table([what, *map(in_words, names)], cells) if cells else ""


def _picture(path: Path, what: str) -> str:
    """A picture inside the HTML; "" where there is none."""
    try:
        content = content_of(path, _MOST_MEGABYTES)
    except (OSError, Refused):
        return ""
    if not content.startswith(_PNG):
        return ""
    source = base64.b64encode(content).decode("ascii")
    return f'<img src="data:image/png;base64,{source}" alt="{what}" style="max-width: 100%">'


def _whole(*parts: str) -> str:
    # The classes keep notebooks from typesetting $…$ in what a run folder says.
    return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(parts)}</div>'


def _table(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lines(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    kept = [*lines[:_MOST_LINES], *([f"and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else [])]
    return f"<p>{title}</p><ul>{''.join(f'<li>{_text(line)}</li>' for line in kept)}</ul>"


def _text(value: object) -> str:
    text = printable(value)
    return html.escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
