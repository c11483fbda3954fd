"""How long is a whole run: `nnexp run` of the main job beside the same job as plain scripts."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks import environments
from benchmarks.figures import Asked, Bar, Measure, Result, Row, interleaved
from benchmarks.images import DATASET, images
from benchmarks.processes import NNEXP, accuracy, measure

CONFIG = "configs/fashion_sigmoid128.yaml"
_PLAIN, _OURS, _COLD = "plain Keras script", "nnexp run", "nnexp run, nothing compiled before"
_SCIKIT = "scikit-learn script"
_SELDOM = {_SCIKIT: 1, _COLD: 1}
_SECONDS = 240.0


def benchmark(asked: Asked) -> Iterator[Result]:
    """All from decoded arrays, so that no download or decompression counts, with their output in a file."""
    data, epochs, notes = str(images()), 3 if asked.quick else 10, ["PyTorch and scikit-learn were left out."]
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        job = [data, str(epochs), "42", str(Path(folder) / "history.png")]
        cases: dict[str, Measure] = {
            _PLAIN: partial(measure, [sys.executable, "benchmarks/peers/keras_script.py", *job]),
            _OURS: partial(_nnexp, epochs, {}),
        }
        if not asked.quick:
            problem = environments.TORCH.problem()
            notes = [problem] if problem else []
            if not problem:
                torch = [environments.TORCH.python, "benchmarks/peers/torch_script.py"]
                cases["PyTorch script"] = partial(measure, [*torch, *job])
            cases[_SCIKIT] = partial(measure, [sys.executable, "benchmarks/peers/sklearn_script.py", *job])
            cases[_COLD] = partial(_cold, epochs)
        _nnexp(1, {})  # fills the caches of what was compiled
        samples = interleaved(asked.rounds_or(3), cases, notes=notes, seconds=asked.left(_SECONDS), seldom=_SELDOM)
    bars = [Bar(_OURS, "wall", 1 / 3, _PLAIN), Bar(_OURS, "cpu", 0.4, _PLAIN), Bar(_OURS, "peak", 0.6, _PLAIN)]
    rows = [Row(name, measured) for name, measured in samples.items()]
    rows.sort(key=lambda row: (row.name != _PLAIN, row.name.startswith("nnexp")))
    yield Result("run", f"a whole run: {CONFIG}, epochs: {epochs}", rows, bars, notes)


def _nnexp(epochs: int, environment: Mapping[str, str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        command = [NNEXP, "run", CONFIG, "--epochs", str(epochs), "--runs-dir", folder]
        figures = measure(command, environment=environment)
        return figures | {"accuracy": accuracy(Path(folder))}


def _cold(epochs: int) -> dict[str, float]:
    """With the data in the cache, as it is after a first run of any model, but nothing that was compiled."""
    with tempfile.TemporaryDirectory(prefix="nnexp-") as cache:
        empty = {"NNEXP_CACHE_DIR": cache, "XDG_CACHE_HOME": cache}
        measure([NNEXP, "data", "fetch", DATASET], environment=empty)
        return _nnexp(epochs, empty)
