"""From a dataset's origin to its verified arrays: out of the cache, or fetched into it, once, under a lock."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nnexp.data import cache
from nnexp.data.chain import fetch
from nnexp.data.content import Arrays, Part
from nnexp.data.progress import FetchProgress, Silent
from nnexp.data.sources import Files
from nnexp.errors import DataUnavailable

_PATIENCE = 7200.0  # seconds to wait for a process that is fetching; a crashed one holds no lock


def is_cached(name: str, origin: Files) -> bool:
    """Whether the cache has it, at a glance: without reading the arrays."""
    return cache.describes(cache.root() / name, origin.parts)


def cached_source(name: str) -> str:
    """The title of the source that filled the cache, for people to read; "memory only" where nothing is cached."""
    return cache.source(cache.root() / name) or "memory only"


def obtain(name: str, origin: Files, *, offline: bool, progress: FetchProgress) -> Arrays:
    """The dataset's arrays: from the cache where it has them whole, else from the first source that has them."""
    folder = cache.root() / name
    try:
        cached = cache.read(folder, origin.parts)
    except (cache.Damaged, OSError):
        cached = None  # looked at again under the lock: another process may be replacing it just now
    if cached is not None:
        return cached
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, progress):
            return _refill(folder, origin, offline=offline, progress=progress)
    except OSError as error:
        progress.say(f"The cache {folder.parent} cannot be used ({error}); {name} is kept in memory only.")
        with tempfile.TemporaryDirectory(prefix="nnexp-", ignore_cleanup_errors=True) as workspace:
            return _fetch(name, origin, Path(workspace), offline=offline, progress=progress)[0]


def kept(name: str, parts: Sequence[Part], make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` gives, from the cache where it has them whole; one that cannot be used is done without."""
    folder = cache.root() / name
    with contextlib.suppress(cache.Damaged, OSError):
        if cached := cache.read(folder, parts):
            return cached
    arrays = make()
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, Silent()):
            cache.store(folder, parts, arrays, "scikit-learn")
    return arrays


def _refill(folder: Path, origin: Files, *, offline: bool, progress: FetchProgress) -> Arrays:
    """Fill the cache unless another process has just done so; the lock is held."""
    try:
        cached = cache.read(folder, origin.parts)
        if cached is not None:
            return cached
    except cache.Damaged as error:
        progress.say(f"The cached copy of {folder.name} is damaged ({error}): it is made again.")
    cache.clean(folder)
    with tempfile.TemporaryDirectory(
        prefix=cache.temporary_prefix(folder), dir=folder.parent, ignore_cleanup_errors=True
    ) as workspace:
        arrays, source = _fetch(folder.name, origin, Path(workspace), offline=offline, progress=progress)
    try:
        cache.store(folder, origin.parts, arrays, source)
        return cache.read(folder, origin.parts) or arrays
    except (cache.Damaged, OSError) as error:
        progress.say(f"The cache {folder.parent} cannot be used ({error}); {folder.name} is kept in memory only.")
        return arrays


def _fetch(name: str, origin: Files, workspace: Path, *, offline: bool, progress: FetchProgress) -> tuple[Arrays, str]:
    content, source = fetch(name, origin.parts, origin.sources, offline=offline, workspace=workspace, progress=progress)
    return origin.decode(content), source


@contextmanager
def _locked(folder: Path, progress: FetchProgress) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"Another process is fetching {folder.name}: waiting for it.")
        try:
            lock.acquire(timeout=_PATIENCE, poll_interval=0.2)
        except Timeout as error:
            message = f"another process holds {lock.lock_file} and does not finish fetching {folder.name}"
            raise DataUnavailable(f"{message}; end it, and try again") from error
    try:
        yield
    finally:
        lock.release()
