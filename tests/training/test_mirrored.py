"""`distribute: mirrored`: the result of one device on any number of them, and the same bits on the same number."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mirroring import DEVICES, command_on, runs_on

from nnexp.config.experiment import parse_experiment
from nnexp.config.loading import parse_config
from nnexp.data.datasets import DATASETS, load
from nnexp.preflight import preflight
from nnexp.runs.predictions import read_predictions
from nnexp.runs.weights import read_weights
from nnexp.verification import differences

OUTPUT = "{dense: {units: 10, activation: softmax}}"
MLP = f"[flatten, {{dense: {{units: 16, activation: tanh}}}}, {OUTPUT}]"
SYNCHRONIZED = (
    f"[flatten, {{dense: {{units: 16, use_bias: false}}}}, {{batch_normalization: {{synchronized: true}}}}, {OUTPUT}]"
)
CONVOLUTION = "{reshape: [8, 8, 1]}, {conv2d: {filters: 4, kernel_size: 3}}"
CNN = f"[{CONVOLUTION}, tanh, max_pooling2d, flatten, {OUTPUT}]"
RANDOM = f"[{CONVOLUTION}, batch_normalization, flatten, {{dropout: 0.3}}, {OUTPUT}]"


def text(layers: str = MLP, **more: str) -> str:
    # 1,150 examples are trained on: the last batch of 50 of an epoch is whole, one of 48 has 46, one of 31 has 3.
    keys = {"dataset": "digits", "optimizer": "{sgd: 0.1}", "validation": "0.2", "batch_size": "48", **more}
    return f"layers: {layers}\nengine: graph\nepochs: 2\n" + "".join(f"{key}: {value}\n" for key, value in keys.items())


SAME = {
    "mlp": text(),
    "short last batch": text(batch_size="31", class_weight="{'3': 5}"),
    "clipped": text(optimizer="{adam: {global_clipnorm: 0.01, use_ema: true}}"),
    "weighted mean": text(
        class_weight="{'3': 5}", loss="{sparse_categorical_crossentropy: {reduction: mean_with_sample_weight}}"
    ),
    "counted": text(loss="categorical_crossentropy", metrics="[accuracy, true_positives, auc]"),
    "convolution": text(CNN.replace("kernel_size: 3", "kernel_size: 3, kernel_regularizer: {l2: 0.01}")),
    "synchronized": text(SYNCHRONIZED, batch_size="50"),
}
SPREAD = {2: [*SAME], 4: ["mlp", "short last batch"]}  # number of devices: what is trained on them
ON_DEVICES = "distribute: mirrored\n"


@pytest.fixture(scope="module")
def spread(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Runs of the same configs on one device, and spread over two, or four for some; `random` on two, twice."""

    def fill(folder: Path) -> None:
        runs_on(1, {folder / f"1 {name}": config for name, config in SAME.items()})
        for devices, names in SPREAD.items():
            runs_on(devices, {folder / f"{devices} {name}": SAME[name] + ON_DEVICES for name in names})
        for time in ("once", "again"):
            runs_on(2, {folder / f"2 random {time}": text(RANDOM) + ON_DEVICES})

    return once("mirrored", fill)


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "name"), [(devices, name) for devices, names in SPREAD.items() for name in names])
def test_several_devices_come_to_the_result_of_one(spread: Path, devices: int, name: str) -> None:
    one, several = spread / f"1 {name}", spread / f"{devices} {name}"
    ours, theirs = read_weights(several / "model.keras"), read_weights(one / "model.keras")
    assert ours.keys() == theirs.keys()
    for key, weight in theirs.items():
        np.testing.assert_allclose(ours[key], weight, rtol=0, atol=1e-5 * np.abs(weight).max(initial=1e-2), err_msg=key)
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (several, one)]
    for row, expected in zip(metrics[0]["history"], metrics[1]["history"], strict=True):
        assert row == pytest.approx({**expected, "seconds": row["seconds"]}, rel=1e-5)
    assert metrics[0]["test"] == pytest.approx(metrics[1]["test"], rel=1e-5)
    assert metrics[0]["identity"] == metrics[1]["identity"]
    assert [row["device"] for row in metrics[0]["replicas"]] == [f"CPU:{number}" for number in range(devices)]
    size = 31 if "short" in name else 50 if name == "synchronized" else 48
    assert sum(row["examples"] for row in metrics[0]["replicas"]) == size


@pytest.mark.slow
def test_a_run_repeats_to_the_bit_on_as_many_devices(spread: Path) -> None:
    assert differences(spread / "2 random once", spread / "2 random again") == []


@pytest.mark.slow
def test_what_devices_know_of_the_data_is_the_same_when_they_are_evaluated_and_saved(spread: Path) -> None:
    """Batch normalization's moving averages: each device has seen its own part of each batch."""
    import keras

    run = spread / "2 random once"
    model = keras.models.load_model(run / "model.keras")
    tested = read_predictions(run / "predictions.npz", probabilities=True)
    again = model.predict(load(DATASETS["digits"]).x_test, verbose=0)
    assert tested.probabilities is not None
    np.testing.assert_allclose(again, tested.probabilities.astype(np.float32), atol=1e-3)  # float16


