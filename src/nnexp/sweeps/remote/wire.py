"""What goes between the driver and a worker elsewhere, as JSON: tasks there, and what is told of them back.

JSON, and never objects: the two ends may be of other versions until they have compared them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnexp import events
from nnexp.findings import Finding
from nnexp.sweeps.child import Ask, Ending, Free, Message, Task

_TOLD: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (events.Stage, events.Note, events.Noticed, events.Progress, events.EpochEnded, Ending, Free, Ask)
}


def task_to_json(task: Task) -> str:
    """A task as text; its paths are absolute, since the other end works in another directory."""
    paths = {"folder": str(task.folder.absolute()), "scratch": str(task.scratch.absolute())}
    return json.dumps({**asdict(task), **paths})


def task_of_json(text: str) -> Task:
    """The task that `task_to_json` wrote."""
    plain = json.loads(text)
    return Task(**{**plain, "folder": Path(plain["folder"]), "scratch": Path(plain["scratch"])})


def messages_to_json(messages: Iterable[Message]) -> str:
    """Messages as text, in their order. Paths in them are as they are where they come from."""
    listed = [[message.label, type(message.told).__name__, asdict(message.told)] for message in messages]
    return json.dumps(listed, default=lambda number: number.tolist())  # NumPy's, among figures


def messages_of_json(text: str, there: str, here: str) -> Iterator[Message]:
    """The messages that `messages_to_json` wrote; in their words the path `there` becomes `here`."""
    for label, name, plain in json.loads(text):
        for word in ("text", "message"):
            if word in plain:
                plain[word] = plain[word].replace(there, here)
        if name == "Noticed":
            plain = {"finding": Finding(**plain["finding"])}
        yield Message(label, _TOLD[name](**plain))
