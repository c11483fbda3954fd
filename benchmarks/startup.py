"""How soon nnexp answers: its help, and what is wrong with a config, against the bare import of its libraries."""

from __future__ import annotations

import compileall
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import Result, Row, interleaved
from benchmarks.processes import NNEXP, ROOT, imported, measure

_BAR = 1.5
_BASELINE = "import typer, rich, yaml, pydantic"
_HEAD = "dataset: fashion_mnist\n"
_LAYERS = "layers:\n  - flatten\n  - dense: {units: 128, activation: sigmoid}\n"
_OUTPUT = "  - dense: {units: 10, activation: softmax}\n"
BAD_CONFIGS = {
    "five outputs": f"{_HEAD}{_LAYERS}  - dense: {{units: 5, activation: softmax}}\n",
    "flatten left out": f"{_HEAD}layers:\n  - dense: 128\n{_OUTPUT}",
    "misspelt layer": f"{_HEAD}layers:\n  - flaten\n{_OUTPUT}",
    "misspelt parameter": f"{_HEAD}layers:\n  - flatten\n  - dense: {{unit: 10, activation: softmax}}\n",
    "unknown key": f"{_HEAD}{_LAYERS}{_OUTPUT}epoch: 3\n",
    "impossible value": f"{_HEAD}{_LAYERS}{_OUTPUT}batch_size: -1\n",
    "metric never logged": f"{_HEAD}{_LAYERS}{_OUTPUT}callbacks:\n  - stop_when: val_loss < 0.3\n",
    "key given twice": f"{_HEAD}{_HEAD}{_LAYERS}{_OUTPUT}",
    "not YAML": "dataset: [\n",
    "empty": "",
    "exploding aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
    "code in a tag": "dataset: !!python/object/apply:os.getcwd []\n",
}


def benchmark(rounds: int | None, everything: bool) -> Iterator[Result]:
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
        interleaved(1, cases)
        samples = interleaved(rounds or 15, cases)
        rows = []
        for name, measured in samples.items():
            times = {"wall": measured["wall"], "cpu": measured["cpu"]}
            if name not in commands:
                rows.append(Row(name, times))
                continue
            heavy = imported([NNEXP, *commands[name][0]]) & {"tensorflow", "keras"}
            note = f"loads {', '.join(sorted(heavy))}" if heavy else "no TensorFlow"
            rows.append(Row(name, times, {"wall": _BAR}, note))
    yield Result("startup", rows)
