"""Run folders that are written on one computer and kept on another: what is new in one, and how it gets into the other.

Files go over in pieces, so that neither end nor what is between them ever holds a whole one; each is verified by its
SHA-256 before it takes its name. What a run writes says that it is whole in metrics.json, which it writes last, and so
does the folder it is mirrored to: metrics.json goes over last, as it was before any other file was looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nnexp.files import is_temporary, sync, temporary_beside, to_json
from nnexp.runs.process import this_process

PIECE_BYTES = 1 << 20
# A look at the folder waits until the one before it took less than this share of the time.
_SHARE = 0.05
_LEAST_SECONDS = 1.0
_DEEPEST = 8  # callbacks may keep logs in folders

Piece = dict[str, Any]  # of a file: see `Mirror.pieces`
Change = Callable[[bytes], bytes]  # of a whole small file
_Signature = tuple[int, int, int]  # inode, bytes, time of the last change


class BadPiece(Exception):
    """A piece that does not fit what came before it."""


class Mirror:
    """What of a run folder the other end does not have yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent: dict[str, _Signature] = {}
        self._due = 0.0

    def know(self) -> None:
        """Take all that is in the folder now for what the other end has."""
        self._sent = dict(self._files())

    def is_due(self) -> bool:
        """Whether it is worth a look, by what the last one cost."""
        return time.monotonic() >= self._due

    def pieces(self) -> Iterator[Piece]:
        """All that has changed since the last time, as pieces to `Kept.take`: `path`, `data`, `first`, `last`.

        The last piece of a file has its `sha256`; one with `gone` lists files that are there no more.
        """
        begun = time.monotonic()
        record = _stable(self._folder / "metrics.json")
        found = dict(self._files())
        for path, signature in sorted(found.items()):
            if self._sent.get(path) != signature and path != "metrics.json":
                with contextlib.suppress(FileNotFoundError):  # removed, or replaced, meanwhile: next time
                    with (self._folder / path).open("rb") as file:
                        yield from _pieces(path, file)
                    self._sent[path] = signature
        if record is not None:
            content, signature = record
            if self._sent.get("metrics.json") != signature:
                yield from _pieces("metrics.json", io.BytesIO(content))
                self._sent["metrics.json"] = signature
            if _signature(self._folder / "metrics.json") == signature:
                # Checkpoints go when the result is written: never before the other end has that too.
                if gone := [path for path in self._sent if path not in found]:
                    yield {"gone": gone}
                for path in gone:
                    del self._sent[path]
        self._due = time.monotonic() + max(_LEAST_SECONDS, (time.monotonic() - begun) / _SHARE)

    def _files(self) -> Iterator[tuple[str, _Signature]]:
        for path in self._folder.rglob("*"):
            if path.is_symlink() or is_temporary(path) or path.name == ".lock":
                continue
            if path.is_file() and (signature := _signature(path)):
                yield path.relative_to(self._folder).as_posix(), signature


class Kept:
    """The other end of a mirror: a run folder that is kept as the pieces say."""

    def __init__(self, folder: Path, changes: Mapping[str, Change]) -> None:
        """`changes` are made to the files of these names, before they are kept."""
        self._folder, self._changes = folder, changes
        self._coming: _Coming | None = None

    def take(self, piece: Piece) -> None:
        """Take in a piece.

        Raises:
            BadPiece: it is not the next one, is damaged, or would lie elsewhere.
            OSError: it cannot be written.
        """
        if "gone" in piece:
            for path in piece["gone"]:
                place = self._place(path)
                place.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # others are still in it
                    if place.parent != self._folder:
                        place.parent.rmdir()
            return
        path = piece["path"]
        if piece["first"]:
            self.drop()
            place = self._place(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            self._coming = _Coming(place)
        if self._coming is None or self._coming.place != self._place(path):
            raise BadPiece(f"a piece of {path} came out of turn")
        self._coming.add(piece["data"])
        if piece["last"]:
            coming, self._coming = self._coming, None
            coming.end(piece["sha256"], self._changes.get(path))

    def drop(self) -> None:
        """Let go of a file that did not come whole."""
        if self._coming is not None:
            self._coming.drop()
            self._coming = None

    def _place(self, path: str) -> Path:
        parts = path.split("/")
        if len(parts) > _DEEPEST or {"", ".", ".."} & set(parts) or "\0" in path:
            raise BadPiece(f"a file cannot be kept as {path!r}")
        place = self._folder
        for part in parts:
            place /= part
            if place.is_symlink():
                raise BadPiece(f"{place} is a link")
        return place


class _Coming:
    """A file that is not whole yet, beside the place where it is to be."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._temporary = temporary_beside(place)
        self._file = self._temporary.open("xb")
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)

    def end(self, sha256: str, change: Change | None) -> None:
        self._file.close()
        try:
            if self._digest.hexdigest() != sha256:
                raise BadPiece(f"{self.place} was damaged on its way")
            if change:
                self._temporary.write_bytes(change(self._temporary.read_bytes()))
            sync(self._temporary)
            self._temporary.replace(self.place)
            sync(self.place.parent)
        finally:
            self._temporary.unlink(missing_ok=True)

    def drop(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def as_ours(metrics: bytes) -> bytes:
    """Let metrics.json say that this process is at the run, in whose hands its folder is, if any process is."""
    plain = json.loads(metrics)
    return _again({**plain, "process": this_process()}) if plain.get("process") is not None else metrics


def as_left(metrics: bytes) -> bytes:
    """Let metrics.json say that nobody is at the run any more: it goes on where its folder is sent to."""
    plain = json.loads(metrics)
    return _again({**plain, "status": "interrupted", "process": None}) if plain.get("status") == "running" else metrics


def _again(plain: dict[str, Any]) -> bytes:
    return (to_json(plain) + "\n").encode()


def _pieces(path: str, file: BinaryIO) -> Iterator[Piece]:
    digest = hashlib.sha256()
    data, first = file.read(PIECE_BYTES), True
    while True:
        digest.update(data)
        after = file.read(PIECE_BYTES)
        last = not after
        yield {"path": path, "data": data, "first": first, "last": last, "sha256": digest.hexdigest() if last else ""}
        if last:
            return
        data, first = after, False


def _stable(path: Path) -> tuple[bytes, _Signature] | None:
    """The content of a file that others replace, and which it is of; None where there is none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(), _of(os.fstat(file.fileno()))
    return None


def _signature(path: Path) -> _Signature | None:
    with contextlib.suppress(OSError):
        return _of(path.stat(follow_symlinks=False))
    return None


def _of(status: os.stat_result) -> _Signature:
    return status.st_ino, status.st_size, status.st_mtime_ns
