"""Runs that are cut off anywhere, gone on with until they end, and compared to one that nothing disturbed."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import multiprocessing
import os
import re
import signal
import stat
import subprocess
import sys
import time
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import psutil

# Every callback with a memory or a file, and a layer that draws; early stopping ends it before its last epoch.
CONFIG = """
dataset: {dataset}
layers:
  - flatten
  - dense: {{units: 32, activation: relu}}
  - dropout: 0.3
  - dense: {{units: 10, activation: softmax}}
optimizer: {{adam: {{learning_rate: 0.01}}}}
batch_size: {batch_size}
epochs: {epochs}
validation: 0.2
threads: 1
engine: {engine}
callbacks:
  - early_stopping: {{monitor: val_loss, patience: 3, restore_best_weights: true}}
  - reduce_lr_on_plateau: {{monitor: val_loss, factor: 0.5, patience: 1}}
  - csv_logger: epochs.csv
  - model_checkpoint: {{filepath: best.keras, monitor: val_loss, save_best_only: true}}
"""
EVERY_EPOCH = "checkpoint: every 1\n"  # else they wait, where epochs are this short
ENGINES = ("xla", "graph", "keras")
# What differs from one run of a config to the next.
_OF_THE_MOMENT = ("started", "finished", "timings", "memory", "resumed", "process")


def config(path: Path, engine: str = "graph", *, dataset: str = "digits", epochs: int = 30, more: str = "") -> Path:
    """Write the config of the trials."""
    batch_size = 1024 if dataset == "fashion_mnist" else 16
    text = CONFIG.format(dataset=dataset, engine=engine, epochs=epochs, batch_size=batch_size)
    path.write_text(f"{text}{more}", encoding="utf-8")
    return path


class Process(Protocol):
    """An `nnexp` that was started."""

    said: Path  # what it prints, on stdout and stderr

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code; None where it has not ended in that time."""

    def send(self, number: int) -> None:
        """Send it a signal."""


Start = Callable[..., Process]  # of the command's arguments and the file for what it prints


class Own:
    """`nnexp` as a user starts it: a process of its own."""

    def __init__(self, *arguments: object, said: Path) -> None:
        self.said = said
        command = [sys.executable, "-m", "nnexp", *map(str, arguments)]
        with said.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_listen
            )

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code; None where it has not ended in that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def children(self) -> list[psutil.Process]:
        """The processes that it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)


class Forked:
    """The same in a fork of a server that has TensorFlow loaded, which saves the seconds of its import."""

    _server = multiprocessing.get_context("forkserver")
    _server.set_forkserver_preload(["nnexp.sweeps.preload", "nnexp.cli"])

    def __init__(self, *arguments: object, said: Path, strike: Strike | None = None) -> None:
        self.said = said
        self.process = self._server.Process(target=_nnexp, args=([str(part) for part in arguments], said, strike))
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")  # else the child would import pytest
        try:
            self.process.start()
        finally:
            sys.modules["__main__"] = main

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code; None where it has not ended in that time."""
        self.process.join(seconds)
        return self.process.exitcode

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process.pid
        os.kill(self.process.pid, number)


