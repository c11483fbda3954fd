"""`python -m benchmarks`: measure, show, keep. It never judges: a bar stands beside its figure, the exit code is 0."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import checkpoint, environments, epoch, listing, page, run, startup, sweep, tables
from benchmarks.environments import BENCH, Environment
from benchmarks.figures import Asked, Failed, Result
from nnexp.files import write_json

BENCHMARKS: dict[str, Callable[[Asked], Iterator[Result]]] = {
    "startup": startup.benchmark,
    "epoch": epoch.benchmark,
    "run": run.benchmark,
    "listing": listing.benchmark,
    "sweep": sweep.benchmark,
    "checkpoint": checkpoint.benchmark,
}
NEEDS: dict[str, tuple[Environment, ...]] = {
    "epoch": (environments.TORCH,),
    "run": (environments.TORCH,),
    "listing": (environments.GUILD, environments.MLFLOW, environments.DVC, environments.OPTUNA),
    "sweep": (environments.HYDRA, environments.KERAS_TUNER),
}
_SECONDS = 28.5 * 60  # in which `make bench` is to be done
FULL = ("startup", "epoch", "run", "listing", "sweep")
QUICK = ("startup", "epoch", "run", "listing")


def main() -> None:
    """Run the benchmarks named on the command line, or those of `make bench`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(BENCHMARKS), help="what to measure (default: most)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and examples; install nothing; 3 minutes")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each benchmark (default: its own)")
    parser.add_argument("--all", action="store_true", help="every engine on every model; 20,000 runs to list")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures (default: .bench/figures.json)")
    parser.add_argument("--charts", action="store_true", help="measure nothing: docs/performance.md anew from the FILE")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    file: Path = options.json or BENCH / ("quick.json" if options.quick else "figures.json")
    if options.charts:
        if not file.exists():
            parser.error(f"there is no {file}; `make bench` writes it")
        page.publish(file)
        return
    console = Console(width=None if Console().is_terminal else 160)
    names = options.names or (QUICK if options.quick else FULL)

    def tell(text: str) -> None:
        console.print(f"… {text}", style="dim", highlight=False)

    asked = Asked(options.quick, options.all, options.rounds, tell, _SECONDS)
    try:
        if not asked.quick:
            needed = dict.fromkeys(environment for name in names for environment in NEEDS.get(name, ()))
            tell(f"peers: {', '.join(environment.name for environment in needed)}")
            environments.prepare(list(needed))
        _measure(names, asked, file, console)
    except KeyboardInterrupt:
        console.print("interrupted; what was measured is kept")
    console.print(f"figures: {file}", highlight=False)


def _measure(names: Sequence[str], asked: Asked, file: Path, console: Console) -> None:
    """Each result is shown and kept as soon as it is there; results of other questions in the file stay."""
    machine = _machine()
    console.print("  ".join(f"{key} {value}" for key, value in machine.items()), highlight=False, soft_wrap=True)
    console.print("median (lowest–highest) of interleaved rounds; ratio: to the first row", style="dim")
    results = _kept(file, machine, names)
    for name in names:
        begun = time.perf_counter()
        try:
            for result in BENCHMARKS[name](asked):
                console.print(tables.for_terminal(result))
                results.append(result.plain())
                file.parent.mkdir(parents=True, exist_ok=True)
                write_json(file, {"machine": machine, "results": results})
        except Failed as error:
            console.print(f"{name} could not go on: {error}", markup=False)
        asked.console(f"{name}: {(time.perf_counter() - begun) / 60:.1f} minutes")


def _kept(file: Path, machine: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """What the file holds of other questions, if this machine measured it."""
    if not file.exists():
        return []
    before = json.loads(file.read_text(encoding="utf-8"))
    if before["machine"] != machine:
        return []
    return [result for result in before["results"] if result["question"] not in names]


def _machine() -> dict[str, Any]:
    """What the figures depend on, without anything that names the machine."""
    from nnexp.runs.environment import describe

    found = describe((), 0)
    return {
        "cpu": found["cpu"],
        "cores": found["cpus"],
        "memory_gb": round(found["memory_bytes"] / 1e9, 1),
        "python": found["python"],
        **{name: found["packages"][name] for name in ("tensorflow", "keras", "numpy")},
    }


if __name__ == "__main__":
    main()
