"""A search whose driver is killed has the points that it would have had, whenever that was."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnexp.config.sweep import SweepFile, load_sweep
from nnexp.events import EpochEnded
from nnexp.sweeps.child import Free, Task
from nnexp.sweeps.expand import Point, expand
from nnexp.sweeps.search import Trials
from nnexp.sweeps.sweep import Job, Options, begin

EPOCHS = 4
TEXT = f"""\
base: {{dataset: digits, layers: [flatten, dense: 10], validation: 0.2, epochs: {EPOCHS}}}
trials: 13
objective: val_loss
space:
  batch_size: {{range: [8, 256]}}
  learning_rate: {{log: [0.0001, 0.1]}}
finalists: 1
repeats: 1
"""


class Killed(Exception):
    """The driver is no more."""


class Driver:
    """One worker's runs, without training: what a search hears of them, and what they leave in its folder.

    They fare by their batch size and learning rate alone; one with a batch size below 60
    diverges, though its validation loss looks good.
    """

    def __init__(self, job: Job, lives: int) -> None:
        self.folder = job.folder
        self.trials = Trials(job.plan, job.folder, job.points)
        self.left = lives  # moments until it is killed

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def work(self) -> None:
        unsettled: list[str] = []  # whose last files are written beside the next run
        for tasks in self.trials.batches(lambda point: Task(point.label, Path(), "", "", Path())):
            while task := tasks.take(""):
                self.moment()
                self.run(self.trials.points[task.label], unsettled)
            self.settle(unsettled)

    def run(self, point: Point, unsettled: list[str]) -> None:
        began = self.read(point)
        rows = began.get("history", [])
        if len(rows) < EPOCHS:
            rows = rows[:-1]  # its checkpoint is an epoch behind
        stopped = None
        for epoch in range(len(rows) + 1, EPOCHS + 1):
            rows.append({"epoch": epoch, **self.figures(point, epoch)})
            self.trials.hear(point.label, EpochEnded(epoch, EPOCHS, self.figures(point, epoch), 1.0))
            self.moment()
            if epoch < EPOCHS and self.trials.is_hopeless(point.label):
                stopped = {"epoch": epoch, "reason": "pruned: for others"}
                break
            self.write(point, "interrupted", rows[:epoch], None)
            self.moment()
        status = "diverged" if any(row["loss"] is None for row in self.as_json(rows)) else "completed"
        if began:  # it was gone on with: all of it is written before the worker is free
            self.write(point, status, rows, stopped)
        self.trials.hear(point.label, Free())
        self.settle(unsettled)
        self.moment()
        self.write(point, status, rows, stopped)
        unsettled.append(point.label)

    def settle(self, unsettled: list[str]) -> None:
        while unsettled:
            self.trials.settled(unsettled.pop())

    def figures(self, point: Point, epoch: int) -> dict[str, float]:
        size, rate = point.parameters["batch_size"], point.parameters["learning_rate"]
        if size < 60:
            return {"loss": math.nan, "val_loss": rate}
        loss = abs(math.log10(rate) + 2.2) + abs(size - 100) / 100 + size / 50 / epoch
        return {"loss": loss, "val_loss": loss}

    def as_json(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        def plain(value: float | None) -> float | None:
            return None if value is None or math.isnan(value) else value

        return [{key: plain(value) for key, value in row.items()} for row in rows]

    def read(self, point: Point) -> dict[str, Any]:
        metrics = self.folder.run(point.label).metrics
        return json.loads(metrics.read_text()) if metrics.exists() else {}

    def write(self, point: Point, status: str, rows: list[dict[str, Any]], stopped: dict[str, Any] | None) -> None:
        assert point.experiment
        run = self.folder.run(point.label)
        run.path.mkdir(exist_ok=True)
        said = {"status": status, "identity": point.experiment.identity, "history": self.as_json(rows)}
        run.metrics.write_text(json.dumps({**said, "schema": 1, "stopped": stopped}))


def searched(plan: SweepFile, runs: Path, kills: Iterator[int]) -> dict[str, Any]:
    """The values of each trial and final, and after how many epochs each ended."""
    job = begin(plan, expand(plan), Options(runs))
    while True:
        driver = Driver(job, next(kills))
        try:
            driver.work()
        except Killed:
            continue
        points = driver.trials.points.values()
        return {point.label: (point.parameters, len(driver.read(point)["history"])) for point in points}


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
def test_a_search_goes_on_as_if_it_had_not_been_killed(tmp_path: Path, sampler: str, pruner: str) -> None:
    (tmp_path / "search.yaml").write_text(f"{TEXT}sampler: {sampler}\npruner: {pruner}\n")
    plan = load_sweep(tmp_path / "search.yaml")
    whole = searched(plan, tmp_path / "whole", itertools.repeat(0))
    assert len(whole) == 13 + 1
    assert (pruner != "none") == any(epochs < EPOCHS for _, epochs in whole.values())
    chance = random.Random(f"{sampler} {pruner}")
    assert searched(plan, tmp_path / "killed", (chance.randint(5, 40) for _ in itertools.count())) == whole
