"""The files of a run folder as one may read them from a stranger: plain, of a bounded size, with text to be shown."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import orjson

# No link is followed (it may lead out of the folder), and no pipe is waited for.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
ANEW = "copy the run folder again, or train anew"  # what to do where one of its files is not what it should be
_MEGABYTE = 1_000_000
_KINDS = {stat.S_IFLNK: "a link, and links inside run folders are not followed", stat.S_IFDIR: "a directory, no file"}
_UNUSUAL = re.compile(r"[^ -~\n\t]")
# NaN and the infinities are no JSON; a run writes null.
_JSON = json.JSONDecoder(parse_constant=lambda _: None)


class Refused(ValueError):
    """A file that is there, but is not read, or is not what it should be; the message says why."""


def content_of(path: Path, megabytes: int, *, own: bool = False) -> bytes:
    """The bytes of a file of a run folder, of at most so many megabytes; with `own` only of one that is this user's.

    Raises:
        Refused: it is a link, a directory, a pipe or a device, or larger; or others own it, or may write to it.
        OSError: it is missing, or cannot be read.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO) and (kind := _kind(os.lstat(path))):
            raise Refused(kind) from None
        raise
    try:
        found = os.fstat(handle)
        if kind := _kind(found):
            raise Refused(kind)
        if own and (found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise Refused("another user's, or one that others may write to")
        if found.st_size > megabytes * _MEGABYTE:
            raise Refused(f"larger than {megabytes} MB, which no run makes it")
        return _read(handle, found.st_size)  # by number: what was looked at is what is read
    finally:
        os.close(handle)


def _read(handle: int, size: int) -> bytes:
    """At most so many bytes; Python's file objects take three times as long to make."""
    parts = []
    while size > 0 and (part := os.read(handle, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def json_of(path: Path, megabytes: int) -> Any:
    """The JSON of a file of a run folder, as `parsed` has it.

    Raises:
        Refused: it is no JSON, or as `content_of` says.
        OSError: as `content_of` says.
    """
    return parsed(content_of(path, megabytes))


def parsed(raw: bytes) -> Any:
    """JSON with only such text as can be shown, keys on one line: those of a config and of metrics become headings.

    Raises:
        Refused: it is no JSON.
    """
    data = _loaded(raw)
    # JSON has controls only as escapes, but for DEL, so that most files need no second look.
    if raw.isascii() and b"\\" not in raw and b"\x7f" not in raw:
        return data
    whole = {"": data}
    inside: list[Any] = [whole]
    while inside:  # no recursion: a forged file may go on
        found = inside.pop()
        if isinstance(found, dict):
            entries = list(found.items())
            found.clear()
            for key, value in entries:
                found[printable(key)] = text_of(value) if isinstance(value, str) else value
            inside += (value for value in found.values() if isinstance(value, (dict, list)))
        else:
            found[:] = [text_of(value) if isinstance(value, str) else value for value in found]
            inside += (value for value in found if isinstance(value, (dict, list)))
    return whole[""]


def json_to_the_letter(path: Path, megabytes: int) -> Any:
    """The same with all signs as they are: for names that are looked for in data or on the disk, before any is shown.

    Raises:
        Refused, OSError: as `json_of` says.
    """
    return _loaded(content_of(path, megabytes))


def _loaded(raw: bytes) -> Any:
    """By orjson, five times as fast; what it refuses, the standard library reads, or says what is wrong with it."""
    try:
        try:
            return orjson.loads(raw)
        except ValueError:
            return _JSON.decode(raw.decode("utf-8-sig"))
    except RecursionError:  # whose words depend on who asks
        raise Refused("not JSON: lists or objects too deep in each other") from None
    except ValueError as error:
        raise Refused(f"not JSON: {error}") from None


def text_of(value: Any) -> str:
    """Text without what would command a terminal, and "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return value if value.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else " " for c in value)


def printable(text: object) -> str:
    """The same on one line, of a path too: any name may hold any character."""
    line = str(text)
    return line if line.isprintable() else "".join(c if c.isprintable() else " " for c in line)


def escaped(text: str) -> str:
    """JSON text with escapes in place of all that would command a terminal, or that UTF-8 lacks: the same JSON."""
    text = text.replace("\r", " ")
    return _UNUSUAL.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)


def _kind(found: os.stat_result) -> str:
    """What is there instead of a plain file; "" for one."""
    kind = stat.S_IFMT(found.st_mode)
    return "" if kind == stat.S_IFREG else _KINDS.get(kind, "a pipe or a device, no file")
