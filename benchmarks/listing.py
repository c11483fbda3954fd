"""How soon are 2,000 runs listed and compared: nnexp beside Guild AI, MLflow, DVC and Optuna."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environments
from benchmarks.environments import BENCH, ROOT, Environment
from benchmarks.figures import Asked, Bar, Failed, Measure, Result, Row, interleaved
from benchmarks.processes import NNEXP, imported, measure
from nnexp.files import write_json

_RUNS = 2000
_REPEATS = 5
_SECONDS = 90.0
_MAKING = 300  # seconds for a peer's store
_COMPARE = "nnexp compare"
_INDEXES = ".nnexp-index*"
_HEAVY = {"tensorflow", "keras", "matplotlib", "plotly", "sklearn"}
_CONFIG = """
dataset: digits
layers: [flatten, dense: {units: 64, activation: relu}, dense: {units: 10, activation: softmax}]
validation: 0.1
"""


@dataclass(frozen=True, slots=True)
class Tracker:
    """Another program that keeps runs: how its store is made, and what lists it."""

    environment: Environment
    script: str  # in benchmarks/peers; makes the store
    listing: Sequence[str]  # {store} stands for the folder of the store
    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self, store: Path, runs: int) -> list[str]:
        """What is timed."""
        program, *arguments = (part.format(store=store, runs=runs) for part in self.listing)
        return [self.environment.program(program), *arguments]


_TRACKERS = {
    "Guild AI: guild compare --csv": Tracker(
        environments.GUILD, "guild_runs.py", ["guild", "compare", "--csv", "-"], {"GUILD_HOME": "{store}/home"}
    ),
    "MLflow: search_runs": Tracker(
        environments.MLFLOW,
        "mlflow_runs.py",
        ["python", "benchmarks/peers/mlflow_runs.py", "list", "{store}", "{runs}"],
    ),
    "DVC: dvc exp show --csv": Tracker(
        environments.DVC, "dvc_runs.py", ["dvc", "--cd", "{store}", "exp", "show", "--csv"]
    ),
    "Optuna: trials_dataframe": Tracker(
        environments.OPTUNA,
        "optuna_runs.py",
        ["python", "benchmarks/peers/optuna_runs.py", "list", "{store}", "{runs}"],
    ),
}


def benchmark(asked: Asked) -> Iterator[Result]:
    """2,000 runs in every program; on demand 20,000 in nnexp alone."""
    if asked.quick:
        yield _listed(asked, 500, {}, ["The others were left out: to make their stores takes minutes."])
        return
    yield _listed(asked, _RUNS, _TRACKERS, [])
    if asked.everything:
        yield _listed(asked, 10 * _RUNS, {}, [])


def _listed(asked: Asked, runs: int, trackers: Mapping[str, Tracker], notes: list[str]) -> Result:
    """Stores are made outside of the timing. Programs may use what they keep beside them; the first time is apart."""
    notes.append(
        "First time: before the program kept any index or cache of its own; of the peers once, with a new store."
    )
    cases: dict[str, Measure] = {}
    for title, tracker in trackers.items():
        problem = tracker.environment.problem()
        if not problem:
            asked.console(f"listing: {runs:,} runs for {tracker.environment.name}")
            problem = _case(title, tracker, runs, cases)
        if problem:
            notes.append(problem)
    with tempfile.TemporaryDirectory(prefix="nnexp-") as folder:
        place = Path(folder) / "runs"
        asked.console(f"listing: {runs:,} runs for nnexp")
        make_runs(_sample(Path(folder)), place, runs, _REPEATS)
        ours = {_COMPARE: ["compare", str(place)], "nnexp ls": ["ls", str(place)]}
        cases |= {name: partial(_ours, command, place) for name, command in ours.items()}
        interleaved(1, {name: cases[name] for name in ours}, notes=[])
        samples = interleaved(asked.rounds_or(5), cases, notes=notes, seconds=asked.left(_SECONDS))
        heavy = {name: imported([NNEXP, *command]) & _HEAVY for name, command in ours.items()}
    notes += [f"{name} loads {', '.join(sorted(found))}" for name, found in heavy.items() if found]
    rows = [Row(name, measured) for name, measured in samples.items()]
    peers = [row for row in rows if row.name in trackers]
    rows.sort(key=lambda row: (row not in peers, row.median("wall")))  # the fastest peer first
    fastest = {measured: min(peers, key=lambda row: row.median(measured)) for measured in ("wall", "cold") if peers}
    bars = [Bar(_COMPARE, measured, 1 / 3, row.name) for measured, row in fastest.items()]
    return Result("listing", f"{runs:,} runs listed, {_REPEATS} of each configuration", rows, bars, notes)


def _case(title: str, tracker: Tracker, runs: int, cases: dict[str, Measure]) -> str:
    """Make the peer's store, if it is not there, and its case; what stood in the way."""
    store = BENCH / "stores" / f"{tracker.environment.name}-{runs}"
    variables = {name: value.format(store=store) for name, value in tracker.variables.items()}
    case = partial(measure, tracker.command(store, runs), environment=variables)
    try:
        if not (store / "made").exists():
            shutil.rmtree(store, ignore_errors=True)
            store.mkdir(parents=True)
            what = ["make"] if "list" in tracker.listing else []
            make = [tracker.environment.python, f"benchmarks/peers/{tracker.script}", *what, str(store), str(runs)]
            subprocess.run(make, cwd=ROOT, check=True, capture_output=True, text=True, timeout=_MAKING)
            write_json(store / "made", {"cold": case()["wall"]})
        case()
    except (subprocess.SubprocessError, Failed) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return f"{title} was left out: {said[-1][:200]}"
    cold = json.loads((store / "made").read_text(encoding="utf-8"))
    cases[title] = lambda: {**case(), **cold}
    return ""


