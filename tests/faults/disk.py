"""A disk of a test's own, and nnexp commands on it that meet a fault right before the write that the test names.

`Disk` is what tests use. Run as a program this file is its server: it imports TensorFlow once and forks a process for
each command, since the import takes seconds. The disk is a small tmpfs in a mount namespace of the server's, which
needs no root, and goes with it. Where the system allows no namespaces (macOS, some containers) the disk is a plain
directory, and a limit on the size of files (setrlimit(2), RLIMIT_FSIZE) makes the writes fail, with the system's answer
"file too large"; what was to be read-only is without permission.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PAGE = os.sysconf("SC_PAGE_SIZE")
MEGABYTES = 24
NAMESPACE = ["unshare", "--map-root-user", "--mount"]  # util-linux
_MS_RDONLY, _MS_REMOUNT = 1, 32  # mount(2)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the disk right before a command's write number `at` (from 1) in the folder `within`.

    A text is a pattern of the first change of a file or directory, as `Done.writes` describes it, to match.
    """

    # full: no byte left · page: one page left · read-only · forbidden: no permission · gone: `within` is moved away ·
    # clock set back: by a day
    kind: str
    at: int | str
    within: str = "runs"


@dataclass(frozen=True, slots=True)
class Ways:
    """How else the process of a command is unlike others."""

    fault: Fault | None = None
    fsync_seconds: float = 0  # what each fsync takes longer
    memory: int = 0  # bytes that it may still take


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int  # -N: by signal N
    said: str  # on stdout and stderr
    writes: list[str]  # every one, in order: what was done to which path
    met: bool  # whether the fault came to pass
    fsyncs: int  # how often the command had the disk write at once


@dataclass
class Disk:
    """A small disk, and commands that run on it; `with` it, then it is there."""

    place: Path  # a directory for it
    limited: bool = False  # a limit on files instead of a disk
    _server: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self.place.mkdir(exist_ok=True)
        if not self.limited and not _may_mount(self.place):
            self.limited = True
            print("no disk may be mounted here: a limit on the size of files takes its place", file=sys.__stderr__)
        command = [sys.executable, __file__, str(self.place), str(int(self.limited))]
        command = command if self.limited else [*NAMESPACE, *command]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout
        assert self._server.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()  # the end of what it is told is its own

    def __call__(self, *arguments: object, **ways: Any) -> Done:
        """Run `nnexp` with these arguments, in the root of the disk; `ways` are those of `Ways`."""
        assert self._server.stdin
        assert self._server.stdout
        print(json.dumps([[str(argument) for argument in arguments], asdict(Ways(**ways))]), file=self._server.stdin)
        self._server.stdin.flush()
        return Done(**json.loads(self._server.stdout.readline()))

    @property
    def root(self) -> Path:
        """The disk as this process sees it."""
        return self.place if self.limited else Path(f"/proc/{self._server.pid}/root{self.place}")


def _may_mount(place: Path) -> bool:
    """Whether this system lets us have a disk of our own."""
    try:
        subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", str(place)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class _Server:
    """Forks a process for each command; in it, `serve` returns what to do."""

    def __init__(self, place: Path, *, limited: bool) -> None:
        self.place, self.limited = place, limited
        if not limited:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "disk", str(place)], check=True)
        os.chdir(place)
        print("ready", flush=True)

    def serve(self) -> tuple[list[str], Ways, int] | None:
        for line in sys.stdin:
            arguments, ways = json.loads(line)
            ways = Ways(**{**ways, "fault": Fault(**ways["fault"]) if ways["fault"] else None})
            said, saying = os.pipe()
            noted, noting = os.pipe()
            if (pid := os.fork()) == 0:
                os.dup2(saying, 1)
                os.dup2(saying, 2)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for end in (said, saying, noted):
                    os.close(end)
                return arguments, ways, noting
            os.close(saying)
            os.close(noting)
            notes: list[bytes] = []
            reader = threading.Thread(target=lambda end=noted, into=notes: into.append(_all(end)))
            reader.start()
            text = _all(said).decode()
            _, status = os.waitpid(pid, 0)
            reader.join()
            self._mend()
            lines = notes[0].decode().splitlines()
            writes = [line for line in lines if not line.startswith("!")]
            code = os.waitstatus_to_exitcode(status)
            done = Done(code, text, writes, met="!met" in lines, fsyncs=lines.count("!fsync"))
            print(json.dumps(asdict(done)), flush=True)
        return None

    def _mend(self) -> None:
        """The disk is as it was, but for what the command wrote."""
        if not self.limited:
            _remount(self.place, 0)
        Path("filler").unlink(missing_ok=True)
        for path in self.place.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)


