"""An index beside the runs: what their files said when they were last read, so that thousands are read at once.

A hidden file in each directory that holds run folders: a line is what one file said, under its inode. It is never
trusted over the files. A line counts only while size and times of its file are what they were, the time of its last
change among them, which nobody can set; and what it says goes through the same door as metrics.json itself. What is
wrong with an index costs nothing but time. The reasons: docs/decisions/0008-an-index-beside-the-runs.md.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import orjson

from nnexp import __version__
from nnexp.files import remove_temporaries_of, replacing
from nnexp.runs import figures, record
from nnexp.runs.reading import Refused, content_of, parsed, printable
from nnexp.runs.record import RunRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nnexp.runs.predictions import Tested

_FORMAT = f"nnexp index 2, {__version__}"
_WORTH = 50  # files read: below that, reading them again takes less than a person sees
_MOST_MEGABYTES = 256
_LONGEST_LINE = 64_000  # bytes; one of a run takes 2,000, of ten thousand answers 1,800, of as many values 53,500
# Disks tell times in steps, of up to two seconds: a file may change again within one, and look the same.
_STEP = 2_000_000_000  # nanoseconds
_LEFT_OUT = ("history", "evaluation", "model")  # long, and asked of few runs: read from the run itself
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FILES = {"m": "metrics.json", "p": "predictions.npz"}


@dataclass(frozen=True, slots=True)
class Answers:
    """How a run did on each test example: right or wrong, or where it predicts values, how far off."""

    scores: NDArray[Any]  # [n] bool, or float32: the absolute error, its mean over the targets
    split: str  # the fingerprint of the test split


class Index:
    """Reads runs, and how they did on each test example, from the indexes beside them where these are up to date."""

    def __init__(self) -> None:
        self._began = time.monotonic_ns()
        self._beside: dict[str, _Beside] = {}

    def record(self, path: Path, state: os.stat_result | None = None) -> RunRecord:
        """The same as `record.read`, with what it raises; `state` is what `record.seen` says of its metrics.json."""
        beside = self._of(path)
        seen = beside.look("m", f"{path}/metrics.json", state) if beside else None
        if not beside or not seen:
            return record.read(path)
        if found := _run(path, seen, *beside.said(seen)):
            return found
        data, raw = record.data_of(path)
        if data["status"] != "running":  # which may be over at any time, without a change of the file
            epochs = figures.rows(data.get("history"))
            short = {key: value for key, value in data.items() if key not in _LEFT_OUT}
            said = [len(epochs), epochs[-1] if epochs else None, short]
            line = _line(seen, said)
            if found := _run(path, seen, said, line):  # as from the index: what is long is not kept
                beside.note(seen, line)
                return found
        return record.record_of(path, data, raw)

    def answers(self, path: Path) -> Answers:
        """How the run in a folder did on each test example, by its predictions.npz.

        Raises:
            Refused, OSError: as `read_predictions` does.
        """
        file = Path(path, "predictions.npz")
        beside = self._of(path)
        seen = beside.look("p", str(file)) if beside else None
        if beside and seen and (kept := _answers(beside.said(seen)[0])):
            return kept
        from nnexp.runs.predictions import read_predictions

        read = read_predictions(file, probabilities=False)
        found = Answers(_scores(read), read.split)
        if beside and seen and found.split == printable(found.split):
            beside.note(seen, _line(seen, _plain(found)))
        return found

    def save(self) -> None:
        """Keep what had to be read, if it was much; silently not where a directory cannot be written to."""
        if sum(len(beside.fresh) for beside in self._beside.values()) >= _WORTH:
            for beside in self._beside.values():
                with contextlib.suppress(OSError):
                    beside.save(self._began)

    def _of(self, path: Path) -> _Beside | None:
        """The index of the directory that a run folder is in; none where the path does not say which it is."""
        directory, name = os.path.split(path)
        if name in ("", ".", ".."):
            return None
        if directory not in self._beside:
            self._beside[directory] = _Beside(directory or ".")
        return self._beside[directory]


class _Seen(NamedTuple):
    """A file as it was just before it was read."""

    device: int
    key: bytes
    size: int
    modified: int  # nanoseconds
    changed: int  # nanoseconds


def _seen(kind: str, path: str, state: os.stat_result | None = None) -> _Seen | None:
    found = state or record.lstat(path)
    if found is None:
        return None
    key = f"{kind}{found.st_ino}".encode()
    return _Seen(found.st_dev, key, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Beside:
    """The index in one directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        # A user each: what another one has written is not believed, and two would replace each other's for ever.
        self._path = Path(directory, f".nnexp-index-{os.geteuid()}")
        self._lines = _lines(self._path)
        self._asked: set[bytes] = set()
        self.fresh: dict[bytes, tuple[int, bytes]] = {}  # when the file last changed, and its line
        try:
            self._device = os.stat(directory).st_dev  # noqa: PTH116  no path: it may be any text
        except (OSError, ValueError):
            self._device = -1

    def look(self, kind: str, path: str, state: os.stat_result | None = None) -> _Seen | None:
        """The file at a path as it is now, or was a moment ago; None where it cannot be seen, or is on another disk."""
        seen = _seen(kind, path, state)
        return seen if seen and seen.device == self._device else None

    def said(self, seen: _Seen) -> tuple[Any, bytes]:
        """What the file said, and the line that it is from; None where it is not known, or was another."""
        self._asked.add(seen.key)
        line = self._lines.get(seen.key, b"")
        try:
            size, modified, changed, said = parsed(line)
        except (Refused, TypeError, ValueError):
            return None, b""
        return (said, line) if (size, modified, changed) == seen[2:] else (None, b"")

    def note(self, seen: _Seen, line: bytes) -> None:
        """Have a line for what a file said."""
        self.fresh[seen.key] = seen.changed, line

    def save(self, began: int) -> None:
        """Replace the index by one with what was read since `began`, by the monotonic clock in nanoseconds.

        Raises:
            OSError: the directory cannot be written to, or has no room.
        """
        if not self.fresh:
            return
        remove_temporaries_of(self._path)
        with (
            replacing(self._path, durable=False) as temporary,
            os.fdopen(os.open(temporary, _NEW_FILE, 0o600), "wb") as file,
        ):
            now = os.fstat(file.fileno()).st_mtime_ns  # by the clock of the disk, which may be another machine's
            body = b"".join(self._all(now - (time.monotonic_ns() - began) - _STEP))
            file.write(_head(body) + b"\n" + body)

    def _all(self, settled: int) -> Iterator[bytes]:
        """The lines of files that had last changed before a time, and those that were there and are still of use."""
        room = _MOST_MEGABYTES * 900_000
        old = {key: line for key, line in self._lines.items() if key not in self.fresh}
        if not old.keys() <= self._asked:  # of files that may be gone
            alive = self._alive()
            old = {key: line for key, line in old.items() if key in alive}
        for key, line in [*old.items(), *self._fresh_lines(settled)]:
            room -= len(line)
            if room > 0:
                yield key + b" " + line + b"\n"

    def _fresh_lines(self, settled: int) -> Iterator[tuple[bytes, bytes]]:
        for key, (changed, line) in self.fresh.items():
            if changed < settled and len(line) <= _LONGEST_LINE:
                yield key, line

    def _alive(self) -> set[bytes]:
        """The keys of all files of runs that are in the directory now."""
        with os.scandir(self._directory) as entries:
            paths = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        found = [self.look(kind, f"{path}/{name}") for path in paths for kind, name in _FILES.items()]
        return {seen.key for seen in found if seen}


