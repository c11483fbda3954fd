"""A run record as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from nnexp.cli.console import table
from nnexp.events import log_text
from nnexp.runs import record

_STYLES = {
    "completed": "green",
    "diverged": "bold red",
    "failed": "bold red",
    "interrupted": "yellow",
    "running": "cyan",
}
FINDING_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def print_outcome(found: record.RunRecord, console: Console, *, findings: bool = True) -> None:
    """What a user wants to know when a run ends: test figures, time, what was noticed, where it is.

    The findings can be left out where they were told as they came.
    """
    low, high = found.test_intervals.get("accuracy", (None, None))
    interval = f"  (95 % interval {low:.4f} to {high:.4f})" if low is not None and high is not None else ""
    reason = f" after epoch {found.stopped['epoch']}: {found.stopped['reason']}" if found.stopped else ""
    _print_fact(console, "status", Text(found.status, _STYLES[found.status]).append(reason, "default"))
    if found.error:
        _print_fact(console, "error", found.error)
    _print_fact(console, "test loss", _figure(found.test.get("loss")))
    _print_fact(console, "test accuracy", Text(_figure(found.test.get("accuracy")), "bold").append(interval, "default"))
    for name, value in found.test.items():
        if name not in {"loss", "accuracy"}:
            _print_fact(console, f"test {name}", _figure(value))
    _print_fact(console, "time", _time(found.timings))
    _print_fact(console, "seed", str(found.seed))
    if findings:
        for finding in found.findings:
            print_finding(console, finding)
    _print_fact(console, "run folder", str(found.path))


def print_finding(console: Console, finding: Mapping[str, Any]) -> None:
    """One finding: severity, message, suggestion."""
    severity = str(finding.get("severity"))
    line = Text.assemble((f"{severity}: ", FINDING_STYLES.get(severity, "cyan")), str(finding.get("message", "")))
    line.append(f" {finding['suggestion']}" if finding.get("suggestion") else "")
    console.print(line, soft_wrap=not console.is_terminal)


def _print_fact(console: Console, name: str, value: str | Text) -> None:
    console.print(Text(f"{name:<14} ", "dim").append(value), soft_wrap=True)


def print_all(found: record.RunRecord, console: Console) -> None:
    """Everything in a run folder: outcome, history, classes, confusions, model, config, environment, files."""
    console.rule(Text(found.name), align="left")
    if found.description:
        console.print(Text(found.description))
    print_outcome(found, console)
    for part in (_history(found), _classes(found), _confusions(found), _confusion_matrix(found), _model(found)):
        if part is not None:
            console.print()
            console.print(part)
    for title, path in (("config.yaml", found.folder.config), ("environment.json", found.folder.environment)):
        console.print(Text(f"\n{title}", "bold"))
        console.print(Text(_content(path)), soft_wrap=True)
    console.print(Text("files", "bold"))
    for path in sorted(found.path.iterdir()):
        console.print(f"  {path.name:<24} {path.stat().st_size:>12,} bytes")


def _history(found: record.RunRecord) -> Any:
    if not found.history:
        return None
    names = [name for name in found.history[0] if name not in {"epoch", "seconds"}]
    made = table("epoch", *names, "seconds", title="history", right=("epoch", *names, "seconds"))
    for row in found.history:
        best = "bold" if row.get("epoch") == found.best_epoch else ""
        cells = [log_text({name: row[name]}).split()[-1] if _is_number(row.get(name)) else "–" for name in names]
        seconds = f"{row['seconds']:.2f}" if _is_number(row.get("seconds")) else "–"
        made.add_row(str(row.get("epoch")), *cells, seconds, style=best)
    return made


def _classes(found: record.RunRecord) -> Any:
    rows = found.evaluation.get("per_class")
    if not rows:
        return None
    numbers = ("precision", "recall", "f1", "support", "predicted")
    made = table("class", *numbers, title="test split, by class", right=numbers)
    for row in rows:
        figures = [_figure(row.get(name)) for name in numbers[:3]]
        made.add_row(str(row.get("class")), *figures, str(row.get("support")), str(row.get("predicted")))
    return made


def _confusions(found: record.RunRecord) -> Any:
    rows = found.evaluation.get("top_confusions")
    if not rows:
        return None
    lines = [f"  {row.get('count'):>5}  {row.get('true')} taken for {row.get('predicted')}" for row in rows]
    return Group(Text("most frequent confusions"), *map(Text, lines))


def _confusion_matrix(found: record.RunRecord) -> Any:
    matrix = found.evaluation.get("confusion_matrix")
    rows = found.evaluation.get("per_class")
    if not matrix or not rows:
        return None
    numbers = [str(index) for index in range(len(matrix))]
    made = table("true \\ predicted", *numbers, title="confusion matrix", right=tuple(numbers))
    for index, (row, counts) in enumerate(zip(rows, matrix, strict=False)):
        cells = [Text(str(count), "bold" if index == column else "") for column, count in enumerate(counts)]
        made.add_row(f"{index} {row.get('class')}", *cells)
    return made


def _model(found: record.RunRecord) -> Any:
    return model_table(found.model, found.parameters) if found.model and found.parameters else None


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read: {error}"


def _figure(value: Any) -> str:
    return f"{value:.4f}" if _is_number(value) else "–"


def _time(timings: Any) -> str:
    total = timings.get("total")
    if total is None:
        return "–"
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in timings.items() if name != "total")
    return f"{total:.1f} s ({stages})"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def model_table(rows: Any, parameters: Any) -> Any:
    """The model summary: a row a layer, and the sum."""
    made = table("layer", "kind", "output", "parameters", right=("parameters",))
    for row in rows:
        made.add_row(row["layer"], row["kind"], row["output"], f"{row['parameters']:,}")
    total, trainable = parameters["total"], parameters["trainable"]
    rest = "" if trainable == total else f", {trainable:,} of them trainable"
    return Group(made, Text(f" {total:,} parameters{rest}"))