def _listen() -> None:
    """What starts the tests may have signals ignored, as a shell does with Ctrl-C for `pytest &`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _nnexp(arguments: list[str], said: Path, strike: Strike | None) -> None:
    """The whole life of a fork."""
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    os.setsid()  # else one that is stopped would have the system send SIGHUP to all that were started with it
    _listen()
    sys.argv = ["nnexp", *arguments]
    if strike:
        strike.arm()
    from nnexp.cli import main

    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(bool(ended.code)))


@dataclass
class Strike:
    """Sends its own process a signal right before its `at`-th change of a file below a directory (from 1; 0: never).

    Only those changes count that say `of`: of all of them, a slow computer has more, since some come once a second.
    A file that is about to be forced to the disk is cut in half where the signal is SIGKILL, as when the power fails.
    """

    within: Path
    at: int = 0
    number: int = signal.SIGKILL
    listed: Path | None = None  # a file for a line an operation: what it is, and the file's name
    of: str = ""

    def arm(self) -> None:
        """Begin to count."""
        self._count = itertools.count(1)
        self._listed = os.open(self.listed, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if self.listed else None
        self._fsync, os.fsync = os.fsync, self._before_fsync
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._before("open", arguments[0])
        elif event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}:
            directory = arguments[-1] if event in {"os.remove", "os.rmdir"} and arguments[-1] != -1 else None
            place = Path(f"/proc/self/fd/{directory}").readlink() if directory is not None else Path()
            named = arguments[1] if event == "os.rename" else arguments[0]
            self._before(event, place / os.fsdecode(named) if not isinstance(named, int) else named)

    def _before_fsync(self, handle: int) -> None:
        self._before("fsync", Path(f"/proc/self/fd/{handle}").readlink())
        self._fsync(handle)

    def _before(self, what: str, path: object) -> None:
        if not isinstance(path, (str, Path)) or not Path(path).is_relative_to(self.within):
            return
        change = f"{what} {Path(path).name}"
        if self._listed is not None:
            os.write(self._listed, f"{change}\n".encode())
        if self.of in change and next(self._count) == self.at:
            if self.number == signal.SIGKILL and what == "fsync" and stat.S_ISREG(Path(path).stat().st_mode):
                handle = os.open(path, os.O_RDWR)
                os.ftruncate(handle, Path(path).stat().st_size // 2)
            os.kill(os.getpid(), self.number)


def finish(start: Start, path: Path, runs: Path) -> Path:
    """Go on with the run of a config in a directory until it has its result."""
    process = start(*next_command(path, runs), said=said_of(runs))
    assert process.wait(600) == 0, process.said.read_text(encoding="utf-8")
    return the_run(runs)


def said_of(runs: Path) -> Path:
    """Where the processes of a directory write what they say; hidden, as it is no file of a run."""
    return runs.with_name(f".{runs.name}.txt")


def next_command(path: Path, runs: Path) -> tuple[object, ...]:
    """What a user would type next: resume the run, or run it again where it was killed before it had a record."""
    there = sorted(runs.glob("*/metrics.json"))
    return ("resume", there[0].parent, "--quiet") if there else ("run", path, "--runs-dir", runs, "--quiet")


def the_run(runs: Path) -> Path:
    """The only run of a directory that has a record."""
    [metrics] = runs.glob("*/metrics.json")
    return metrics.parent


def outcome(run: Path) -> dict[str, Any]:
    """All that a run leaves, file by file, but for clocks: equal for two runs exactly where each bit is."""
    found = {str(path.relative_to(run)): _content(path) for path in sorted(run.rglob("*"))}
    return dict(sorted(found.items()))


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of the files, and parts of files, in which two outcomes differ."""
    return [name for name in sorted({*one, *other}) if one.get(name, "absent") != other.get(name, "absent")]


def _content(path: Path) -> Any:
    if path.is_dir():
        return "directory"
    content = path.read_bytes()
    if path.name in {"log.txt", "environment.json"}:  # tells when, and each time that it was gone on with
        return "a file"
    if path.name == "metrics.json":
        metrics = json.loads(content)
        kept = {name: value for name, value in metrics.items() if name not in _OF_THE_MOMENT}
        return {**kept, "history": [{**row, "seconds": None} for row in metrics["history"]]}
    if path.name == "history.csv":
        return [line.rpartition(b",")[0] for line in content.splitlines()]  # the seconds are last
    if path.suffix == ".npz":
        return arrays_of_npz(content)
    if path.suffix == ".keras":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            described = re.sub(rb'"shared_object_id": \d+', b"", archive.read("config.json"))  # an address in memory
            return described, arrays_of_h5(archive.read("model.weights.h5"))
    return content


def arrays_of_npz(content: bytes) -> dict[str, bytes]:
    """Name and bytes of each array."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name].tobytes() for name in arrays}


def arrays_of_h5(content: bytes) -> dict[str, bytes]:
    """Name and bytes of each array: weights, and where they are saved, those of the optimizer and seed generators."""
    found: dict[str, bytes] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()]).tobytes()

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(visit)
    return found


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed."""

    config: Path
    runs: Path  # the directory that it is in
    seconds: float  # that it took
    changes: list[str]  # of files, in order

    @functools.cached_property
    def outcome(self) -> dict[str, Any]:
        """All that it left."""
        return outcome(the_run(self.runs))

    def change(self, text: str) -> int:
        """The number (from 1) of the first change of a file that says so."""
        return next(number for number, change in enumerate(self.changes, 1) if text in change)


def undisturbed(folder: Path, engine: str, **how: Any) -> None:
    """Do the run of a config, and note its seconds and the changes that it makes to files."""
    path, said = config(folder / "trial.yaml", engine, **how), folder / "said.txt"
    assert Forked("--version", said=said).wait(600) == 0  # the server takes seconds to start
    begun = time.monotonic()
    strike = Strike(folder / "runs", listed=folder / "changes.txt")
    process = Forked("run", path, "--runs-dir", folder / "runs", said=said, strike=strike)
    assert process.wait(600) == 0, said.read_text(encoding="utf-8")
    (folder / "seconds.json").write_text(json.dumps(time.monotonic() - begun), encoding="utf-8")


def cut_off(whole: Whole, runs: Path, at: int, number: int = signal.SIGKILL, of: str = "") -> Process:
    """Start the run of a config, which gets a signal right before a change of a file, as `Strike` counts them."""
    runs.mkdir(parents=True, exist_ok=True)
    strike = Strike(runs, at, number, of=of)
    return Forked("run", whole.config, "--runs-dir", runs, said=said_of(runs), strike=strike)


def the_same(run: Path, whole: Whole) -> bool:
    """Whether a run has come to the result of the undisturbed one; what differs is printed."""
    found = differences(outcome(run), whole.outcome)
    print(f"{run}: differs in {found}")
    return not found