def _lines(path: Path) -> dict[bytes, bytes]:
    """The lines of an index by their keys; none where it is not whole, of another version, or not this user's own."""
    try:
        content = content_of(path, _MOST_MEGABYTES, own=True)
    except (OSError, Refused, ValueError):
        return {}
    head, *lines = content.split(b"\n")
    if head != _head(memoryview(content)[len(head) + 1 :]):
        return {}
    return dict(line.partition(b" ")[::2] for line in lines if line)


def _line(seen: _Seen, said: Any) -> bytes:
    whole = [*seen[2:], said]
    try:
        return orjson.dumps(whole)
    except TypeError:  # whole numbers without end
        return json.dumps(whole).encode("ascii")


def _head(body: bytes | memoryview) -> bytes:
    return f"{_FORMAT}, {zlib.crc32(body):08x}".encode("ascii")


def _run(path: Path, seen: _Seen, said: Any, line: bytes) -> RunRecord | None:
    """The record of a run by its line; None where that is not one."""
    try:
        epochs, last, data = said
        if data["status"] == "running" or figures.whole(epochs) is None or epochs < 0:
            return None
        whole = _Whole(path, seen)
        history = _History(whole, epochs, *figures.history([last])) if epochs else ()
        return record.record_of(path, data, line, history, _Metrics(whole))
    except (TypeError, ValueError, LookupError, record.UnreadableRun):
        return None


