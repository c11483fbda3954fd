"""What the report tells of a single run: a list of small functions from a run to HTML.

Run folders may hold anything: a detail that is not what nnexp writes is left out, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nnexp.errors import Amiss
from nnexp.report.mistakes import Images, largest_errors, mistakes
from nnexp.report.rendering import render
from nnexp.report.run_charts import curves_of_run, ranks_of, residuals_of
from nnexp.runs.reading import Refused, json_of
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup

Look: TypeAlias = "Callable[[RunRecord, Images], Markup | str]"

# Beyond this many classes a table of counts could not be read; the most frequent confusions remain.
_MOST_CLASSES = 30
_CELL, _LINE = 3, 44  # letters that fit above a number, and side by side on a phone; longer names are turned
_MOST_TEXT = 20_000
_MOST_MEGABYTES = 1  # of environment.json
# What showing odd data may raise.
_ODD = (OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Detail:
    """A part of what is told of a run."""

    title: str
    html: Markup


def details_of(run: RunRecord, images: Images) -> list[Detail]:
    """All details of a run that there are."""
    found = [Detail(title, _read(title, look, run, images)) for title, look in DETAILS]
    return [detail for detail in found if detail.html]


def environment_of(run: RunRecord) -> Mapping[str, Any]:
    """environment.json as plain data; empty where it is missing or damaged."""
    try:
        found = json_of(run.folder.environment, _MOST_MEGABYTES)
    except (OSError, Refused):
        return {}
    return found if isinstance(found, dict) else {}


def _read(title: str, look: Look, run: RunRecord, images: Images) -> Markup:
    try:
        return render("detail.html", html=look(run, images), why="")
    except FileNotFoundError:  # a run that failed has no predictions, for one
        return render("detail.html", html="", why="")
    except _ODD as error:
        what = str(error) if isinstance(error, Refused) else type(error).__name__
        why: Amiss = f"{title} left out: it could not be read from the run folder ({what})."
        return render("detail.html", html="", why=why)


def _outcome(run: RunRecord, _: Images) -> Markup:
    first = [name for name in ("loss", run.headline) if name in run.test]
    return render("outcome.html", run=run, metrics=dict.fromkeys([*first, *run.test]))


def _findings(run: RunRecord, _: Images) -> Markup | str:
    return render("findings.html", findings=run.findings) if run.findings else ""


def _curves(run: RunRecord, _: Images) -> Markup | str:
    figure = curves_of_run(run)
    return render("run_curves.html", figure=figure) if figure["data"] else ""


def _confusion(run: RunRecord, _: Images) -> Markup | str:
    if "confusion_matrix" not in run.evaluation:
        return ""
    names = [row["class"] for row in run.evaluation["per_class"]]
    matrix = run.evaluation["confusion_matrix"]
    if any(len(row) != len(names) for row in matrix) or len(matrix) != len(names) or not names:
        raise Refused("its rows are not those of the classes")
    if len(names) > _MOST_CLASSES:
        return render("confusions.html", confusions=run.evaluation["top_confusions"])
    shares = [[count / (sum(row) or 1) for count in row] for row in matrix]
    rows = [
        (name, list(zip(counts, share, strict=True))) for name, counts, share in zip(names, matrix, shares, strict=True)
    ]
    widest = max(len(str(name)) for name in names)
    fit = widest <= _CELL or (len(names) + 1) * widest <= _LINE
    return render("confusion.html", names=names, rows=rows, turned=not fit)


def _residuals(run: RunRecord, _: Images) -> Markup | str:
    if run.task != "regression":
        return ""
    figures, note = residuals_of(run)
    return render("residuals.html", figures=figures, note=note)


def _ranks(run: RunRecord, _: Images) -> Markup | str:
    figure = ranks_of(run)
    return render("ranks.html", figure=figure) if figure else ""


def _classes(run: RunRecord, _: Images) -> Markup | str:
    return _of_each(run, "class") if run.task == "classification" else ""


def _labels(run: RunRecord, _: Images) -> Markup | str:
    return _of_each(run, "label") if run.task == "multi_label" else ""


def _of_each(run: RunRecord, what: str) -> Markup | str:
    rows: Sequence[Mapping[str, Any]] = run.evaluation.get("per_class", ())
    ranked = any("roc_auc" in row for row in rows)
    error = run.evaluation.get("calibration_error")
    return render("classes.html", what=what, rows=rows, ranked=ranked, calibration_error=error) if rows else ""


def _targets(run: RunRecord, _: Images) -> Markup | str:
    rows: Sequence[Mapping[str, Any]] = run.evaluation.get("per_target", ())
    return render("targets.html", rows=rows) if rows else ""


def _mistakes(run: RunRecord, images: Images) -> Markup | str:
    return render("mistakes.html", found=mistakes(run, images)) if run.task != "regression" else ""


def _errors(run: RunRecord, images: Images) -> Markup | str:
    return render("mistakes.html", found=largest_errors(run, images)) if run.task == "regression" else ""


def _model(run: RunRecord, _: Images) -> Markup | str:
    return render("model.html", rows=run.model, parameters=run.parameters) if run.model else ""


def _config(run: RunRecord, _: Images) -> Markup | str:
    if not run.config:
        return ""
    import yaml

    text = yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return render("config.html", text=text[:_MOST_TEXT], cut=len(text) > _MOST_TEXT)


def _environment(run: RunRecord, _: Images) -> Markup | str:
    found = environment_of(run)
    if not found:
        return ""
    packages = found.get("packages", {})
    engine = found.get("engine", {})
    facts = {
        "Engine": f"{engine.get('name', '')}: {engine.get('reason', '')}" if engine else "",
        "Threads": found.get("threads", ""),
        "Processor": found.get("cpu", ""),
        "Python": found.get("python", ""),
        "Packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "Commit": found.get("git_commit") or "",
    }
    return render("facts.html", facts={name: str(value) for name, value in facts.items() if value != ""})


DETAILS: tuple[tuple[str, Look], ...] = (
    ("Outcome", _outcome),
    ("Findings", _findings),
    ("Learning curves", _curves),
    ("Confusion matrix", _confusion),
    ("Predicted and true", _residuals),
    ("What the probabilities tell", _ranks),
    ("Figures of each class", _classes),
    ("Figures of each label", _labels),
    ("Figures of each target", _targets),
    ("Most confident mistakes", _mistakes),
    ("Largest errors", _errors),
    ("Model", _model),
    ("Config", _config),
    ("How it ran", _environment),
)
