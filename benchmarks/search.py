"""Whether TPE finds what chance does not: `python -m benchmarks.search [--seeds 10] [--trials 40]`.

For each seed the search of configs/studies/digits_search.yaml is done twice at the command line, by TPE and at random.
The first ten trials of the two are the same points: TPE begins as a random search does. One worker, so that the same
trials come each time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

STUDY = Path(__file__).parents[1] / "configs" / "studies" / "digits_search.yaml"
SAMPLERS = ("tpe", "random")


def main() -> None:
    """Search, and print the best objective of each seed and sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    options = parser.parse_args()
    table = Table("seed", *SAMPLERS, "at least as good")
    wins = 0
    console = Console()
    with tempfile.TemporaryDirectory(prefix="nnexp-search-") as folder:
        study = Path(folder, "study.yaml")
        # No finals: they cost time, and the bar is about what the samplers find.
        # The order of the dimensions stays: what a trial draws follows from it.
        study.write_text(yaml.safe_dump({**yaml.safe_load(STUDY.read_text()), "finalists": 0}, sort_keys=False))
        for seed in range(1, options.seeds + 1):
            best = {sampler: _best(study, sampler, seed, options.trials, Path(folder, sampler)) for sampler in SAMPLERS}
            as_good = best["tpe"] <= best["random"]
            wins += as_good
            table.add_row(str(seed), *(f"{best[sampler]:.5f}" for sampler in SAMPLERS), "yes" if as_good else "no")
            console.print(f"seed {seed}: {best}, {wins} of {seed}")
    console.print(table)
    console.print(
        f"lowest val_loss of {options.trials} trials: TPE at least as good in {wins} of {options.seeds} seeds"
    )


def _best(study: Path, sampler: str, seed: int, trials: int, runs: Path) -> float:
    """The lowest validation loss that a search finds."""
    command = [sys.executable, "-m", "nnexp", "sweep", str(study), "--sampler", sampler, "--trials", str(trials)]
    command += ["--seed", str(seed), "--runs-dir", str(runs / str(seed)), "--workers", "1", "--quiet", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)["search"]["trials"]
    return float(min(trial["value"] for trial in found if trial["complete"]))


if __name__ == "__main__":
    main()