def _scores(tested: Tested) -> NDArray[Any]:
    import numpy as np

    labels, predicted = tested.labels, tested.predicted
    right: NDArray[Any] = labels == predicted
    if labels.ndim == 1:
        return right
    if labels.dtype.kind != "f":
        return np.asarray(right.all(axis=1))
    with np.errstate(all="ignore"):  # a stranger's values may be any
        return np.asarray(np.abs(predicted.astype(np.float64) - labels).mean(axis=1), np.float32)


def _plain(answers: Answers) -> list[Any]:
    """The fingerprint, how many examples there are, a bit or four bytes for each, and whether these are errors."""
    import numpy as np

    scores, errors = answers.scores, answers.scores.dtype != bool
    content = scores.astype("<f4").tobytes() if errors else np.packbits(scores).tobytes()
    return [answers.split, len(scores), base64.b64encode(content).decode("ascii"), errors]


def _answers(said: Any) -> Answers | None:
    try:
        split, count, text, errors = said
        content = base64.b64decode(text, validate=True)
        if not isinstance(split, str) or type(count) is not int or count < 1 or type(errors) is not bool:
            return None
    except (TypeError, ValueError):
        return None
    if len(content) != (4 * count if errors else (count + 7) // 8):
        return None
    import numpy as np

    if errors:
        return Answers(np.frombuffer(content, "<f4").astype(np.float32), split)
    return Answers(np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(bool), split)


class _Whole:
    """The whole record of a run whose line was up to date, read when it is asked for."""

    __slots__ = ("_path", "_record", "_seen")

    def __init__(self, path: Path, seen: _Seen) -> None:
        self._path, self._seen = path, seen
        self._record: RunRecord | None = None

    def __call__(self) -> RunRecord:
        """The record.

        Raises:
            UnreadableRun: it has changed since, so that its parts would not belong together.
        """
        if self._record is None:
            found = record.read(self._path)
            if _seen("m", f"{self._path}/metrics.json") != self._seen:
                raise record.Unreachable(f"{printable(self._path)}: it changed while it was looked at; ask again")
            self._record = found
        return self._record


class _History(Sequence[Mapping[str, Any]]):
    """The history of a run, of which the index knows how long it is and how it ends."""

    __slots__ = ("_epochs", "_last", "_whole")

    def __init__(self, whole: _Whole, epochs: int, last: Mapping[str, Any]) -> None:
        self._whole, self._epochs, self._last = whole, epochs, last

    def __len__(self) -> int:
        return self._epochs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._last if place == -1 else self._whole().history[place]


class _Metrics(Mapping[str, Any]):
    """metrics.json, of which the index knows nothing more than the record."""

    __slots__ = ("_whole",)

    def __init__(self, whole: _Whole) -> None:
        self._whole = whole

    def __getitem__(self, key: str) -> Any:
        return self._whole().metrics[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole().metrics)

    def __len__(self) -> int:
        return len(self._whole().metrics)
