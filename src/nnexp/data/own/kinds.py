"""The kinds of own data that a config may name, and the parameters of each.

This module is light: config validation imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from nnexp.errors import InputError
from nnexp.tasks import HEADLINES

Type = Literal["path", "text", "names", "character", "texts", "task", "fraction", "whole", "size", "colour", "stream"]

FORMS: Mapping[Type, str] = {
    "path": "a path, relative to the config's folder",
    "text": "a name",
    "names": "a name, or a list of names",
    "character": "one character, such as ';' or a tab",
    "texts": "a list of names",
    "task": ", ".join(HEADLINES),
    "fraction": "a number between 0 and 1",
    "whole": "a whole number from 0",
    "size": "[height, width] in pixels",
    "colour": "grey or rgb",
    "stream": "auto, always or never",
}


class BadData(InputError):
    """Own data that cannot be used; `parameter` is the one of the config that it is about."""

    def __init__(self, message: str, hint: str = "", parameter: str = "path") -> None:
        self.message, self.hint, self.parameter = message, hint, parameter
        super().__init__(f"{message}\n{hint}".strip())


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be written, what it means, and what holds where it is not written (None: nothing)."""

    type: Type
    summary: str
    default: Any = None
    required: bool = False


_PATH = {"path": Parameter("path", "The file.", required=True)}
_TEST = {
    "test": Parameter("fraction", "The share of the examples held out as the test part (0.2 by default)."),
    "test_path": Parameter("path", "A file of its own for the test part, instead of a share."),
    "split_seed": Parameter("whole", "Draws the test part; the same for all seeds of a sweep.", default=0),
}
_TASK = {"task": Parameter("task", "What is learnt of an example; told from the data by default.")}
_SHA256 = {"sha256": Parameter("text", "What the data must be; a run writes it, so that its config repeats it.")}
_TABLE = {
    "target": Parameter("names", "The column that is to be learnt; a list where there are several.", required=True),
    **_TASK,
    "columns": Parameter("texts", "The columns to learn from; all others but the target by default."),
    "categories": Parameter("texts", "Columns of numbers that are names all the same, such as a postcode."),
    "drop": Parameter("texts", "Columns to leave out, such as an id."),
    "classes": Parameter("texts", "The classes in the order of their labels; or names for several targets."),
    "split_column": Parameter("text", "A column that says train or test of each row, instead of a share."),
    "group_column": Parameter("text", "Rows with the same value here are never parted between train and test."),
    "weight_column": Parameter("text", "A column that says how much each row counts in training."),
}

_STREAM = {
    "stream": Parameter("stream", "Read examples from disk as they are needed; auto: if memory is short.", "auto"),
}
_STORED = {
    "path": Parameter("path", "The file of examples [n, ...].", required=True),
    "y": Parameter("path", "The file of labels [n] or targets [n, k].", required=True),
    **_TASK,
    "classes": Parameter("texts", "The names of the classes in the order of their labels, or of the targets."),
    **_TEST,
    "test_y": Parameter("path", "The file of the labels of test_path."),
    **_STREAM,
    **_SHA256,
}

# Each says what the test part is; of these one is given, or none. Groups may have a share.
SPLITS = ("test", "test_path", "split_column", "group_column")

KINDS: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {
        "csv": {
            **_PATH,
            "separator": Parameter("character", "What stands between two cells.", default=","),
            **_TABLE,
            **_TEST,
            **_STREAM,
            **_SHA256,
        },
        "parquet": {**_PATH, **_TABLE, **_TEST, **_STREAM, **_SHA256},
        "npz": {
            **_PATH,
            "x": Parameter("text", "The array of examples [n, ...]; found by usual names by default."),
            "y": Parameter("text", "The array of labels [n] or targets [n, k]; found by usual names by default."),
            **_TASK,
            "classes": Parameter("texts", "The names of the classes in the order of their labels, or of the targets."),
            "weights": Parameter("text", "The array that says how much each training example counts [n]."),
            **_TEST,
            **_STREAM,
            **_SHA256,
        },
        "npy": _STORED,
        "idx": _STORED,
        "images": {
            "path": Parameter("path", "A folder with a folder of pictures for each class.", required=True),
            "labels": Parameter("path", "A CSV file with columns `file` and `label`, where folders say no class."),
            **_TASK,
            "classes": Parameter("texts", "The classes in the order of their labels; by their names by default."),
            "size": Parameter("size", "All pictures are made this size; needed where theirs differ."),
            "colour": Parameter("colour", "As what they are read; as the first picture is by default."),
            **_TEST,
            **_STREAM,
            **_SHA256,
        },
    }
)
"""Every kind by the name that stands in a config."""
