"""`python -m benchmarks`: measure, show, keep. It never judges: a bar stands beside its figure, the exit code is 0."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import checkpoint, compare, epoch, run, startup, sweep
from nnexp.files import write_json

BENCHMARKS = {
    "startup": startup.benchmark,
    "compare": compare.benchmark,
    "epoch": epoch.benchmark,
    "checkpoint": checkpoint.benchmark,
    "run": run.benchmark,
    "sweep": sweep.benchmark,
}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(BENCHMARKS), help="what to measure (default: all)")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each benchmark (default: its own)")
    parser.add_argument("--all", action="store_true", help="time every engine on every model, not only auto's pick")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")

    console = Console(width=None if Console().is_terminal else 132)
    machine = _machine()
    console.print("  ".join(f"{key} {value}" for key, value in machine.items()), highlight=False, soft_wrap=True)
    console.print("median (lowest to highest) of interleaved rounds; ratios are of medians", style="dim")
    results = []
    for name in options.names or BENCHMARKS:
        for result in BENCHMARKS[name](options.rounds, options.all):
            console.print(result.table())
            results.append(result.plain())
            if options.json:  # after each, so that Ctrl-C keeps what is done
                write_json(options.json, {"machine": machine, "results": results})


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
