"""What a run folder, or a sweep folder, keeps of its trackers: the id that each has it under, and what was told."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nnexp.files import write_json
from nnexp.runs.reading import Refused, json_of

FILE = "tracking.json"
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """An id, and the ending that was told whole; empty where there is none."""

    id: str = ""
    told: str = ""


def kept(folder: Path, tracker: str) -> Kept:
    """What the folder keeps of a tracker; the file may be a stranger's."""
    said = _all(folder).get(tracker)
    found = said.get("id") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(found, str) or not _ID.fullmatch(found):
        return Kept()
    return Kept(found, str(said.get("told") or ""))


def keep(folder: Path, tracker: str, what: Kept) -> None:
    """Keep it, beside what is kept of other trackers."""
    write_json(folder / FILE, {**_all(folder), tracker: asdict(what)})


def _all(folder: Path) -> dict[str, Any]:
    try:
        found = json_of(folder / FILE, 1)
    except (OSError, Refused):
        return {}
    return found if isinstance(found, dict) else {}
