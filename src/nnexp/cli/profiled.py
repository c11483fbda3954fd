"""Where the time of a run went, as a table: stages, and in them what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from nnexp.cli.console import say, table
from nnexp.runs import figures

_NAMES = {
    "start": "start of Python and nnexp",
    "config": "config and checks",
    "data": "data",
    "setup": "set-up",
    "setup/tensorflow": "import of TensorFlow and Keras",
    "setup/model": "model and engine",
    "training": "training",
    "training/compile": "tracing, compiling, first steps",
    "training/steps": "steps",
    "training/validation": "validation",
    "training/callbacks": "callbacks",
    "training/checkpoints": "checkpoints",
    "training/record": "history and metrics",
    "evaluation": "evaluation",
    "artifacts": "files",
    "artifacts/model": "model",
    "artifacts/predictions": "predictions",
    "artifacts/plots": "plots",
    "record": "environment, findings, metrics",
    "rest": "the rest",
}


def print_profile(metrics: Mapping[str, Any], console: Console) -> None:
    """The table, and a line on steps, processor time and memory; nothing for a run that was not profiled."""
    profile = figures.mapping(metrics.get("profile"))
    stages = {name: seconds or 0.0 for name, seconds in figures.numbers(profile.get("stages")).items()}
    total = figures.number(profile.get("total"))
    if not total or not stages:
        return
    made = table("where the time went", "seconds", "share", right=("seconds", "share"))
    for name, label in _NAMES.items():
        inside = [seconds for other, seconds in stages.items() if other == name or other.startswith(f"{name}/")]
        if inside:
            indent = "  " * name.count("/")
            made.add_row(f"{indent}{label}", f"{indent}{sum(inside):.2f}", f"{sum(inside) / total:.0%}")
    made.add_section()
    made.add_row("total", f"{total:.2f}", "100%")
    console.print(made)
    for line in _figures(profile, metrics):
        say(console, line)


def _figures(profile: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    found = {name: figures.number(value) for name, value in profile.items()}
    lines, used = [], []
    if (step := found.get("microseconds_a_step")) and (examples := found.get("examples_a_second")):
        engine = figures.text(figures.mapping(metrics.get("engine")).get("name"))
        threads = figures.threads(metrics.get("threads"))
        lines.append(f"{step:,.0f} µs a step, {examples:,.0f} examples a second ({engine}, threads: {threads})")
    if cpu := found.get("cpu_seconds"):
        used.append(f"{cpu:.1f} s of processor time")
    if peak := found.get("peak_memory_bytes"):
        used.append(f"peak memory {peak / 1e6:,.0f} MB")
    return [*lines, ", ".join(used)] if used else lines
