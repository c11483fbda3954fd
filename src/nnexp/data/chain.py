"""The fetch chain: sources are asked in order, and the first whose content is what is pinned gives it."""

from __future__ import annotations

import http.client
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from nnexp import machine
from nnexp.data.content import Content, Part, WrongContent, verify
from nnexp.data.progress import FetchProgress
from nnexp.data.sources import Source, SourceFailed
from nnexp.errors import DataUnavailable, Reason

# What reading a damaged or unreachable file may raise; requests' and urllib's errors are OSErrors.
READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    http.client.HTTPException,
    struct.error,  # sizes that no file of the format has
    MemoryError,  # an array that says it is larger than the machine
    RuntimeError,  # an archive with a password, or packed in an unknown way
)


def fetch(
    name: str,
    parts: Sequence[Part],
    sources: Sequence[Source],
    *,
    offline: bool,
    workspace: Path,
    progress: FetchProgress,
) -> tuple[Content, str]:
    """The verified content of a dataset's parts, and the title of the source that gave it.

    Raises DataUnavailable, which names every source and why it failed.
    """
    failures: list[Reason] = []
    for number, source in enumerate(sources):
        if offline and source.network:
            failures.append(f"{source.title}: not asked (offline)")
            continue
        folder = workspace / str(number)
        folder.mkdir()
        try:
            content = source.read(parts, folder, progress)
            verify(parts, content)
        except (SourceFailed, WrongContent, *READ_ERRORS) as error:
            failures.append(f"{source.title}: {_reason(error)}")
        else:
            if source.network:  # a progress bar leaves nothing behind
                size = machine.written(sum(part.size for part in parts))
                progress.say(f"fetched {name}, {size} unpacked, from {source.title}")
            return content, source.title
    raise DataUnavailable(_unavailable(name, parts, failures))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."


def _unavailable(name: str, parts: Sequence[Part], failures: Sequence[Reason]) -> str:
    tried = "\n".join(f"  - {failure}" for failure in failures)
    files = "\n".join(f"  <folder>/{name}/{part.name}" for part in parts)
    return (
        f"the dataset {name} could not be fetched; tried, in this order:\n{tried}\n"
        f"to place it by hand, get these files (each as it is, or as .gz):\n{files}\n"
        f"and set the environment variable NNEXP_DATA_DIR to that <folder>; each is checked by its SHA-256"
    )
