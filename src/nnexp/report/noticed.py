"""What was noticed in runs, in few words: badges beside a run, and how often in the runs of each configuration."""

from __future__ import annotations

from dataclasses import dataclass

from nnexp.comparison.found import in_a_phrase
from nnexp.comparison.result import Comparison
from nnexp.runs.record import RunRecord


@dataclass(frozen=True, slots=True)
class Badge:
    """The findings of one code in a run."""

    text: str
    severity: str  # "info", "warning", "error"
    told: str  # their messages


def badges_of(run: RunRecord) -> list[Badge]:
    """A badge for each code; findings of several layers share one, with their number."""
    found: dict[tuple[str, str], list[str]] = {}
    for finding in run.findings:
        found.setdefault((finding["severity"], finding["code"]), []).append(finding["message"])
    return [
        Badge(_words(code) + (f" ×{len(told)}" if len(told) > 1 else ""), severity, " ".join(told))
        for (severity, code), told in found.items()
    ]


def noticed(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """By the label of a group what was noticed in it: "still improving in 9 of 10 runs"."""
    return [
        (group.label, [in_a_phrase(group, code) for code in group.findings])
        for group in comparison.groups
        if group.findings and len(group.all_runs) > 1
    ]


def _words(code: str) -> str:
    return code.replace("_", " ")
