"""A scheduler and computers with workers, as network namespaces of this one that see nothing of its run folders."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENT = {
    **os.environ,
    # A computer that is cut off is noticed after so long; less makes Dask fail under load.
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10",
}
HERE = "10.77.{host}.1"
THERE = "10.77.{host}.2"


class Host:
    """A computer of its own as far as the network and the run folders go."""

    def __init__(self, number: int, hidden: Path, port: int, workers: int, logs: Path) -> None:
        """Its workers see an empty directory in place of `hidden`."""
        self.number = number
        self._cable = f"cable{number}"
        # A process that holds the namespaces.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec sleep infinity', hidden]
        )
        while not self._ready():
            time.sleep(0.05)
        here, there = HERE.format(host=number), THERE.format(host=number)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "lan", "netns", str(self._holder.pid))
        ip("addr", "add", f"{here}/24", "dev", self._cable)
        ip("link", "set", self._cable, "up")
        for words in (
            ["addr", "add", f"{there}/24", "dev", "lan"],
            ["link", "set", "lan", "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run([*self._within(), "ip", *words], check=True)
        self.workers = [self._worker(f"tcp://{here}:{port}", logs / f"{number}-{name}") for name in range(workers)]

    def _ready(self) -> bool:
        """Whether the holder has come as far as its sleep."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self._holder.pid}/cmdline").read_bytes().startswith(b"sleep")
        return False

    def _within(self) -> list[str]:
        return ["nsenter", "--target", str(self._holder.pid), "--net", "--mount"]

    def _worker(self, scheduler: str, place: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", "worker", scheduler, "--nthreads", "1", "--memory-limit", "0"]
        command += [
            "--no-dashboard",
            "--no-nanny",
            "--local-directory",
            str(place),
            "--host",
            THERE.format(host=self.number),
        ]
        return self.start(command, place.with_suffix(".log"))

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process on this computer."""
        with log.open("wb") as said:
            return subprocess.Popen([*self._within(), *command], stdout=said, stderr=said, env=ENVIRONMENT)

    def cut_off(self) -> None:
        """Pull the cable, for good."""
        ip("link", "set", self._cable, "down")


def ip(*words: str) -> None:
    """Change the network."""
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def scheduler(port: int, logs: Path) -> Iterator[str]:
    """A scheduler that all hosts can reach."""
    ip("link", "set", "lo", "up")
    with (logs / "scheduler.log").open("wb") as log:
        command = [
            sys.executable,
            "-m",
            "dask",
            "scheduler",
            "--host",
            "0.0.0.0",
            "--port",
            str(port),
            "--no-dashboard",
        ]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
