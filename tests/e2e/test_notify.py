"""`--notify` rings the terminal's bell and tells the desktop at the end, and only where somebody looks."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "terminal", "rings", "told"),
    [
        (["resume", ".", "--notify"], True, True, "nnexp resume: done"),
        (["run", "missing.yaml", "--notify"], True, True, "nnexp run: failed, see the terminal"),
        (["resume", "."], True, False, None),
        (["resume", ".", "--notify"], False, False, None),
    ],
)
def test_the_end_is_told(words: list[str], terminal: bool, rings: bool, told: str | None, tmp_path: Path) -> None:
    desktop = tmp_path / "notify-send"
    desktop.write_text('#!/bin/sh\necho "$@" > told\n')
    desktop.chmod(0o755)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    stderr = theirs if terminal else subprocess.PIPE
    done = subprocess.run([sys.executable, "-m", "nnexp", *words], cwd=tmp_path, env=environment, stderr=stderr)
    os.write(theirs, b"end")
    seen = os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert (b"\a" in seen + (done.stderr or b"")) == rings
    found = tmp_path / "told"
    assert (found.read_text().strip() if found.exists() else None) == told
