"""What is known of the trials of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# worst: it diverged, which is worse than any figure; failed: it says nothing of its point.
State = Literal["running", "done", "pruned", "worst", "failed"]


@dataclass(slots=True)
class Known:
    """What is known of a trial: its values, and the objective after each epoch."""

    values: Mapping[str, Any]
    rows: dict[int, float] = field(default_factory=dict)
    state: State = "running"
    value: float | None = None  # of the objective, where it is done
