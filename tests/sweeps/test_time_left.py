"""How long a sweep under way says that it still takes."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from nnexp import events
from nnexp.cli import sweep_live
from nnexp.cli.sweep_live import SweepLive
from nnexp.sweeps.child import Ending, Free
from nnexp.sweeps.execute import Ended, Started


def test_the_time_left_is_told_without_what_the_first_runs_need_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve runs in two kinds, one at a time: 8 s to load TensorFlow, 4 s to compile a kind, 10 epochs of 0.2 s."""
    clock = [100.0]
    monkeypatch.setattr(sweep_live, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    runs = {f"hidden={width}_seed={seed}": {"hidden": width, "seed": seed} for width in "12" for seed in "abcdef"}
    console = Console(file=(file := io.StringIO()), width=120)
    told: list[tuple[str, float]] = []
    with SweepLive(console, tmp_path, dict.fromkeys(runs, 3.5), 1, quiet=True, values=runs) as live:
        for label in runs:
            live.report(label, Started())
            clock[0] += 8.0 if label == "hidden=1_seed=a" else 0.0
            for epoch in range(1, 11):
                live.report(label, events.Progress(epoch, 10, 0, 10, {}))
                clock[0] += 4.2 if label.endswith("a") and epoch == 1 else 0.2
                live.report(label, events.EpochEnded(epoch, 10, {}, 0.2))
            live.report(label, Free())
            live.report(label, Ended(Ending("failed") if label == "hidden=2_seed=b" else Ending("stopped")))
            file.truncate(file.seek(0))
            console.print(live)
            told.append((file.getvalue().partition("about ")[2].split(" left")[0], clock[0]))
    assert told[0][0] == ""  # of 1.8 s of work nothing is concluded
    for said, then in told[1:]:
        assert float(said.removesuffix(" s")) == pytest.approx(clock[0] - then, abs=0.12 * (clock[0] - then) + 1)
