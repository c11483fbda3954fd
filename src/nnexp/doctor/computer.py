"""The computer around nnexp: processors, memory, disks, data, terminal, settings and clock."""

from __future__ import annotations

import locale
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from nnexp import machine
from nnexp.data import cache
from nnexp.data.datasets import DATASETS, Dataset, where
from nnexp.data.local import Folder, resolve
from nnexp.data.sources import Files, SourceFailed
from nnexp.doctor.check import Check, existing, one_line, shown
from nnexp.training.backend import available_cpus

_LITTLE_MEMORY, _LITTLE_DISK, _NO_DISK = 1_500_000_000, 1_000_000_000, 50_000_000  # bytes
_NARROW = 60  # columns
_BUILT = 1_735_689_600  # 2025-01-01: a clock before that is wrong
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_SECONDS = 5.0  # that a server may take to answer
# What others set for other programs, and what it does here; of those that change figures a run keeps a record.
_SETTINGS = {
    "TF_ENABLE_ONEDNN_OPTS": "changes last digits",
    "TF_XLA_FLAGS": "changes how XLA compiles",
    "XLA_FLAGS": "changes how XLA compiles",
    "TF_DETERMINISTIC_OPS": "changes how some operations are computed",
    "NVIDIA_TF32_OVERRIDE": "changes digits on GPUs",
    "ONEDNN_MAX_CPU_ISA": "changes last digits",
    "CUDA_VISIBLE_DEVICES": "chooses the GPUs",
    "OMP_NUM_THREADS": "NumPy and scikit-learn heed it, TensorFlow not; `threads` in a config is for that",
    "TF_NUM_INTRAOP_THREADS": "nnexp sets it itself: `threads` in a config",
    "TF_NUM_INTEROP_THREADS": "nnexp sets it itself: `threads` in a config",
}


def checks(runs: Path, *, network: bool) -> Iterator[Check]:
    """All of it; servers that have datasets are asked only with `network`."""
    yield _processors()
    yield _memory()
    yield from _disks(runs)
    yield from _data(network=network)
    yield from _settings()
    yield _terminal()
    yield _clock()


def _processors() -> Check:
    usable, quota = available_cpus(), _quota()
    told = f"{usable} of {os.cpu_count()} may be used"
    if quota is not None and quota < usable:
        fix = f"give runs no more threads than there is time for: --set threads={max(1, math.floor(quota))}"
        return Check("processors", "warning", f"{told}, but this container gets the time of {quota:g}", fix)
    return Check("processors", "ok", told)


def _quota() -> float | None:
    try:
        most, period = _QUOTA.read_text(encoding="ascii").split()
        return int(most) / int(period)
    except (OSError, ValueError):  # not Linux, or "max": no limit
        return None


def _memory() -> Check:
    import psutil

    total, free = machine.memory(), min(psutil.virtual_memory().available, machine.memory())
    told = f"{machine.written(free)} of {machine.written(total)} free"
    if free < _LITTLE_MEMORY:
        return Check("memory", "warning", told, "close other programs; a run on Fashion-MNIST takes about 1 GB")
    return Check("memory", "ok", told)


def _disks(runs: Path) -> Iterator[Check]:
    places: list[tuple[str, Path, Literal["warning", "problem"], str]] = [
        ("runs", runs, "problem", "name another place with --runs-dir, or work in another folder"),
        ("cache", cache.home(), "warning", "set NNEXP_CACHE_DIR to a folder that you may write to"),
        ("temporary files", Path(tempfile.gettempdir()), "problem", "set TMPDIR to a folder that you may write to"),
    ]
    for topic, path, grave, fix in places:
        folder = existing(path)
        try:
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            yield Check(topic, grave, f"{shown(path)} cannot be written to: {error.strerror}", fix)
            continue
        told = f"{shown(path)}: {machine.written(free)} free"
        if free < _LITTLE_DISK:
            mend = "remove what is not needed there" + (
                " (each run folder is a folder like any)" if topic == "runs" else ""
            )
            yield Check(topic, "problem" if free < _NO_DISK else "warning", f"{told}: runs may fill it", mend)
        else:
            yield Check(topic, "ok", told)


