"""Which process does a run, whether it still lives, and the sign of life that it gives to other machines."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_BEAT_SECONDS = 30.0
# Many beats: a slow network disk may lose some, and the clocks of two machines may differ by minutes.
_QUIET_SECONDS = 300.0


def this_process() -> dict[str, Any]:
    """What tells this process from all others, of any machine at any time: plain data.

    `pid`, `started`, `host`; on Linux also `boot`, which the kernel draws anew at each start, and `space`, the
    namespace that the number is of (a container has its own). `started` is then in clock ticks since that boot, so that
    no setting of the clock changes it; elsewhere in seconds since 1970, as psutil has it.
    """
    pid = os.getpid()
    here = _here()
    started = _ticks(pid) if "boot" in here else _created(pid)
    return {"pid": pid, "started": started, **here}


def age() -> float:
    """Seconds since this process began."""
    pid = os.getpid()
    if "boot" in _here():
        return time.clock_gettime(time.CLOCK_BOOTTIME) - _ticks(pid) / os.sysconf("SC_CLK_TCK")
    return time.time() - _created(pid)


def alive(process: Any, last_sign: float | None = None) -> bool:
    """Whether the process that `this_process` described still lives; anything else than such data reads as dead.

    The system is asked where it can be. Where it cannot, as on another machine, the process lives while `last_sign`,
    the time at which its run's metrics.json was last touched (seconds since 1970), is less than five minutes away,
    either way: a time far in the future says nothing.
    """
    if not isinstance(process, Mapping):
        return False
    pid, started = process.get("pid"), process.get("started")
    if not isinstance(pid, int) or not isinstance(started, (int, float)) or not 0 < pid < 2**31:
        return False
    import psutil

    here = _here()
    patience = _QUIET_SECONDS
    if process.get("host") == here["host"]:
        try:
            if "boot" not in process:  # not on Linux, or written by an older nnexp
                return started - 1 < _created(pid) < started + 1
            if process["boot"] != here.get("boot"):
                # Rebooted since, unless another machine of the same name has touched it after that.
                patience = min(patience, time.time() - psutil.boot_time())
            elif process.get("space") == here.get("space"):
                return _ticks(pid) == started
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's, which this system hides: its sign must do
            pass
    return last_sign is not None and abs(time.time() - last_sign) < patience


class Heartbeat:
    """Touches a run's metrics.json now and then while the block lasts, so that other machines see that it lives.

    Never makes the file; a disk that fails is no reason to end a run.
    """

    def __init__(self, metrics: Path, every: float = _BEAT_SECONDS) -> None:
        self._metrics, self._every = metrics, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=1)  # no longer: a network disk may hang

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            with contextlib.suppress(OSError):
                os.utime(self._metrics, follow_symlinks=False)


def _here() -> dict[str, str]:
    here = {"host": socket.gethostname()}
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        here |= {"boot": boot, "space": os.readlink("/proc/self/ns/pid")}  # noqa: PTH115  no path: "pid:[4026531836]"
    return here


def _ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)).

    Raises:
        ProcessLookupError: there is none, or it has ended and its parent has not asked yet.
        PermissionError: there is one, but it cannot be looked at.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        os.kill(pid, 0)  # raises one or the other
        raise ProcessLookupError from None  # it has begun in between
    state, *rest = stat[stat.rindex(b")") + 1 :].split()  # the name before it may hold anything
    if state in b"ZX":
        raise ProcessLookupError
    return int(rest[18])


def _created(pid: int) -> float:
    """When a process started, in seconds since 1970; raises as `_ticks`."""
    import psutil

    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            raise ProcessLookupError
        return found.create_time()
    except psutil.AccessDenied:
        raise PermissionError from None
    except psutil.Error:
        raise ProcessLookupError from None
