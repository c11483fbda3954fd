"""A reader that never rests: it reads every file below a directory, over and over, and notes each that is not whole.

A program of its own: `python watcher.py DIRECTORY` watches until it is told to end (SIGTERM), and then prints as JSON
how many looks it took, how many files it read, and what was wrong with any.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import yaml
from PIL import Image

STATUSES = {"running", "completed", "diverged", "failed", "interrupted"}


@dataclass
class Seen:
    """What a watcher saw."""

    looks: int = 0
    reads: int = 0
    kinds: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


@contextlib.contextmanager
def watching(directory: Path) -> Iterator[Seen]:
    """Watch a directory from another process while the block lasts; what was seen is filled in at its end."""
    seen = Seen()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, __file__, str(directory)], **pipes) as watcher:
        assert watcher.stdout
        assert watcher.stdout.readline() == "ready\n"
        try:
            yield seen
        finally:
            watcher.terminate()
            for name, value in json.loads(watcher.communicate()[0]).items():
                setattr(seen, name, value)


def check(path: Path, content: bytes) -> None:
    """Raise where a file of a run or sweep folder is not whole."""
    for ending, checker in CHECKERS.items():
        if path.name.endswith(ending):
            return checker(content)
    raise ValueError("no run writes such a file")


def _metrics(content: bytes) -> None:
    metrics = json.loads(content, parse_constant=_refuse)
    assert metrics["status"] in STATUSES
    assert [row["epoch"] for row in metrics.get("history", [])] == [*range(1, len(metrics.get("history", [])) + 1)]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _json(content: bytes) -> None:
    assert json.loads(content, parse_constant=_refuse)


def _yaml(content: bytes) -> None:
    assert content.endswith(b"\n")
    assert yaml.load(content, Loader=yaml.CSafeLoader)


def _csv(content: bytes) -> None:
    assert content.endswith(b"\n")
    header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert rows
    assert all(len(row) == len(header) for row in rows)


def _checkpoint(content: bytes) -> None:
    assert hashlib.sha256(content[32:]).digest() == content[:32]
    _npz(content[32:])


def _npz(content: bytes) -> None:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert all(arrays[name] is not None for name in arrays)


def _h5(content: bytes) -> None:
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, item: item[()] if isinstance(item, h5py.Dataset) else None)
        assert len(file)


def _keras(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        _h5(archive.read("model.weights.h5"))


def _png(content: bytes) -> None:
    assert content.endswith(b"IEND\xaeB`\x82")
    with Image.open(io.BytesIO(content)) as image:
        image.load()


def _log(content: bytes) -> None:
    assert content.decode() == "" or content.endswith(b"\n")


def _html(content: bytes) -> None:
    assert content.decode().rstrip().endswith("</html>")


CHECKERS: dict[str, Callable[[bytes], None]] = {
    "metrics.json": _metrics,
    ".json": _json,
    ".yaml": _yaml,
    ".csv": _csv,
    ".checkpoint": _checkpoint,
    ".npz": _npz,
    ".h5": _h5,
    ".keras": _keras,
    ".png": _png,
    "log.txt": _log,
    ".html": _html,
}


def watch(directory: Path) -> Seen:
    """Read all files until told to end; those that have not changed since they were read last are passed over."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    seen, known = Seen(), {}
    kinds: set[str] = set()
    complaints: set[str] = set()
    while not ended:
        seen.looks += 1
        for path in _files(directory):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # gone since it was listed
                with path.open("rb") as file:
                    facts = os.fstat(file.fileno())
                    # An append changes the size, a replacement the inode.
                    state = facts.st_ino, facts.st_size, facts.st_mtime_ns
                    if known.get(path) == state:
                        continue
                    content = file.read()
                if len(content) == facts.st_size:
                    known[path] = state
                seen.reads += 1
                kinds.add(path.suffix)
                try:
                    check(path, content)
                except Exception as error:  # noqa: BLE001  whatever a reader of such a file may meet
                    complaints.add(f"{path}, {len(content)} bytes: {type(error).__name__} {error}")
    seen.kinds, seen.complaints = tuple(sorted(kinds)), tuple(sorted(complaints))
    return seen


def _files(directory: Path) -> Iterator[Path]:
    """All files but those whose names, or whose directory's, begin with a dot: they are being written."""
    for place, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (Path(place) / name for name in names if not name.startswith("."))


if __name__ == "__main__":
    os.nice(19)  # what it watches goes first
    print(json.dumps(vars(watch(Path(sys.argv[1])))))
