"""What XLA compiled, kept on disk for later runs: TensorFlow's persistent cache, made safe to keep.

TensorFlow finds a program by the fingerprint of what was to be compiled, but believes the file: a damaged one fails the
run, and one for another processor may crash it. So it never sees our store. Each process gets a directory of its own
with links to the programs whose digest is right, made by this user on such a machine by such a TensorFlow.
Decision 9 in docs/decisions tells more.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from nnexp.data.cache import home
from nnexp.files import write_bytes

# 0 turns it off.
SWITCH = "NNEXP_XLA_CACHE"
_FLAG = "--tf_xla_persistent_cache_directory="
_CPU_ALONE = "--tf_xla_persistent_cache_device_types=CPU"  # compiling for a GPU measures it anew
# They change what is compiled.
_VARIABLES = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS")
# A program takes about 0.3 MB; all of them are read and hashed at each start.
_MOST_BYTES = 32 * 2**20
_OLDEST_SECONDS = 30 * 24 * 3600.0
_LEFT_BEHIND_SECONDS = 24 * 3600.0  # by a process that was killed
_OWN = "in-use-"
# Ours is TensorFlow's name of a program with the SHA-256 of its content before it.
_PROGRAM = re.compile(r"[0-9a-f]{64}-\w+\.pb")


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs that this process may use, and the store that they came from."""

    store: Path
    own: Path

    def keep(self) -> None:
        """Put what was compiled since into the store; one that cannot be written to is left as it is."""
        with contextlib.suppress(OSError):
            known = {_plain(path) for path in _stored(self.store)}
            for path in self.own.glob("*.pb"):
                if path.name not in known:
                    content = path.read_bytes()
                    write_bytes(self.store / f"{hashlib.sha256(content).hexdigest()}-{path.name}", content)
            _drop_old(self.store)


_borrowed: list[Path] = []  # directories of this process


def give_back() -> None:
    """Remove this process's own directory: for one that ends without the interpreter's last duties."""
    while _borrowed:
        shutil.rmtree(_borrowed.pop(), ignore_errors=True)


@functools.cache
def borrow(threads: int) -> Programs | None:
    """Let TensorFlow, before its first operation, use what was compiled before for so many threads.

    None where that is turned off, or told otherwise by TF_XLA_FLAGS; where the store is not this user's alone, for code
    is loaded from it; where its path has blanks, at which TensorFlow splits flags; or where nothing is known of the
    processor.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    machine = _machine(threads)
    if os.environ.get(SWITCH) == "0" or _FLAG in flags or machine is None:
        return None
    try:
        store = _private(home() / "xla") / machine
        if len(str(store.absolute()).split()) > 1:
            return None
        store.mkdir(exist_ok=True)
        _drop_old(store)
        own = Path(tempfile.mkdtemp(prefix=_OWN, dir=store.absolute()))
        _borrowed.append(own)
        atexit.register(give_back)
        for path in _stored(store):
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                if path.name.startswith(hashlib.sha256(path.read_bytes()).hexdigest()):
                    (own / _plain(path)).hardlink_to(path)
                else:
                    path.unlink()
    except OSError:
        return None
    os.environ["TF_XLA_FLAGS"] = f"{flags} {_FLAG}{own} {_CPU_ALONE}".strip()
    return Programs(store, own)


def _machine(threads: int) -> str | None:
    """A name for all that a program depends on beside what it was compiled from; None where that is not known."""
    import tensorflow as tf

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    about = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU p"))}
    if not about:
        return None
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    told = json.dumps([platform.machine(), sorted(about), tf.version.GIT_VERSION, threads, variables])
    return f"tensorflow-{tf.__version__}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _private(path: Path) -> Path:
    """The directory at `path`, made if need be; an OSError if it is open to anyone but this user."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise PermissionError(f"{path} is open to others")
    return path


def _stored(store: Path) -> list[Path]:
    """The programs in the store, oldest first; where two have TensorFlow's same name, the newer."""
    found = []
    for path in store.iterdir():
        if _PROGRAM.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                found.append((path.lstat().st_mtime, path))
    return list({_plain(path): path for _, path in sorted(found)}.values())


def _plain(path: Path) -> str:
    """TensorFlow's name of a program."""
    return path.name.partition("-")[2]


def _drop_old(store: Path) -> None:
    """Keep the store small: what is old goes, here and in those of other versions, and what was left behind."""
    now = time.time()
    for path in store.parent.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            age = now - path.lstat().st_mtime
            if path.name.startswith(_OWN) and age > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix == ".pb" and age > _OLDEST_SECONDS:
                path.unlink()
    room = _MOST_BYTES
    for path in reversed(_stored(store)):
        with contextlib.suppress(FileNotFoundError):
            room -= path.stat().st_size
            if room < 0:
                path.unlink()