def _all(end: int) -> bytes:
    with open(end, "rb") as file:
        return file.read()


class _Faults:
    """Counts the writes of this process, and lets the disk fail at the one that was named."""

    def __init__(self, ways: Ways, place: Path, noting: int, *, limited: bool) -> None:
        self.ways, self.place, self.noting, self.limited = ways, place, noting, limited
        self.within = place / (ways.fault.within if ways.fault else "runs")
        self.count = 0
        self.lock = threading.RLock()
        self.busy = self.met = False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See sys.addaudithook; `open` has the flags of os.open."""
        if self.busy:
            return
        if event == "open":
            path, _, flags = arguments
            changes = isinstance(path, (str, os.PathLike)) and flags & (os.O_WRONLY | os.O_RDWR)
        else:
            path = arguments[0] if arguments else None
            changes = event in ("os.rename", "os.remove") or (event == "os.mkdir" and not Path(path).is_dir())
        if changes and (self.place / path).is_relative_to(self.within):
            with self.lock:
                self._change(f"{event} {os.fspath(path)}", writes=event != "os.remove")

    def _change(self, what: str, *, writes: bool) -> None:
        self.busy = True  # what is done here is no write of the command's
        try:
            if writes:
                self.count += 1
                self.note(what)
            fault = self.ways.fault
            if (
                fault
                and not self.met
                and (re.search(fault.at, what) if isinstance(fault.at, str) else fault.at == self.count)
            ):
                self.met = True
                self.note("!met")
                self._break(fault)
        finally:
            self.busy = False

    def note(self, line: str) -> None:
        os.write(self.noting, f"{line}\n".encode())

    def _break(self, fault: Fault) -> None:
        if fault.kind == "forbidden" or (fault.kind == "read-only" and self.limited):
            _forbid(self.within)
        elif fault.kind == "read-only":
            _remount(self.place, _MS_RDONLY)
        elif fault.kind == "clock set back":
            _set_the_clock_back()
        elif fault.kind == "gone":
            shutil.move(self.within, f"{self.within}-moved")
        elif self.limited:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (PAGE if fault.kind == "page" else 0, hard))
        else:
            _fill(self.place / "filler", PAGE if fault.kind == "page" else 0)


def _fill(filler: Path, leave: int) -> None:
    """Take all the room of a disk but for `leave` bytes."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with filler.open("ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(PAGE))
        file.truncate(file.tell() - leave)


def _forbid(folder: Path) -> None:
    """Let this process write nothing more in a folder, not even as root."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    if os.geteuid() == 0:  # capset(2), version 3: no capability that passes over permissions
        ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())


def _remount(place: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"disk", os.fsencode(place), b"tmpfs", _MS_REMOUNT | flags, None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(place))


def _set_the_clock_back() -> None:
    import datetime as module

    true = time.time
    time.time = lambda: true() - 86_400

    class Earlier(module.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return super().now(tz) - module.timedelta(days=1)

    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__name__", "").startswith("nnexp") and getattr(loaded, "datetime", None) is module.datetime:
            loaded.datetime = Earlier


def _be(ways: Ways, faults: _Faults) -> None:
    """Make this process one that goes these ways."""
    sync = os.fsync

    def slow(handle: int) -> None:
        time.sleep(ways.fsync_seconds)
        faults.note("!fsync")
        sync(handle)

    os.fsync = slow
    sys.addaudithook(faults.audit)
    if ways.memory:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * PAGE + ways.memory,) * 2)


def _import_all() -> None:
    """What nnexp.sweeps.preload imports, without its signals."""
    import nnexp.cli
    import nnexp.resume
    import nnexp.training.session  # noqa: F401
    from nnexp import plots
    from nnexp.training import backend

    backend.load()
    plots.warm_up()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    place, limited = Path(sys.argv[1]), sys.argv[2] == "1"
    server = _Server(place, limited=limited)
    _import_all()
    if (todo := server.serve()) is not None:  # a forked process
        from nnexp.cli import main

        arguments, ways, noting = todo
        _be(ways, _Faults(ways, place, noting, limited=limited))
        sys.argv = ["nnexp", *arguments]
        main()