@pytest.mark.slow
def test_random_layers_draw_other_numbers_on_each_device_and_are_kept_with_the_first(tmp_path: Path) -> None:
    script = f"""{DEVICES}
import json, keras
from nnexp.training.mirrored import Mirrored, devices
spread = Mirrored.on(devices())
with spread.scope():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5, seed=7)])
state = model.layers[0].seed_generator.state
def seeds(): return [copy.numpy().tolist() for copy in spread.strategy.experimental_local_results(state.value)]
with spread.epoch(model):
    first = seeds()
with spread.epoch(model):
    second = seeds()
print(json.dumps([first, second, state.numpy().tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", script, "3"], capture_output=True, text=True, check=True)
    first, second, kept = json.loads(done.stdout)
    assert first == second
    assert len({seed for seed, _ in first}) == 3
    assert kept == [7, 0] == first[0]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bits_on_as_many_devices_and_is_refused_on_others(tmp_path: Path) -> None:
    stops = "callbacks: [{early_stopping: {monitor: val_loss, patience: 2, restore_best_weights: true}}]\n"
    config = tmp_path / "it.yaml"
    config.write_text(text(RANDOM, checkpoint="every 1").replace("epochs: 2", "epochs: 12") + stops + ON_DEVICES)
    runs_on(2, {tmp_path / "whole": config.read_text()})
    command = command_on(2, "run", config, "--runs-dir", tmp_path / "runs")
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        assert any(re.match(r"epoch +3/", line) for line in process.stderr)
        process.kill()
    [run] = (tmp_path / "runs").iterdir()
    assert json.loads((run / "metrics.json").read_text())["status"] == "running"

    other = subprocess.run(command_on(4, "resume", run), capture_output=True, text=True, timeout=300)
    assert other.returncode == 2
    assert "devices of distribute: CPU:0, CPU:1 then, CPU:0, CPU:1, CPU:2, CPU:3 now" in other.stderr
    same = subprocess.run(command_on(2, "resume", run), capture_output=True, text=True, timeout=300)
    assert same.returncode == 0, same.stderr
    assert differences(tmp_path / "whole", run) == []
    assert json.loads((run / "metrics.json").read_text())["resumed"]


@pytest.mark.slow
def test_examples_from_disk_give_the_bits_of_examples_in_memory(tmp_path: Path) -> None:
    arrays: Any = load(DATASETS["digits"])
    np.save(tmp_path / "x.npy", arrays.x_train)
    np.save(tmp_path / "y.npy", arrays.y_train)
    where = f"path: {tmp_path}/x.npy, y: {tmp_path}/y.npy"
    data = {how: text(dataset=f"{{npy: {{{where}, stream: {how}}}}}") for how in ("always", "never")}
    runs_on(2, {tmp_path / how: config + ON_DEVICES for how, config in data.items()})
    assert differences(tmp_path / "always", tmp_path / "never") == []
    assert json.loads((tmp_path / "always" / "environment.json").read_text())["replicas"] == ["CPU:0", "CPU:1"]


@pytest.mark.slow
def test_one_device_trains_to_the_bits_of_no_distribution_and_says_so(tmp_path: Path) -> None:
    runs_on(1, {tmp_path / "plain": text(CNN), tmp_path / "spread": text(CNN) + ON_DEVICES})
    assert differences(tmp_path / "plain", tmp_path / "spread") == []
    metrics = json.loads((tmp_path / "spread" / "metrics.json").read_text())
    assert metrics["replicas"] == [{"device": "CPU:0", "examples": 48}]
    assert "48 on CPU:0" in metrics["engine"]["reason"]


@pytest.mark.parametrize(
    ("config", "where", "word"),
    [
        (text().replace("engine: graph", "engine: xla"), 2, "engine xla"),
        (text().replace("engine: graph", "engine: keras"), 2, "engine keras"),
        (text(callbacks="[{stop_when: loss < 1}, terminate_on_nan]"), 8, "terminate_on_nan"),
        (text(optimizer="{adam: {gradient_accumulation_steps: 2}}"), 5, "gradient_accumulation_steps"),
        (text(optimizer="{adam: {use_ema: true, ema_overwrite_frequency: 5}}"), 5, "ema_overwrite_frequency"),
        (text(optimizer="{loss_scale_optimizer: {inner_optimizer: adam}}"), 5, "loss_scale_optimizer"),
        (text(loss="dice"), 8, "dice"),
        (text(loss="{sparse_categorical_crossentropy: {reduction: sum}}"), 8, "reduction"),
        (text(MLP.replace("tanh", "tanh, activity_regularizer: l2")), 1, "layers.1 (dense)"),
        (text(MLP.replace("flatten,", "flatten, activity_regularization,")), 1, "layers.1 (activity_regularization)"),
    ],
)
def test_what_would_not_come_to_the_result_of_one_device_is_refused(config: str, where: int, word: str) -> None:
    plain, spread = (parse_experiment(parse_config(config + more, "it.yaml"), "it") for more in ("", ON_DEVICES))
    assert preflight(plain, DATASETS["digits"]).problems == ()
    [problem] = preflight(spread, DATASETS["digits"]).problems
    assert word in problem.message
    assert "distribute: mirrored" in problem.message
    assert problem.place.line == where
    assert problem.hint
    assert spread.identity == plain.identity