def _data(*, network: bool) -> Iterator[Check]:
    given = os.environ.get("NNEXP_DATA_DIR")
    if given and not Path(given).expanduser().is_dir():
        yield Check(
            "data", "warning", f"NNEXP_DATA_DIR is {shown(given)}, which is no folder", "set it right, or unset it"
        )
    bundled = [name for name, dataset in DATASETS.items() if where(dataset) == "bundled"]
    yield Check("data", "ok", f"{', '.join(bundled)}: come with scikit-learn")
    for dataset in DATASETS.values():
        if isinstance(dataset.origin, Files):
            yield _fetched(dataset, dataset.origin, network=network)


def _fetched(dataset: Dataset, origin: Files, *, network: bool) -> Check:
    if where(dataset) == "cached":
        return Check("data", "ok", f"{dataset.name}: in the cache")
    for source in origin.sources:
        if isinstance(source, Folder) and (folder := _holding(source, origin)):
            return Check("data", "ok", f"{dataset.name}: in {shown(folder)}, read when it is first needed")
    fix = f"nnexp data fetch {dataset.name}, where there is a network; or place its files by hand: docs/datasets.md"
    if not network:
        return Check("data", "ok", f"{dataset.name}: not here; fetched when it is first needed (--network tries it)")
    failures: dict[str, str] = {}
    for source in origin.sources:
        server = _server(source.title) if source.network and source.title.startswith("http") else ""
        if server and server not in failures:
            if (failure := _unreachable(source.title)) is None:
                return Check("data", "ok", f"{dataset.name}: not here; {server} answers")
            failures[server] = failure
    told = "; ".join(f"{server}: {failure}" for server, failure in failures.items())
    return Check("data", "warning", f"{dataset.name}: not here, and no server answers ({told})", fix)


def _holding(source: Folder, origin: Files) -> Path | None:
    """The folder, where all parts are in it, by their names."""
    try:
        folder = resolve(source.path)
    except SourceFailed:
        return None
    whole = all((folder / part.name).is_file() or (folder / f"{part.name}.gz").is_file() for part in origin.parts)
    return folder if whole else None


def _server(url: str) -> str:
    return url.split("/")[2]


def _unreachable(url: str) -> str | None:
    """Why a server cannot be asked; None where it answers, whatever it says."""
    from urllib.request import getproxies

    import requests

    try:
        requests.head(url, timeout=_SECONDS)
    except requests.RequestException as error:
        return type(error).__name__ + (" (through the proxy that is set)" if getproxies() else "")
    return None


def _settings() -> Iterator[Check]:
    found = {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    if not found:
        yield Check("settings", "ok", "no variable is set that changes what TensorFlow does")
    for name, value in found.items():
        fix = f"where you did not mean it:  unset {name}"
        effect = _SETTINGS[name]
        yield Check("settings", "warning", f"{name}={one_line(value, 60)} is set: {effect}", fix)


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "unknown").lower() if sys.stdout else "none"
    size = shutil.get_terminal_size()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    told = f"{size.columns} columns, {encoding}" if is_terminal else f"not a terminal: plain lines, {encoding}"
    if is_terminal and os.environ.get("TERM") == "dumb":
        told += ", TERM=dumb: no colours, no live display"
    if "NO_COLOR" in os.environ:
        told += ", NO_COLOR: no colours"
    if encoding.replace("-", "") != "utf8":
        return Check("terminal", "warning", f"{told}: some signs may look odd", "export PYTHONUTF8=1 LC_ALL=C.UTF-8")
    if is_terminal and size.columns < _NARROW:
        return Check("terminal", "warning", f"{told}: tables leave columns out", f"make it {_NARROW} columns or wider")
    return Check("terminal", "ok", told)


def _clock() -> Check:
    now, language = time.time(), locale.setlocale(locale.LC_CTYPE, None)
    told = f"{time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(now))}, locale {language}"
    if now < _BUILT:
        return Check("clock", "warning", f"{told}: run folders are named by it", "set the clock")
    return Check("clock", "ok", told)
