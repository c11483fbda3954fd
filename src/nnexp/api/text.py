"""Words about a run that its text and its HTML share."""

from __future__ import annotations

from pathlib import Path

from nnexp.comparison.metrics import figure, in_order
from nnexp.runs.reading import printable
from nnexp.runs.record import RunRecord
from nnexp.tasks import in_words


def shown(path: Path) -> str:
    """A path as a person reads it: from the working directory where it lies below that."""
    here = Path.cwd()
    return printable(path.relative_to(here) if path.is_relative_to(here) else path)


def test_text(run: RunRecord) -> str:
    """The test metric that comes first, with its interval: ", test accuracy 0.9611 [0.9378, 0.9759]"; "" if none."""
    name = next((name for name in in_order(run.test) if run.test[name] is not None), None)
    if name is None:
        return ""
    return f", test {in_words(name)} {figure(run.test[name], name)} {interval(run, name)}".rstrip()


def interval(run: RunRecord, metric: str) -> str:
    """The 95 % interval of a test metric; "" where there is none."""
    ends = run.test_intervals.get(metric)
    return f"[{figure(ends[0], metric)}, {figure(ends[1], metric)}]" if ends else ""