def _ours(command: Sequence[str], place: Path) -> dict[str, float]:
    """With nnexp's index, and then without."""
    again = measure([NNEXP, *command])
    for index in place.rglob(_INDEXES):
        index.unlink()
    cold = measure([NNEXP, *command])
    return {**again, "peak": max(again["peak"], cold["peak"]), "cold": cold["wall"]}


def make_runs(sample: Path, place: Path, runs: int, repeats: int) -> None:
    """Run folders after a real one: other widths, seeds and figures, with predictions that give those figures."""
    metrics = json.loads((sample / "metrics.json").read_text(encoding="utf-8"))
    with np.load(sample / "predictions.npz", allow_pickle=False) as arrays:
        predictions = dict(arrays)
    random = np.random.default_rng(0)
    for number in range(runs):
        units, seed = 16 + number // repeats, number % repeats
        path = place / f"hidden={units}_seed={seed}"
        path.mkdir(parents=True)
        wrong = random.random(len(predictions["labels"])) < 0.1 + 0.05 / (1 + number // repeats)
        predicted = np.where(wrong, (predictions["labels"] + 1) % 10, predictions["labels"])
        np.savez_compressed(path / "predictions.npz", **{**predictions, "predicted": predicted})
        text = json.dumps(_changed(metrics, units, seed, float(1 - wrong.mean())), indent=2)
        (path / "metrics.json").write_text(text, encoding="utf-8")


def _changed(metrics: dict[str, Any], units: int, seed: int, accuracy: float) -> dict[str, Any]:
    config = json.loads(json.dumps(metrics["config"]))
    config["layers"][1]["dense"]["units"] = units
    return metrics | {
        "config": {**config, "seed": seed},
        "seed": seed,
        "identity": f"{units}-{seed}",
        "test": {"loss": 1.1 - accuracy, "accuracy": accuracy},
        "test_intervals": {"accuracy": [accuracy - 0.02, accuracy + 0.02]},
    }


def _sample(folder: Path) -> Path:
    """One real run, to make the others of."""
    config = folder / "sample.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    command = [NNEXP, "run", str(config), "--runs-dir", str(folder / "sample"), "--quiet"]
    subprocess.run(command, check=True)
    [run] = (folder / "sample").iterdir()
    return run
