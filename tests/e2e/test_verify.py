"""`nnexp verify`: a run trained again, and what is said of one that is not repeated or cannot be."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnexp.errors import InputError, RunError
from nnexp.experiment import Options, run_experiment
from nnexp.runs import record
from nnexp.runs.reading import Refused
from nnexp.runs.weights import read_weights
from nnexp.verification import differences, verify

IRIS = """
dataset: iris
layers: [dense: {units: 8, activation: relu}, dropout: 0.2, dense: {units: 3, activation: softmax}]
validation: 0.2
epochs: 2
engine: graph
callbacks:
  - csv_logger: {filename: log.csv}
  - model_checkpoint: {filepath: best.keras}
"""
DIVERGES = IRIS.replace("engine:", "optimizer: {sgd: {learning_rate: 1.0e+30}}\nengine:")


@pytest.fixture(scope="session")
def finished(once: Any, experiment: Any) -> Path:
    """A finished run; copies of it are forged."""
    return once("verify", lambda folder: run_experiment(experiment(IRIS), Options(folder=folder / "run"))) / "run"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def with_weights(path: Path, change_it: Callable[[h5py.File], object]) -> None:
    """Write the weights in a .keras file anew, changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    held = io.BytesIO(members["model.weights.h5"])
    with h5py.File(held, "r+") as file:
        change_it(file)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "model.weights.h5": held.getvalue()}.items():
            archive.writestr(name, content)


