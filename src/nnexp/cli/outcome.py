"""A run record as a person reads it on a terminal."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from nnexp.cli.console import print_fact, print_long, say, say_amiss, say_of, table
from nnexp.cli.profiled import print_profile
from nnexp.comparison.metrics import figure
from nnexp.errors import Amiss
from nnexp.events import log_text
from nnexp.runs import record
from nnexp.runs.reading import Refused, content_of, printable, text_of
from nnexp.tasks import in_words

_STYLES = {
    "completed": "green",
    "diverged": "bold red",
    "failed": "bold red",
    "interrupted": "yellow",
    "running": "cyan",
}
# More would not be read on a terminal; metrics.json has all.
_MOST_ROWS = 1000
_MOST_COLUMNS = 12
_MOST_CLASSES = 30
_MOST_NAMED = 50
_MOST_MEGABYTES = 1  # of a config, or of what a run ran on
_WIDEST_NAME = 40  # of a fact
_LEAST_NAME = 12  # of a class, beside its confusions
_MOST_FIGURES = 6  # of a class, label or target: more would not stand side by side in 80 columns
_PLAINER = {"setup": "TensorFlow and model", "artifacts": "files"}  # than the stages' names in metrics.json
_ASKED = ("loss", "val_loss")  # of a history; the others are left out where there is no room
_COUNTS = ("support", "predicted")
_OF_CLASSES = ("precision", "recall", "f1", "roc_auc", "average_precision", *_COUNTS)
_OF_TARGETS = ("mean_absolute_error", "root_mean_squared_error", "r2_score", "mean", "deviation")
_KINDS = {stat.S_IFLNK: "link", stat.S_IFDIR: "directory"}
FINDING_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def print_outcome(found: record.RunRecord, console: Console, *, findings: bool = True) -> None:
    """What a user wants to know when a run ends: test figures, time, what was noticed, where it is.

    The findings can be left out where they were told as they came.
    """
    reason = f" after epoch {found.stopped['epoch']}: {found.stopped['reason']}" if found.stopped else ""
    facts = {"status": Text.assemble((found.status, _STYLES[found.status]), reason)}
    if found.error:
        facts["error"] = Text(found.error)
    others = [name for name in found.test if name not in {"loss", found.headline}]
    for name in ("loss", found.headline, *others[:_MOST_NAMED]):
        shown = (figure(found.test.get(name)), "bold" if name == found.headline else "")
        facts[f"test {in_words(name)}"] = Text.assemble(shown, _interval(found, name))
    facts["time"] = Text(_time(found.timings))
    facts["seed"] = Text(str(found.seed))
    width = min(max(map(len, facts)), _WIDEST_NAME)
    for name, value in facts.items():
        print_fact(console, name, value, width)
    if findings:
        for finding in found.findings[:_MOST_NAMED]:
            print_finding(console, finding)
    print_fact(console, "run folder", Text(printable(found.path)), width, whole=True)


def print_finding(console: Console, finding: Mapping[str, Any]) -> None:
    """One finding: severity, message, suggestion."""
    severity = str(finding.get("severity"))
    said = " ".join(str(finding[part]) for part in ("message", "suggestion") if finding.get(part))
    say_of(console, f"{severity}: ", FINDING_STYLES.get(severity, "cyan"), said)


def in_a_sweep(message: str, suggestion: str) -> str:
    """What a finding suggests, and where a sweep has the learning rate if it is about that."""
    if "learning rate" not in f"{message} {suggestion}":
        return suggestion
    return f"{suggestion} In a sweep: `learning_rate` under `grid`, or --learning-rate."


def _interval(found: record.RunRecord, name: str) -> str:
    ends = found.test_intervals.get(name)
    return f"  (95 % interval {figure(ends[0])} to {figure(ends[1])})" if ends else ""


def headline_text(found: record.RunRecord) -> str:
    """The first figure of the test part in words, with its interval; "" where the run has none."""
    name = found.headline
    value = found.test.get(name)
    return "" if value is None else f"{in_words(name)} {figure(value)}{_interval(found, name)}"


def print_all(found: record.RunRecord, console: Console, *, files: bool = False) -> None:
    """What a run folder holds, the outcome last, where a terminal shows it; `files`: config, environment, names too."""
    console.rule(Text(found.name), align="left")
    if found.description:
        say(console, found.description)
    if files:
        for title, path in (("config.yaml", found.folder.config), ("environment.json", found.folder.environment)):
            console.print(Text(f"\n{title}", "bold"))
            say(console, _content(path))
        console.print(Text("\nfiles", "bold"))
        for line in _files(found.path):
            console.print(Text(f"  {line}"), soft_wrap=True)
    if found.model:
        console.print()
        console.print(model_table(found.model, found.parameters))
    print_profile(found.metrics, console)
    _print_history(found, console)
    print_evaluation(found.evaluation, console)
    print_confusion_matrix(found.evaluation, console)
    console.print()
    print_outcome(found, console)
    if found.status in ("failed", "interrupted") and not found.expected:
        say(console, f"to go on:  nnexp resume {shlex.quote(printable(found.path))}")


def _files(folder: Path) -> list[str]:
    """A line a file; links are named, and not followed."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        told: Amiss = f"cannot be listed: {error.strerror}; see that you may read it"
        return [told]
    lines = []
    for path in paths[:_MOST_ROWS]:
        try:
            status = path.lstat()
        except OSError:
            continue  # it went away
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "pipe or device")
        size = f"{status.st_size:>12,} bytes" if stat.S_ISREG(status.st_mode) else f"{kind:>12}"
        lines.append(f"{printable(path.name):<24} {size}")
    return [*lines, *_and_more(paths)]


