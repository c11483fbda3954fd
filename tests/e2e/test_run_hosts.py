"""One run on several hosts, as processes of this one: it comes to the result of one, and none waits for ever."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnexp.runs.predictions import read_predictions
from nnexp.runs.weights import read_weights
from nnexp.verification import differences

OUTPUT = "{dense: {units: 10, activation: softmax}}"
CONVOLUTION = "{reshape: [8, 8, 1]}, {conv2d: {filters: 4, kernel_size: 3}}"


def text(layers: str, **more: str) -> str:
    # 1,150 examples are trained on: a last batch of 50 is whole, one of 48 has 46; of 685 one of 31 has 3.
    keys = {"dataset": "digits", "optimizer": "{sgd: 0.1}", "validation": "0.2", "engine": "graph", "epochs": "2"}
    return f"layers: [{layers}, {OUTPUT}]\n" + "".join(f"{key}: {value}\n" for key, value in {**keys, **more}.items())


SAME = {
    "mlp": text(
        "flatten, {dense: {units: 16, activation: tanh}}", batch_size="31", class_weight="{'3': 5}", train_size="685"
    ),
    "clipped": text(
        f"{CONVOLUTION}, tanh, flatten", optimizer="{adam: {global_clipnorm: 0.01, use_ema: true}}", batch_size="48"
    ),
    "synchronized": text(
        "flatten, {dense: {units: 16, use_bias: false}}, {batch_normalization: {synchronized: true}}", batch_size="50"
    ),
}
# All that could part hosts: own statistics, random numbers, decisions.
PARTING = text(
    f"{CONVOLUTION}, batch_normalization, flatten, {{dropout: 0.3}}",
    epochs="12",
    batch_size="31",
    optimizer="{adam: {learning_rate: 0.01, use_ema: true}}",
    checkpoint="every 1",
    callbacks="[{early_stopping: {monitor: val_loss, patience: 2, min_delta: 0.02, restore_best_weights: true}},"
    " {reduce_lr_on_plateau: {patience: 1, min_delta: 0.05}}, {csv_logger: {filename: rows.csv}}]",
)
ENVIRONMENT = {**os.environ, "http_proxy": "http://127.0.0.1:9"}  # for the web alone


# What starts the tests may have it ignored, as a shell does for `pytest &`.
LISTEN_TO_CTRL_C = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)


class Run:
    """`nnexp run` or `resume` on the first of `count` hosts, and `nnexp join` on the others, each a process."""

    def __init__(self, folder: Path, *arguments: object, count: int = 2) -> None:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        self.hosts = [f"127.0.0.1:{place.getsockname()[1]}" for place in sockets]
        for place in sockets:
            place.close()
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.log = folder / f"{arguments[0]}.log"
        self.helpers = [self._start(folder / f"{host}.log", "join", self.hosts[0]) for host in self.hosts[1:]]
        self.first = self._start(self.log, *arguments, "--hosts", ",".join(self.hosts))

    def _start(self, log: Path, *arguments: object) -> subprocess.Popen[bytes]:
        away = log.with_suffix("")
        away.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "nnexp", *map(str, arguments)]
        with log.open("wb") as said:
            return subprocess.Popen(
                command, stdout=said, stderr=said, cwd=away, env=ENVIRONMENT, preexec_fn=LISTEN_TO_CTRL_C
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def helper_said(self) -> str:
        return (self.folder / f"{self.hosts[1]}.log").read_text()

    def until(self, words: str) -> None:
        """Wait until the first host has said something."""
        until = time.monotonic() + 240
        while not re.search(words, self.said):
            assert self.first.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.05)

    def ends(self, seconds: float = 240) -> list[int]:
        """The exit codes, of the first host first."""
        until = time.monotonic() + seconds
        return [process.wait(max(0.1, until - time.monotonic())) for process in (self.first, *self.helpers)]

    def close(self) -> None:
        for process in (self.first, *self.helpers):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    @property
    def run(self) -> Path:
        [found] = (self.folder / "runs").iterdir()
        return found


@pytest.fixture
def begin() -> Iterator[Callable[..., Run]]:
    begun: list[Run] = []

    def work(folder: Path, *arguments: object, **more: int) -> Run:
        begun.append(Run(folder, *arguments, **more))
        return begun[-1]

    yield work
    for run in begun:
        run.close()


def config(folder: Path, content: str) -> list[object]:
    folder.mkdir(exist_ok=True)
    (folder / "it.yaml").write_text(content)
    return ["run", folder / "it.yaml", "--runs-dir", folder / "runs"]


def metrics(run: Path) -> Any:
    return json.loads((run / "metrics.json").read_text())


SLOW = [pytest.param(*which, marks=pytest.mark.slow) for which in (("clipped", 2), ("synchronized", 2), ("clipped", 3))]


@pytest.mark.parametrize(("name", "count"), [("mlp", 2), *SLOW])
def test_several_hosts_come_to_the_result_of_one(
    tmp_path: Path, begin: Callable[..., Run], nnexp: Callable[..., Any], name: str, count: int
) -> None:
    several = begin(tmp_path, *config(tmp_path, SAME[name]), count=count)
    assert several.ends() == [0] * count, several.said
    one = tmp_path / "one"
    assert nnexp("run", tmp_path / "it.yaml", "--runs-dir", one).returncode == 0
    [alone] = one.iterdir()
    ours, theirs = read_weights(several.run / "model.keras"), read_weights(alone / "model.keras")
    assert ours.keys() == theirs.keys()
    for key, weight in theirs.items():
        np.testing.assert_allclose(ours[key], weight, rtol=0, atol=1e-5 * np.abs(weight).max(initial=1e-2), err_msg=key)
    found, expected = metrics(several.run), metrics(alone)
    for row, other in zip(found["history"], expected["history"], strict=True):
        assert row == pytest.approx({**other, "seconds": row["seconds"]}, rel=1e-5)
    assert found["test"] == pytest.approx(expected["test"], rel=1e-5)
    assert found["identity"] == expected["identity"]
    devices = [f"{host} CPU:0" for host in several.hosts]
    assert [row["device"] for row in found["replicas"]] == devices
    assert json.loads((several.run / "environment.json").read_text())["replicas"] == devices
    for host in several.hosts[1:]:
        assert [*(tmp_path / host).iterdir()] == []  # a helper keeps nothing
        assert f"done: {several.hosts[0]} has all it needs for the result" in (tmp_path / f"{host}.log").read_text()


@pytest.fixture(scope="module")
def undisturbed(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    def fill(folder: Path) -> None:
        run = Run(folder, *config(folder, PARTING))
        try:
            assert run.ends() == [0, 0], run.said
        finally:
            run.close()

    [run] = (once("hosts", fill) / "runs").iterdir()
    return run


@pytest.mark.slow
def test_what_hosts_learn_apart_is_the_same_when_they_are_evaluated_and_saved(undisturbed: Path) -> None:
    """Moving averages: half of the test examples were predicted elsewhere than the model was saved."""
    import keras

    from nnexp.data.datasets import DATASETS, load

    assert metrics(undisturbed)["stopped"]["reason"].startswith("early_stopping")
    assert len((undisturbed / "rows.csv").read_text().splitlines()) == 1 + len(metrics(undisturbed)["history"])
    model = keras.models.load_model(undisturbed / "model.keras")
    tested = read_predictions(undisturbed / "predictions.npz", probabilities=True)
    again = model.predict(load(DATASETS["digits"]).x_test, verbose=0)
    np.testing.assert_allclose(again, tested.probabilities.astype(np.float32), atol=1e-3)  # float16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "words"), [(signal.SIGKILL, -9, "lost: it ended"), (signal.SIGTERM, 143, "it was interrupted")]
)
def test_a_helper_that_ends_ends_the_run_and_it_goes_on_to_the_same_bits(
    tmp_path: Path,
    undisturbed: Path,
    begin: Callable[..., Run],
    nnexp: Callable[..., Any],
    number: int,
    code: int,
    words: str,
) -> None:
    first = begin(tmp_path, *config(tmp_path, PARTING))
    first.until(r"epoch +3/")
    first.helpers[0].send_signal(number)
    assert first.ends(20) == [1, code], first.said
    assert f"error: the run failed: {first.hosts[1]}: {words}" in first.said
    assert f"nnexp resume {first.run} --hosts {','.join(first.hosts)}" in first.said
    assert metrics(first.run)["status"] == "failed"
    alone = nnexp("resume", first.run)
    assert alone.returncode == 2
    assert "CPU:0 of host 1, CPU:0 of host 2 then, CPU:0 now" in alone.stderr

    second = begin(tmp_path, "resume", first.run)  # other ports: no matter
    assert second.ends() == [0, 0], second.said
    assert "going on after epoch" in second.said
    assert differences(undisturbed, first.run) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_the_first_host_ends_all(tmp_path: Path, begin: Callable[..., Run], number: int, code: int) -> None:
    run = begin(
        tmp_path,
        *config(tmp_path, PARTING.replace("epochs: 12", "epochs: 1000").replace("min_delta: 0.02", "mode: max")),
    )
    run.until(r"epoch +2/")
    run.first.send_signal(number)
    assert run.ends(20) == [code, 1], run.said
    why = "lost: it ended" if number == signal.SIGKILL else "it was interrupted"
    assert f"error: {run.hosts[0]}: {why}" in run.helper_said
    assert metrics(run.run)["status"] == ("running" if number == signal.SIGKILL else "interrupted")


@pytest.mark.slow
def test_a_host_that_stands_still_is_found(tmp_path: Path, begin: Callable[..., Run]) -> None:
    run = begin(
        tmp_path,
        *config(tmp_path, PARTING.replace("epochs: 12", "epochs: 1000").replace("min_delta: 0.02", "mode: max")),
    )
    run.until(r"epoch +2/")
    run.helpers[0].send_signal(signal.SIGSTOP)
    assert run.first.wait(50) == 1
    assert f"{run.hosts[1]}: lost: no word from it for 30 s" in run.said


@pytest.mark.slow
def test_ten_runs_end_alike(tmp_path: Path, begin: Callable[..., Run]) -> None:
    digests = set()
    for time_ in range(10):
        run = begin(tmp_path / str(time_), *config(tmp_path / str(time_), SAME["mlp"]))
        assert run.ends(120) == [0, 0], run.said
        digests.add(b"".join(weight.tobytes() for weight in read_weights(run.run / "model.keras").values()))
    assert len(digests) == 1
