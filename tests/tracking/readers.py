"""What trackers have of runs, read with their own readers, and what they should have."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from nnexp.files import write_text
from nnexp.runs import record
from nnexp.tracking.kept import kept


def rewritten(run: Path, **changes: Any) -> None:
    """Change metrics.json of a run."""
    metrics = json.loads((run / "metrics.json").read_text())
    write_text(run / "metrics.json", json.dumps({**metrics, **changes}))  # whole: it may be read just now


class OfMLflow:
    """What an MLflow store says, asked by its own client."""

    def __init__(self, runs: Path) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(f"sqlite:///{runs / 'mlflow' / 'mlflow.db'}")

    def search(self, query: str = "") -> list[Any]:
        """The runs that a search finds."""
        numbers = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return list(self.client.search_runs(numbers, query))

    def series(self, run: Path) -> dict[str, list[tuple[int, float]]]:
        """Steps and values by name, of the run that a folder remembers."""
        found = self.client.get_run(kept(run, "mlflow").id)
        names, number = found.data.metrics, found.info.run_id
        histories = {name: self.client.get_metric_history(number, name) for name in names}
        return {name: [(one.step, one.value) for one in history] for name, history in histories.items()}


class OfTensorBoard:
    """What event files say, read by TensorBoard's own reader."""

    def __init__(self, runs: Path) -> None:
        pass

    def series(self, run: Path) -> dict[str, list[tuple[int, float]]]:
        """Steps and values by name."""
        found = accumulated(run)
        return {name: [(event.step, event.value) for event in found.Scalars(name)] for name in found.Tags()["scalars"]}


def accumulated(run: Path) -> Any:
    """All events of a run, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


class OfWandb:
    """What the file of an offline run says, read by wandb's own reader."""

    def __init__(self, runs: Path) -> None:
        self.store = runs / "wandb"

    def records(self, run: Path) -> list[Any]:
        """All records of the one offline run that a folder remembers."""
        from wandb.proto.wandb_internal_pb2 import Record
        from wandb.sdk.internal.datastore import DataStore

        [file] = self.store.glob(f"offline-run-*-{kept(run, 'wandb').id}/*.wandb")
        with contextlib.closing(DataStore()) as reader:
            reader.open_for_scan(str(file))
            return [Record.FromString(content) for content in iter(reader.scan_data, None)]

    def series(self, run: Path) -> dict[str, list[tuple[int, float]]]:
        """Steps and values by name; the figures of the test are of the run, so of its last step."""
        found: dict[str, list[tuple[int, float]]] = {}
        for one in (one for one in self.records(run) if one.HasField("history")):
            row = {"/".join(item.nested_key): json.loads(item.value_json) for item in one.history.item}
            for name in (name for name in row if not name.startswith("_") and "/" not in name):
                found.setdefault(name, []).append((row["_step"], float(row[name])))
        last = len(found["loss"])
        tested = (item for one in self.records(run) for item in one.summary.update if item.key.startswith("test_"))
        return found | {item.key: [(last, json.loads(item.value_json))] for item in tested}


READERS = {"mlflow": OfMLflow, "tensorboard": OfTensorBoard, "wandb": OfWandb}


def expected(run: Path) -> dict[str, list[tuple[int, Any]]]:
    """The series that a tracker has of a run whose folder is whole."""
    found = record.read(run)
    names = [name for name in found.history[0] if name != "epoch"]
    by_epoch = {name: [(row["epoch"], pytest.approx(row[name])) for row in found.history] for name in names}
    last = len(found.history)
    test = {f"test_{name}": [(last, pytest.approx(value))] for name, value in found.test.items()}
    for name, ends in found.test_intervals.items():
        for end, value in zip(("low", "high"), ends, strict=True):
            test[f"test_{name}_{end}"] = [(last, pytest.approx(value))]
    return by_epoch | test
