"""Peers that stay alive and take turns: each in a process of its own, asleep on a pipe while the others run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.figures import Failed


class Peer:
    """A process that trains an epoch when told to; benchmarks/peers/turns.py is its other end.

    Where it has ended, each of its methods raises Failed with the last line that it printed.
    """

    def __init__(self, command: Sequence[str], arguments: Sequence[str]) -> None:
        """Start it; it loads what it needs while the caller does other things. Its first argument is the pipe."""
        self._pipe, theirs = Pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the peer
        self._process = subprocess.Popen(
            [*command, str(theirs.fileno()), *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()

    def variants(self) -> dict[str, str]:
        """What it can train, once it is ready, each with a note."""
        found: dict[str, str] = self._receive()
        return found

    def epoch(self, variant: str) -> dict[str, float]:
        """Train one epoch: wall and CPU seconds."""
        epoch, cpu = self._ask("epoch", variant)
        return {"epoch": epoch, "cpu": cpu}

    def accuracy(self, variant: str) -> float | None:
        """The share of the test images that it knows by now; None from a floor."""
        found: float | None = self._ask("accuracy", variant)
        return found

    def close(self) -> None:
        """Let it end."""
        self._pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def _ask(self, what: str, variant: str) -> Any:
        with contextlib.suppress(OSError):  # to receive will tell
            self._pipe.send((what, variant))
        return self._receive()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            self._process.wait()
            self._output.seek(0)
            lines = self._output.read().decode(errors="replace").strip().splitlines()
            raise Failed(lines[-1][:200] if lines else f"exit code {self._process.returncode}") from None


@contextlib.contextmanager
def peers(commands: dict[str, tuple[Sequence[str], Sequence[str]]]) -> Iterator[dict[str, Peer]]:
    """Several, begun at the same time and closed at the end."""
    with contextlib.ExitStack() as stack:
        begun = {}
        for name, (command, arguments) in commands.items():
            begun[name] = Peer(command, arguments)
            stack.callback(begun[name].close)
        yield begun
