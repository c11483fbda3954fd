"""Every error that nnexp raises on purpose.

    NnexpError                 told in one message, without a traceback
    ├── InputError             exit code 2: what the user gave is wrong; nothing was started
    │   └── ConfigError        all problems of a config at once, each with its place
    └── RunError               exit code 1: the work failed; what was done is kept
        └── DataUnavailable    no source of a dataset answered with the right content

Anything else that escapes is a bug in nnexp: it is told with its traceback in the run's log and exit code 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# The types of texts that tell of trouble and are no errors: docs/errors.md lists all that are given, returned or kept.
Amiss = str  # what is amiss, left out, waited for, or done instead, while the work goes on
Reason = str  # why something is not done or said, or not as it was; it stands within another text

EXIT_CODES: Mapping[int, str] = {
    0: "It is done. A run that diverged is a result too, and is told as one.",
    1: "The work failed, or one of several runs did. What was done is kept, and the message says how to go on.",
    2: "The input is wrong: config, options, files. Nothing was started.",
    129: "The terminal was closed (SIGHUP). What was done is kept.",
    130: "Ctrl-C. What was done is kept; a second one ends it at once.",
    143: "SIGTERM, such as a scheduler sends. What was done is kept.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file with line and column (both from 1), or an option such as `--hidden`."""

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.source, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what would be right."""

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        return text + "".join(f"\n    {line}" for line in self.hint.splitlines())


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once: those of one file together as its lines come, the files as they were first named."""
    found = list(dict.fromkeys(problems))
    order = {source: place for place, source in enumerate(dict.fromkeys(problem.place.source for problem in found))}

    def where(problem: Problem) -> tuple[int, int, int]:
        return order[problem.place.source], problem.place.line or 0, problem.place.column or 0

    return sorted(found, key=where)


class NnexpError(Exception):
    """The root: `str(error)` is the whole message for the user."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show in place of a traceback, which would lead through nnexp's inside."""
        return [f"{type(self).__name__}: {self}"]


class InputError(NnexpError):
    """What the user gave cannot be used. Nothing was started and nothing was written."""

    exit_code = 2


class ConfigError(InputError):
    """A config that cannot be used: every problem found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RunError(NnexpError):
    """The work could not be finished. What was done so far is kept, and the message says where."""


class DataUnavailable(RunError):
    """No source gave the dataset with the right content; the message lists each source and why it failed."""
