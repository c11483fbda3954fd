"""How soon nnexp answers: its help, and what is wrong with a config, against the bare import of its libraries."""

from __future__ import annotations

import compileall
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.figures import Asked, Bar, Result, Row, interleaved
from benchmarks.processes import NNEXP, imported, measure

_BAR = 1.5
_BASELINE = "import typer, rich, yaml, pydantic"
_HEAD = "dataset: fashion_mnist\n"
_LAYERS = "layers:\n  - flatten\n  - dense: {units: 128, activation: sigmoid}\n"
_OUTPUT = "  - dense: {units: 10, activation: softmax}\n"
BAD_CONFIGS = {
    "five outputs": f"{_HEAD}{_LAYERS}  - dense: {{units: 5, activation: softmax}}\n",
    "misspelt layer": f"{_HEAD}layers:\n  - flaten\n{_OUTPUT}",
    "metric never logged": f"{_HEAD}{_LAYERS}{_OUTPUT}callbacks:\n  - stop_when: val_loss < 0.3\n",
    "exploding aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
}


def benchmark(asked: Asked) -> Iterator[Result]:
    """Every command once a round, after one round that fills the disk cache and is not counted."""
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        commands = {"nnexp --help": (["--help"], 0)}
        for name, text in BAD_CONFIGS.items():
            path = Path(folder) / f"{name.replace(' ', '_')}.yaml"
            path.write_text(text, encoding="utf-8")
            commands[f"nnexp check: {name}"] = (["check", str(path)], 2)
        cases = {_BASELINE: partial(measure, [sys.executable, "-c", _BASELINE])} | {
            name: partial(measure, [NNEXP, *arguments], exit_code=code) for name, (arguments, code) in commands.items()
        }
        compileall.compile_dir(ROOT / "src", quiet=2)  # as an installation is, also where Python may write no bytecode
        notes: list[str] = []
        cases = {name: cases[name] for name in interleaved(1, cases, notes=notes)}
        samples = interleaved(asked.rounds_or(15, 7), cases, notes=notes)
        heavy = {
            name: imported([NNEXP, *arguments]) & {"tensorflow", "keras"} for name, (arguments, _) in commands.items()
        }
    rows = [Row(name, {"wall": measured["wall"], "cpu": measured["cpu"]}) for name, measured in samples.items()]
    loaded = [f"{name} loads {', '.join(sorted(found))}" for name, found in heavy.items() if found]
    notes += loaded or ["None of these commands loads TensorFlow."]
    bars = [Bar(name, "wall", _BAR, _BASELINE) for name in commands]
    yield Result("startup", "startup: nnexp beside the bare import of its libraries", rows, bars, notes)
