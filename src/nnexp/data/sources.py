"""What a source of a dataset is, and what a dataset made of files is made of. Light: config validation imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nnexp.data.content import Content, Decode, Part
from nnexp.data.progress import FetchProgress


class SourceFailed(Exception):
    """A source cannot give the dataset; the message says why, in a few words."""


class Source(Protocol):
    """One place that may hold a dataset. It is only read: what is found there is never changed or deleted."""

    @property
    def title(self) -> str:
        """Its name in messages."""

    @property
    def network(self) -> bool:
        """Whether asking it leaves this machine."""

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        """The decoded content of the parts; `workspace` is an empty folder for what must be downloaded.

        Raises SourceFailed, or what reading a damaged or unreachable file raises. What it gives is not yet verified.
        """


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a network source may take, in seconds: in all, and without a sign of life."""

    total: float = 900.0
    silence: float = 15.0


@dataclass(frozen=True, slots=True)
class Files:
    """A dataset made of pinned files: what they hold, how to read them, and who may have them, in order."""

    parts: tuple[Part, ...]
    decode: Decode
    sources: tuple[Source, ...]
