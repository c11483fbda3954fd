"""A real run of seconds, in a process of its own: it may die of what is wrong here."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from nnexp.doctor.check import Check, one_line
from nnexp.runs import environment

_CONFIG = """\
dataset: digits
normalization: standardize
layers: [flatten, dense: {units: 32, activation: relu}, dense: {units: 10, activation: softmax}]
epochs: 3
engine: xla
"""
_LEAST = 0.7  # of the test digits; one in ten would be chance
_PATIENCE = 300.0  # seconds; a cold disk takes half a minute to read TensorFlow
_DEATHS = {
    "SIGILL": "this processor lacks instructions that TensorFlow needs (AVX): another computer is needed",
    "SIGKILL": "the system ended it, most often for memory: close other programs, or give the container more",
}


def trial() -> tuple[list[Check], dict[str, Any]]:
    """Train, test and keep a small model; what came of it, and what it ran on as environment.json has that."""
    try:
        with tempfile.TemporaryDirectory(prefix="nnexp-", ignore_cleanup_errors=True) as folder:
            return _tried(Path(folder))
    except OSError as error:
        return [Check("training", "problem", f"nothing can be tried: {error.strerror}", "see above")], _known({})


def _tried(folder: Path) -> tuple[list[Check], dict[str, Any]]:
    config = folder / "digits.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "nnexp", "run", str(config), "--runs-dir", str(folder / "runs")]
    try:
        done = subprocess.run(
            [*command, "--quiet", "--json"], capture_output=True, text=True, timeout=_PATIENCE, errors="replace"
        )
    except subprocess.TimeoutExpired:
        fix = "look for other programs that keep disk or processors busy"
        return [Check("training", "problem", f"a run of seconds did not end in {_PATIENCE:.0f} s", fix)], _known({})
    if done.returncode:
        return [_failed(done)], _known({})
    metrics = json.loads(done.stdout)
    [found] = (folder / "runs").glob("*/environment.json")
    ran_on = _known(json.loads(found.read_text(encoding="utf-8")))
    accuracy, seconds = metrics["test"]["accuracy"], metrics["timings"]["total"]
    packages = ran_on["packages"]
    told = f"TensorFlow {packages['tensorflow']}, Keras {packages['keras']}, engine {metrics['engine']['name']}: "
    told += f"digits learnt to {accuracy:.0%} in {seconds:.1f} s"
    if accuracy < _LEAST:
        fix = "reinstall tensorflow and keras; where it stays, report it"
        return [Check("training", "problem", f"{told}, which is far too little", fix)], ran_on
    return [Check("training", "ok", told), _devices(ran_on["accelerators"] or [])], ran_on


def _failed(done: subprocess.CompletedProcess[str]) -> Check:
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        fix = _DEATHS.get(name, "reinstall tensorflow:  pip install --force-reinstall tensorflow")
        return Check("training", "problem", f"its process ended with {name}", fix)
    fix = "mend what it says; where that is no help, reinstall:  pip install --force-reinstall nnexp"
    said = next((line for line in done.stderr.splitlines() if line.startswith("error: ")), done.stderr)
    return Check("training", "problem", one_line(said) or f"exit code {done.returncode}", fix)


def _devices(accelerators: list[str]) -> Check:
    if accelerators:
        return Check("devices", "ok", ", ".join(accelerators))
    if shutil.which("nvidia-smi"):
        fix = "pip install 'tensorflow[and-cuda]', and see that `nvidia-smi` lists the GPU"
        return Check("devices", "warning", "NVIDIA's driver is here, but TensorFlow sees no GPU", fix)
    return Check("devices", "ok", "processors only; TensorFlow sees no GPU")


def _known(ran_on: dict[str, Any]) -> dict[str, Any]:
    """What is known without a run too; the variables are those outside of it: nnexp sets some itself."""
    here = environment.describe([], 0)
    return {**here, **ran_on, "variables": here["variables"]}
