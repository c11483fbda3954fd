"""The memory that there is, and the memory that this process has used."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2)


def memory() -> int:
    """Bytes of memory that this machine, or the container, has in all."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # not Linux, or "max": no limit
        return machine


def peak() -> int:
    """The most bytes of memory that this process has held at one time, pages of files that it looked at among them."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT


def written(size: int) -> str:
    """A size for people: 64 MB, 12 GB, 3,200 GB."""
    if size < 1e9:
        return f"{size / 1e6:.3g} MB"
    return f"{size / 1e9:.3g} GB" if size < 1e12 else f"{size // 10**9:,} GB"
