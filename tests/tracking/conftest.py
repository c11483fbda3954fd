"""Real runs, copied to be told of, and real stores: making the tables of one takes seconds, so it is done once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nnexp.tracking.kinds import TRACKERS
from nnexp.tracking.tracker import Tracker
from nnexp.tracking.trackers import open_trackers

Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that whoever runs the tests has named is not theirs."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def runs(tmp_path: Path, once: Once) -> Path:
    """An empty directory for runs, with an MLflow store that has its tables."""

    def fill(folder: Path) -> None:
        from mlflow import MlflowClient

        MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")

    store = tmp_path / "runs" / "mlflow"
    shutil.copytree(once("mlflow_store", fill), store)
    return store.parent


@pytest.fixture
def run(runs: Path, trained: Path) -> Path:
    """A completed run of three epochs."""
    return Path(shutil.copytree(trained / "hidden=16_seed=1", runs / "wide"))


@pytest.fixture
def tracker(request: pytest.FixtureRequest, runs: Path) -> Tracker:
    """The tracker of the name that a test is parametrised with."""
    parameters = {name: said.default for name, said in TRACKERS[request.param].items() if said.default is not None}
    [opened] = open_trackers([(request.param, parameters)], runs)
    return opened


@pytest.fixture(scope="session", autouse=True)
def tensorflow_first() -> None:
    """TensorBoard's reader imports TensorFlow, whose import warns where warnings are errors."""
    from nnexp.training import backend

    backend.load()
