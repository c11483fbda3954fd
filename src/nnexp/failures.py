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
    if _is_out_of_memory(error):
        return "memory ran out; close other programs, or give a smaller batch_size or a smaller model"
    if str(error) == "can't start new thread":
        return "the system allows no more threads or memory; close other programs, or raise the limits (ulimit -a)"
    number = _system_error(error)
    if number in _FULL:
        return f"the disk that holds {folder} is full; free some space"
    if number is not None and not folder.is_dir():
        return f"the run folder {folder} was deleted or moved while the run went on; put it back, or run anew"
    if number == errno.EFBIG:
        return f"{_named(error, folder)} may not grow further ({_said(error)}); raise the limit that is set (ulimit -f)"
    if number in _FORBIDDEN:
        return f"{_named(error, folder)} may not be written to ({_said(error)}); mend its permissions"
    if number is not None:
        return f"the disk failed at {_named(error, folder)} ({_said(error)}); see that it answers"
    return f"{type(error).__name__}: {first_line(error)}"


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


def _named(error: BaseException, folder: Path) -> str:
    path = Path(getattr(error, "filename", None) or folder)
    return str(path.parent if path.name.startswith(".") else path)  # a name for a moment tells nobody anything
