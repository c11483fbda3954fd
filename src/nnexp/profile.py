"""Where the time of a run goes: each moment belongs to the stage that was marked last. `--profile` asks for it.

A stage within another is written with a slash: `training/steps`. All stages together are the whole time since the
process began.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from nnexp import machine
from nnexp.runs.process import age

Mark = Callable[[str], None]
# (epoch, steps done, steps in all, running loss and metrics), as the training loop tells it
Progress = Callable[[int, int, int, Mapping[str, float]], None]

REST = "rest"  # what no stage claims
_START = "start"  # of Python and of nnexp, up to the first mark
_COMPILE, _STEPS = "training/compile", "training/steps"


def unmarked(stage: str) -> None:
    """Measure nothing."""


class Profile:
    """Seconds by stage since this process began."""

    def __init__(self) -> None:
        self._began = self._since = time.perf_counter() - age()
        self._stage = _START
        self._seconds: dict[str, float] = {}
        self._epoch_steps = self._last_step = self._steps = 0
        self._compiled = False

    def mark(self, stage: str) -> None:
        """From now on the time is that of `stage`."""
        now = time.perf_counter()
        self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = stage, now

    def stepping(self, report: Progress) -> Progress:
        """Pass progress on, and tell steps from what comes before the first ones are done: the compiler's time."""

        def told(epoch: int, step: int, steps: int, logs: Mapping[str, float]) -> None:
            if not step:
                self._count(self._epoch_steps)  # an engine may not tell of its last ones
                self._epoch_steps, self._last_step = steps, 0
                self.mark(_STEPS if self._compiled else _COMPILE)
            else:
                self._count(step)
                self._compiled = True
                self.mark(_STEPS)
            report(epoch, step, steps, logs)

        return told

    def plain(self, batch_size: int) -> dict[str, Any]:
        """All of it as plain data, up to this moment; batches hold `batch_size` examples."""
        self.mark(self._stage)
        self._count(self._epoch_steps)
        stepping = self._seconds.get(_STEPS, 0.0)
        used = os.times()
        return {
            "total": self._since - self._began,
            "stages": {REST: 0.0, **self._seconds},
            "steps": self._steps,
            "microseconds_a_step": 1e6 * stepping / self._steps if self._steps else None,
            "examples_a_second": batch_size * self._steps / stepping if self._steps and stepping else None,
            "cpu_seconds": used.user + used.system + used.children_user + used.children_system,
            "peak_memory_bytes": machine.peak(),
        }

    def _count(self, step: int) -> None:
        """Count the steps up to `step` of this epoch, but for the first ones, whose time is mostly the compiler's."""
        if self._compiled:
            self._steps += step - self._last_step
        self._last_step = step