def _print_history(found: record.RunRecord, console: Console) -> None:
    if not found.history:
        return
    names = [name for name in found.history[0] if name not in {"epoch", "seconds"}][:_MOST_COLUMNS]
    rows, styles = [], []
    for row in found.history[:_MOST_ROWS]:
        figures = {name: value for name in names if (value := row.get(name)) is not None}
        cells = [log_text({name: figures[name]}).split()[-1] if name in figures else "–" for name in names]
        rows.append([_count(row.get("epoch")), *cells, _seconds(row.get("seconds"))])
        styles.append("bold" if row.get("epoch") == found.best_epoch else "")
    columns = ["epoch", *names, "seconds"]
    console.print()
    less_asked = ["seconds", *reversed([name for name in names if name not in _ASKED])]
    print_long(console, columns, rows, tuple(columns), less_asked=less_asked, styles=styles, title="history")
    _print_more(found.history, console)


def print_evaluation(evaluation: Mapping[str, Any], console: Console) -> None:
    """Figures by class, label or target and the most frequent confusions, as `evaluation` in metrics.json has them."""
    per_class, per_target = evaluation.get("per_class", ()), evaluation.get("per_target", ())
    what = "class" if "confusion_matrix" in evaluation else "label"
    _print_figures([(row["class"], row) for row in per_class], what, _OF_CLASSES, console)
    _print_figures([(row["target"], row) for row in per_target], "target", _OF_TARGETS, console)
    if (error := evaluation.get("calibration_error")) is not None:
        say(console, f"\ncalibration error {figure(error)}: how far probabilities are off")
    if rows := evaluation.get("top_confusions"):
        console.print("\nmost frequent confusions")
        for row in rows[:_MOST_NAMED]:
            confused = Text(f"{row['true']} taken for {row['predicted']}")
            print_fact(console, f"{_count(row['count']):>7}", confused, 7)


