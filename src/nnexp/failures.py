"""What went wrong, in one line, and what to do: for errors that nobody raised on purpose."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from nnexp.errors import NnexpError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_TENSORFLOWS = ("InternalError", "UnknownError", "AbortedError", "XlaRuntimeError")
_OUT_OF_MEMORY = re.compile(r"RESOURCE_EXHAUSTED|out of memory|\bOOM\b|failed to allocate", re.IGNORECASE)
_ERRNO = re.compile(r"errno ?= ?(\d+)")  # HDF5 puts the system's answer into its text


def what_failed(error: BaseException, folder: Path) -> str:
    """The cause of an error while a run wrote into `folder`, and its remedy."""
    if isinstance(error, NnexpError):
        return str(error)
    if (cause := cause_in_the_system(error, folder)) is not None:
        return cause
    if _system_error(error) is None:
        return f"{type(error).__name__}: {first_line(error)}"
    if not folder.is_dir():
        return f"the run folder {folder} was deleted or moved while the run went on; put it back, or run anew"
    return f"the disk failed at {_named(error, folder)} ({_said(error)}); see that it answers"


def cause_in_the_system(error: BaseException, folder: Path | None = None) -> str | None:
    """What the system does not give, and the remedy; None for an error that says nothing of that."""
    if _is_out_of_memory(error):
        return "memory ran out; close other programs, or give a smaller batch_size or a smaller model"
    if str(error) == "can't start new thread":
        return "the system allows no more threads or memory; close other programs, or raise the limits (ulimit -a)"
    number = _system_error(error)
    if number in _FULL:
        return f"the disk that holds {folder} is full; free some space" if folder else "a disk is full; free some space"
    if number == errno.EFBIG:
        return f"{_named(error, folder)} may not grow further ({_said(error)}); raise the limit that is set (ulimit -f)"
    if number in _FORBIDDEN:
        return f"{_named(error, folder)} may not be written to ({_said(error)}); mend its permissions"
    return None


def how_to_report(error: BaseException, log: Path) -> str:
    """Where the traceback is and whom to tell, as a line to add; nothing for an error whose cause is known."""
    if isinstance(error, NnexpError) or _system_error(error) is not None or cause_in_the_system(error) is not None:
        return ""
    return f"\nthe traceback is in {log}; if the cause is not yours, report it with what `nnexp doctor` prints"


def first_line(error: BaseException) -> str:
    """What is wrong, in one line, of an error that may go on for pages."""
    # TensorFlow puts where in the graph before what is wrong.
    lines = [line for line in str(error).split("\n") if line.strip() and not line.startswith((" ", "\t"))]
    kept = [line for line in lines if not line.startswith(("Graph execution error", "Detected at"))]
    return (kept or lines or [""])[0][:300]


def _is_out_of_memory(error: BaseException) -> bool:
    """Python's own error, TensorFlow's, or one of those by which XLA and oneDNN say the same."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    named = type(error).__name__
    return named == "ResourceExhaustedError" or (
        named in _TENSORFLOWS and _OUT_OF_MEMORY.search(str(error)) is not None
    )


def _system_error(error: BaseException) -> int | None:
    if not isinstance(error, (OSError, RuntimeError)):
        return None
    number = getattr(error, "errno", None)
    if number is None and (found := _ERRNO.search(str(error))):
        number = int(found[1])
    return number


def _said(error: BaseException) -> str:
    return getattr(error, "strerror", None) or first_line(error)


def _named(error: BaseException, folder: Path | None) -> str:
    path = Path(getattr(error, "filename", None) or folder or "a file")
    return str(path.parent if path.name.startswith(".") else path)  # a name for a moment tells nobody anything
