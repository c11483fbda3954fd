"""Findings: observations in words, each with its evidence and a suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed about an experiment or a run: what, by which figures, and what to try."""

    code: str  # stable, snake_case: "diverged", "raw_input"
    severity: Severity
    message: str
    suggestion: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