def _print_figures(
    rows: Sequence[tuple[str, Mapping[str, Any]]], what: str, wanted: Sequence[str], console: Console
) -> None:
    """A row a class, label or target, by its name; of the figures those that any of them has."""
    if not rows:
        return
    names = [name for name in wanted if any(name in row for _, row in rows)][:_MOST_FIGURES]
    heads = ["AP" if name == "average_precision" else in_words(name) for name in names]
    note = " (AP: average precision)" if "AP" in heads else ""
    cells = [
        [called, *(_count(row.get(n)) if n in _COUNTS else figure(row.get(n)) for n in names)]
        for called, row in rows[:_MOST_ROWS]
    ]
    console.print()
    title = f"test split, by {what}{note}"
    print_long(console, [what, *heads], cells, tuple(heads), less_asked=[*reversed(heads[1:])], title=title)
    _print_more(rows, console)


def print_confusion_matrix(evaluation: Mapping[str, Any], console: Console) -> None:
    """The matrix of `evaluation` in metrics.json, closer together where the terminal is narrow."""
    matrix, rows = evaluation.get("confusion_matrix"), evaluation.get("per_class")
    if not matrix or not rows:
        return
    console.print()
    if not len(matrix) == len(rows) <= _MOST_CLASSES or any(len(counts) != len(rows) for counts in matrix):
        say_amiss(console, "the confusion matrix is too large to be shown here, or not of these classes; --json has it")
        return
    title = "confusion matrix (rows: true, columns: predicted)"
    numbers = tuple(str(index) for index in range(len(matrix)))
    names = [f"{index} {row['class']}" for index, row in enumerate(rows)]
    if not console.is_terminal:
        lines = [[name, *map(str, counts)] for name, counts in zip(names, matrix, strict=True)]
        print_long(console, ["true", *numbers], lines, numbers, title=title)
        return
    made = table("true", *numbers, title=title, right=numbers)
    widths = [max(len(str(count)) for count in column) for column in zip(*matrix, numbers, strict=True)]
    room = console.width - sum(widths) - min(max(map(len, names)), _LEAST_NAME)
    if room < 3 * len(widths) + 3:
        made.padding = (0, 0)
    if room < len(widths) + 1:
        say_amiss(console, "no room here for the confusion matrix; --json has it", "dim")
        return
    for column, width in zip(made.columns[1:], widths, strict=True):
        column.width = width
    for index, (name, counts) in enumerate(zip(names, matrix, strict=True)):
        made.add_row(name, *(Text(str(count), "bold" if index == place else "") for place, count in enumerate(counts)))
    console.print(made)


def _print_more(rows: Sequence[Any], console: Console) -> None:
    for line in _and_more(rows):
        console.print(line)


def _content(path: Path) -> str:
    try:
        text = content_of(path, _MOST_MEGABYTES).decode("utf-8", errors="replace")
    except (OSError, Refused) as error:
        told: Amiss = f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
        return told
    return text_of(text).rstrip()


def _and_more(rows: Sequence[Any]) -> list[str]:
    return [f"and {len(rows) - _MOST_ROWS:,} more"] if len(rows) > _MOST_ROWS else []


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _count(value: float | None) -> str:
    return "–" if value is None else str(value)


def _time(timings: Any) -> str:
    total = timings.get("total")
    if total is None:
        return "–"
    parts = [f"{_PLAINER.get(name, name)} {seconds:.1f}" for name, seconds in timings.items() if name != "total"]
    return f"{total:.1f} s ({', '.join(parts[:_MOST_NAMED])})"


def model_table(rows: Any, parameters: Any) -> Any:
    """The model summary: a row a layer, and the sum."""
    made = table("layer", "kind", "output", "parameters", right=("parameters",))
    for row in rows[:_MOST_ROWS]:
        made.add_row(row["layer"], row["kind"], row["output"], f"{row['parameters']:,}")
    total, trainable = parameters.get("total"), parameters.get("trainable")
    rest = "" if trainable in (None, total) else f", {trainable:,} of them trainable"
    sums = [] if total is None else [Text(f" {total:,} parameters{rest}")]
    return Group(made, *_and_more(rows), *sums)
