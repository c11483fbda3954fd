"""The frozen record of a run, read from its folder as plain data: no TensorFlow, no config schema of the day."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nnexp.errors import InputError
from nnexp.runs.folder import WITH_RESULT, RunFolder

_LARGEST = sys.float_info.max  # JSON may write a number with hundreds of digits

STATUSES = ("running", "completed", "diverged", "failed", "interrupted")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run folder says. Missing figures are absent from the mappings, never invented."""

    path: Path
    name: str
    status: str  # one of STATUSES; a run whose process is gone reads as interrupted
    seed: int | None
    identity: str
    description: str
    test: Mapping[str, float | None]
    test_intervals: Mapping[str, Sequence[float]]
    history: Sequence[Mapping[str, Any]]  # a row an epoch
    best_epoch: int | None
    stopped: Mapping[str, Any] | None
    parameters: Mapping[str, int]
    findings: Sequence[Mapping[str, Any]]
    timings: Mapping[str, float]
    started: str
    finished: str | None
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    model: Sequence[Mapping[str, Any]] = ()
    error: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)  # complete, as config.yaml has it
    test_split: str = ""  # fingerprint: runs with the same one can be paired example by example
    expected: bool = False  # a failure that the sweep file announced (`expect: error`)

    @property
    def has_result(self) -> bool:
        """Whether the run came to its end: a diverged one has a result too."""
        return self.status in WITH_RESULT

    @property
    def folder(self) -> RunFolder:
        """The paths of the run."""
        return RunFolder(self.path)


class UnreadableRun(InputError):
    """A folder that is no run, or whose metrics.json cannot be read."""


class Unreachable(UnreadableRun):
    """A run that may well be whole, but cannot be read now: no permission, or a disk that does not answer."""


def read(path: Path) -> RunRecord:
    """Read the run in a folder.

    Raises:
        UnreadableRun: no metrics.json there, or not one that nnexp wrote.
        Unreachable: there may be one, but it cannot be read now.
    """
    folder = RunFolder(path)
    try:
        data = _parsed(folder.metrics.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        what = "no such run folder"
        if kind_of(path) == "directory":
            if not os.access(path, os.R_OK):
                raise Unreachable(f"{_shown(path)}: cannot be looked into: permission denied") from None
            what = "no run folder: it has no metrics.json"
        raise UnreadableRun(f"{_shown(path)}: {what}; `nnexp ls` lists the runs") from None
    except OSError as error:
        raise Unreachable(f"{_shown(folder.metrics)}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableRun(f"{_shown(folder.metrics)}: not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("status") not in STATUSES:
        raise UnreadableRun(f"{_shown(folder.metrics)}: not the metrics of a run")
    return RunRecord(
        path=path,
        name=_text(data.get("name")) or path.name,
        status="interrupted" if data["status"] == "running" and not _alive(data.get("process")) else data["status"],
        seed=_whole(data.get("seed")),
        identity=_text(data.get("identity")),
        description=_text(data.get("description")),
        test={key: _number(value) for key, value in _mapping(data.get("test")).items()},
        test_intervals={
            key: pair for key, value in _mapping(data.get("test_intervals")).items() if (pair := _pair(value))
        },
        history=_rows(data.get("history")),
        best_epoch=_whole(data.get("best_epoch")),
        stopped=_with(_mapping(data.get("stopped")), "epoch", "reason"),
        parameters={k: n for k, v in _mapping(data.get("parameters")).items() if (n := _whole(v)) is not None},
        findings=_rows(data.get("findings")),
        timings={k: s for k, v in _mapping(data.get("timings")).items() if (s := _number(v)) is not None},
        started=_text(data.get("started")),
        finished=_text(data.get("finished")) or None,
        evaluation=_mapping(data.get("evaluation")),
        model=[row for row in _rows(data.get("model")) if _with(row, "layer", "kind", "output", "parameters")],
        error=_text(data.get("error")),
        config=_mapping(data.get("config")),
        test_split=_text(data.get("test_split")),
        expected=data.get("expected") is True,
    )


def find(runs: Path) -> Iterator[Path]:
    """The run folders below a directory, in the order of their names; runs are not looked for inside runs.

    A directory that cannot be looked into is among them, so that `read` says why.
    """
    try:
        entries = sorted(os.scandir(runs), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield runs
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            path = Path(entry.path)
            if os.path.exists(f"{entry.path}/metrics.json"):  # noqa: PTH110  twice as fast as Path's, over many runs
                yield path
            else:
                yield from find(path)


def kind_of(path: Path) -> Literal["directory", "file", "other", "nothing"]:
    """What is at a path, links followed; `Path.is_dir` and its like raise what no user should see.

    Raises:
        Unreachable: it cannot be told.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreachable(f"{_shown(path)}: cannot be reached: {why}") from None
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def text_of(value: Any) -> str:
    """Text without what would command a terminal, and "" for what is no text: a run may come from a stranger."""
    if not isinstance(value, str):
        return ""
    return value if value.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else " " for c in value)


def printable(text: str) -> str:
    """The same on one line."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _parsed(raw: bytes) -> Any:
    """JSON with only such text as can be shown, keys on one line: those of a config and of metrics become headings."""
    data = json.loads(raw.decode("utf-8-sig"))
    # JSON has controls only as escapes, but for DEL, so that most files need no second look.
    if raw.isascii() and b"\\" not in raw and b"\x7f" not in raw:
        return data
    whole = {"": data}
    inside: list[Any] = [whole]
    while inside:  # no recursion: a forged file may go on
        found = inside.pop()
        if isinstance(found, dict):
            entries = list(found.items())
            found.clear()
            for key, value in entries:
                found[printable(key)] = text_of(value) if isinstance(value, str) else value
            inside += (value for value in found.values() if isinstance(value, (dict, list)))
        else:
            found[:] = [text_of(value) if isinstance(value, str) else value for value in found]
            inside += (value for value in found if isinstance(value, (dict, list)))
    return whole[""]


def _shown(path: Path) -> str:
    return text_of(str(path))


def _alive(process: Any) -> bool:
    """Whether the process that wrote `running` still lives; one on another host is taken at its word."""
    process = _mapping(process)
    if process.get("host") != socket.gethostname():
        return bool(process)
    import psutil

    try:
        found = psutil.Process(int(process["pid"]))
        return abs(found.create_time() - float(process["started"])) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _with(row: dict[str, Any], *keys: str) -> dict[str, Any] | None:
    return row if all(key in row for key in keys) else None


def _rows(value: Any) -> tuple[dict[str, Any], ...]:
    return tuple(row for row in value if isinstance(row, dict)) if isinstance(value, list) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST
    return value if good else None


def _pair(value: Any) -> tuple[float, float] | None:
    if isinstance(value, list) and len(value) == 2:
        low, high = _number(value[0]), _number(value[1])
        if low is not None and high is not None:
            return low, high
    return None
