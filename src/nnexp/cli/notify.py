"""`--notify`: who works on something else meanwhile is told that a long command has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import typer

from nnexp.errors import Amiss

_SECONDS = 5  # that a desktop may take to answer
_SCRIPT = ("on run argv", 'display notification (item 1 of argv) with title "nnexp"', "end run")


@contextlib.contextmanager
def ending_told(command: str) -> Iterator[None]:
    """Ring the terminal's bell and tell the desktop when `nnexp COMMAND` ends; not after Ctrl-C, nor off a terminal."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except typer.Exit as error:
        _tell(_failed(command) if error.exit_code else f"{command}: done")
        raise
    except BaseException:
        _tell(_failed(command))
        raise
    _tell(f"{command}: done")


def _failed(command: str) -> Amiss:
    return f"{command}: failed, see the terminal"


def _tell(text: str) -> None:
    if sys.stderr is None or not sys.stderr.isatty():
        return
    with contextlib.suppress(OSError):  # a terminal that is gone
        os.write(sys.stderr.fileno(), b"\a")
    if program := shutil.which("notify-send"):
        command = [program, "nnexp", text]
    elif program := shutil.which("osascript"):
        command = [program, *(word for line in _SCRIPT for word in ("-e", line)), text]
    else:
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS)