def test_a_run_is_repeated_bit_for_bit_and_left_as_it_was(finished: Path, nnexp: Any, tmp_path: Path) -> None:
    before = contents(finished)
    done = nnexp("verify", finished, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{finished}: identical, bit for bit (")
    assert "epoch 2/2" in done.stderr
    assert "nnexp-verify-" not in done.stdout + done.stderr
    assert contents(finished) == before
    assert not list(tmp_path.iterdir())


def test_what_differs_is_said_with_its_size_and_what_has_changed(copy: Path) -> None:
    metrics = json.loads((copy / "metrics.json").read_text())
    metrics["history"][1]["val_loss"] *= 1.5
    change(copy / "metrics.json", history=metrics["history"])
    environment = json.loads((copy / "environment.json").read_text())
    change(copy / "environment.json", packages={**environment["packages"], "keras": "3.14.9"}, code="0123456789abcdef")
    verdict = verify(copy, Options())
    [difference] = verdict.differences
    assert not verdict.identical
    assert (difference.group, difference.first, difference.differing) == ("history", "epoch 2: val_loss", 1)
    assert difference.relative == pytest.approx(1 / 3)
    assert verdict.changes[0].startswith("keras 3.14.9 then, ")
    assert any("another source: 0123456789abcdef then" in change for change in verdict.changes)


def test_a_figure_that_was_changed_by_hand_is_told_as_that(copy: Path) -> None:
    metrics = json.loads((copy / "metrics.json").read_text())
    right = metrics["test"]["accuracy"]
    change(copy / "metrics.json", test={**metrics["test"], "accuracy": 0.99})
    verdict = verify(copy, Options())
    assert [difference.first for difference in verdict.differences] == ["test.accuracy"]
    assert verdict.changes == [
        f"metrics.json says accuracy 0.99, predictions.npz gives {right:.6g}: metrics.json was changed by hand"
    ]
    change(copy / "metrics.json", test={**metrics["test"], "loss": 0.01})
    [reason] = verify(copy, Options()).changes
    assert reason.startswith("metrics.json was changed by hand: only it differs")
    environment = json.loads((copy / "environment.json").read_text())
    change(copy / "environment.json", packages={**environment["packages"], "keras": "3.14.9"})
    with np.load(copy / "predictions.npz") as old:
        arrays = dict(old)
    [reason] = verify(copy, Options()).changes  # a loss may be another in another version …
    assert reason.startswith("keras 3.14.9 then, ")
    np.savez_compressed(copy / "predictions.npz", **{**arrays, "predicted": arrays["labels"]})
    assert verify(copy, Options()).changes[0] == (  # … a count of examples not
        f"metrics.json says accuracy {right:.6g}, predictions.npz gives 1: one of them was changed by hand"
    )


@pytest.mark.slow
def test_a_diverged_run_is_repeated_too(experiment: Any, tmp_path: Path) -> None:
    folder = run_experiment(experiment(DIVERGES), Options(folder=tmp_path / "run"))
    assert record.read(folder).status == "diverged"
    assert any(not np.isfinite(array).all() for array in read_weights(folder / "model.keras").values())
    assert verify(folder, Options()).identical


def test_a_run_does_not_differ_from_its_copy(finished: Path, copy: Path) -> None:
    assert differences(finished, copy) == []


def swap(name: str, values: Any) -> Callable[[Path], None]:
    return lambda copy: change(copy / "metrics.json", **{name: values})


def one_bit(copy: Path) -> None:
    with_weights(copy / "model.keras", lambda file: file["layers/dense/vars/1"].write_direct(np.full(8, 1e-30, "f4")))


def other_prediction(copy: Path) -> None:
    with np.load(copy / "predictions.npz") as old:
        arrays = dict(old)
    arrays["probabilities"][3, 1] += np.float16(0.5)
    np.savez_compressed(copy / "predictions.npz", **arrays)


def other_shape(copy: Path) -> None:
    def narrow(file: h5py.File) -> None:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.zeros((4, 7), "f4")

    with_weights(copy / "model.keras", narrow)


def no_kernel(copy: Path) -> None:
    with_weights(copy / "model.keras", lambda file: file.__delitem__("layers/dense/vars/0"))


@pytest.mark.parametrize(
    ("forge", "group", "first", "note"),
    [
        (swap("status", "diverged"), "status", "status", "diverged then, completed now"),
        (swap("best_epoch", 1), "status", "best_epoch", ""),
        (swap("stopped", {"epoch": 1, "reason": "x"}), "status", "stopped.epoch", "not there now"),
        (swap("history", []), "history", "epoch 1: epoch", "not there then"),
        (swap("test", {"loss": None}), "test", "test.loss", "None then"),
        (swap("evaluation", {}), "evaluation", "", "not there then"),
        (one_bit, "weights", "layers/dense/vars/1", ""),
        (other_shape, "weights", "layers/dense/vars/0", "float32[4, 7] then, float32[4, 8] now"),
        (no_kernel, "weights", "layers/dense/vars/0", "not there then"),
        (other_prediction, "predictions", "probabilities", ""),
        (lambda copy: (copy / "log.csv").write_text("x"), "files", "log.csv", ""),
        (lambda copy: (copy / "best.keras").unlink(), "files", "best.keras", "not there then"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_difference_is_found(
    finished: Path, copy: Path, forge: Callable[[Path], object], group: str, first: str, note: str
) -> None:
    forge(copy)
    found = differences(copy, finished)
    assert group in [difference.group for difference in found]
    [difference] = [difference for difference in found if difference.group == group]
    assert difference.first.startswith(first)
    assert note in difference.note
    assert 0 < difference.differing <= difference.values


def test_a_run_that_was_not_finished_is_sent_to_resume(copy: Path, nnexp: Any) -> None:
    change(copy / "metrics.json", status="interrupted")
    done = nnexp("verify", copy)
    assert done.returncode == 2
    assert f"nnexp resume {copy}" in done.stderr
    assert "Traceback" not in done.stderr


def edit_config(copy: Path) -> None:
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 2", "epochs: 3"))


def edit_engine(copy: Path) -> None:
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("engine: graph", "engine: keras"))


def link_out(copy: Path) -> None:
    (copy / "config.yaml").rename(copy.parent / "config.yaml")
    (copy / "config.yaml").symlink_to(copy.parent / "config.yaml")


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (edit_config, "config.yaml is not the one that it was trained with"),
        (edit_engine, "engine graph then, keras now"),
        (link_out, "config.yaml is a link, and may lead anywhere"),
        (lambda copy: (copy / "config.yaml").unlink(), "no such file"),
        (lambda copy: (copy / "model.keras").unlink(), "model.keras cannot be read: No such file"),
        (lambda copy: os.truncate(copy / "model.keras", 5000), "model.keras is damaged"),
        (lambda copy: os.truncate(copy / "predictions.npz", 100), "predictions.npz is damaged"),
        (lambda copy: (copy / "metrics.json").write_text("{"), "not JSON"),
        (lambda copy: shutil.rmtree(copy), "no such run folder"),
    ],
)
def test_what_cannot_be_verified_is_said_before_anything_is_trained(
    copy: Path, forge: Callable[[Path], object], told: str
) -> None:
    forge(copy)
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        verify(copy, Options(), report=lambda event: pytest.fail(f"it began: {event}"))


def elsewhere(copy: Path) -> Path:
    secret = copy.parent / "secret"
    secret.write_bytes(b"12345678")
    return secret


def external(copy: Path, file: h5py.File) -> None:
    file.create_dataset("x", (2,), "f4", external=[(str(elsewhere(copy)), 0, 8)])


def virtual(copy: Path, file: h5py.File) -> None:
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource(str(elsewhere(copy)), "x", (8,))
    file.create_virtual_dataset("x", layout)


def bomb(copy: Path, file: h5py.File) -> None:
    file.create_dataset("x", (10**12,), "f4", chunks=(1000,), compression="gzip")


def objects(copy: Path, file: h5py.File) -> None:
    file.create_dataset("x", (1,), h5py.string_dtype())


@pytest.mark.parametrize(
    ("forge", "told"),
    [(external, "another file"), (virtual, "another file"), (bomb, "more than"), (objects, "no numbers")],
)
def test_a_forged_model_is_refused(copy: Path, forge: Callable[..., None], told: str) -> None:
    with_weights(copy / "model.keras", lambda file: forge(copy, file))
    with pytest.raises(Refused, match=told):
        read_weights(copy / "model.keras")


def test_links_in_a_forged_model_lead_nowhere(finished: Path, copy: Path) -> None:
    def link(file: h5py.File) -> None:
        file["other"] = h5py.ExternalLink(str(finished / "model.keras"), "/")
        file["again"] = h5py.SoftLink("/layers")
        file["layers/circle"] = file["/"]

    with_weights(copy / "model.keras", link)
    assert len(read_weights(copy / "model.keras")) == len(read_weights(finished / "model.keras"))


def test_training_again_that_fails_is_said_without_the_folder_that_is_gone(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_disk(event: object) -> None:
        for made in tmp_path.glob("nnexp-verify-*"):
            shutil.rmtree(made, ignore_errors=True)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RunError, match="could not be trained again") as told:
        verify(copy, Options(), no_disk)
    assert "nnexp-verify-" not in str(told.value)


@pytest.mark.slow
def test_several_runs_are_verified_one_by_one_and_told_together(copy: Path, nnexp: Any, tmp_path: Path) -> None:
    different, unfinished = (shutil.copytree(copy, tmp_path / name) for name in ("different", "unfinished"))
    other_prediction(different)
    change(unfinished / "metrics.json", status="failed")
    done = nnexp("verify", tmp_path, "--quiet")
    assert done.returncode == 2
    identical, apart, what, _, reason, last = done.stdout.splitlines()
    assert identical.startswith(f"{copy}: identical, bit for bit (")
    assert apart.startswith(f"{different}: different (")
    assert what.startswith("  predictions  1 of ")
    assert reason.startswith("  none is known")
    assert last == f"{unfinished}: not verified, see above"
    assert f"nnexp resume {unfinished}" in done.stderr
    done = nnexp("verify", copy, different, "--quiet", "--json")
    assert done.returncode == 1
    assert [verdict["identical"] for verdict in json.loads(done.stdout)] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["xla", "graph", "keras"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_is_repeated_with_its_own_engine_and_threads(
    experiment: Any, tmp_path: Path, nnexp: Any, engine: str, threads: int
) -> None:
    config = tmp_path / "wide.yaml"
    config.write_text(
        "dataset: digits\nepochs: 3\nvalidation: 0.2\noptimizer: sgd\n"
        f"engine: {engine}\nthreads: {threads}\n"
        "layers: [flatten, dense: {units: 600, activation: relu}, dense: {units: 10, activation: softmax}]"
    )
    assert nnexp("run", config, "--runs-dir", tmp_path / "runs", "-q").returncode == 0
    done = nnexp("verify", tmp_path / "runs", "-q", "--json")
    assert done.returncode == 0, done.stderr
    [verdict] = json.loads(done.stdout)
    assert verdict["identical"]
    assert verdict["changes"] == []
