"""Writes docs/errors.md: every message by which nnexp refuses or warns, and what to do. `make errors` runs it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from error_fields import in_words
from error_sites import Kind, Message, Source

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
# The modules of each theme, in the order of the page; a module is of the theme that names most of it.
_THEMES = {
    "Configs": ("config",),
    "Changes by options": ("config/overrides",),
    "Datasets and own data": ("data", "config/dataset", "config/weights", "cli/data", "starter", "cli/init"),
    "Models, before training": ("preflight", "config/shapes", "training"),
    "Runs": ("",),
    "Sweeps and searches": ("config/sweep", "sweeps", "cli/sweep"),
    "Clusters and several hosts": (
        *("sweeps/remote", "sweeps/executors", "sweeps/serial"),
        *("training/hosts", "training/link", "training/meeting", "cli/join"),
    ),
    "Comparisons and reports": ("comparison", "report", "cli/compare", "cli/report"),
    "Predictions, evaluations, mistakes": ("inference", "examples", "cli/predict", "cli/evaluate", "cli/mista"),
    "Exported models": ("export",),
    "Trackers": ("config/tracking", "tracking", "cli/track"),
    "In Python": ("api",),
}
# What is not refused has a section of its own, with what it is.
_SECTIONS: dict[Kind, tuple[str, str]] = {
    "finding": (
        "Findings",
        "Told of a config before training, and of a run after it; they stop nothing. [Findings](findings.md) has more.",
    ),
    "note": (
        "Notes",
        "What is amiss, left out, undecided or waited for on the way; most say what comes of it, or what to do.",
    ),
    "check": ("What nnexp doctor finds", "Problems and warnings of `nnexp doctor`, each with its fix."),
    "reason": ("Reasons within other messages", "They stand within messages that say what to do, and within notes."),
}
_WHOLE: tuple[Kind, ...] = ("note", "reason")  # are listed without what to do beside them
AS_IT_SAYS = "as it says"
NOTHING = "nothing to do"
_SAYS_IT = re.compile(r"^give |\b(?:must|can only|is|are|holds|has the shape) .+, not |: \{what\}$")
_INTRODUCTION = """\
# Errors, and what to do

Every message by which nnexp refuses something, warns or finds fault, with the part of it that says what to do. `{…}`
stands for a name, a number or a text of yours. The page is made from the source by `make errors`, and a test compares
the two: a message without a remedy does not pass.

How errors are told:

- What is wrong with a config or a sweep file is told all at once, each with file, line and column, before anything is
  trained: `wrong.yaml:3:5: unknown layer 'flaten'`, and below it what to do. All else begins with `error:`.
- A name that nothing has comes with the nearest that there is: `did you mean 'flatten'?`.
- The exit code is 2 where what was given cannot be used (nothing was started), 1 where the work failed (what was done
  is kept, and the message says how to go on), 130 after Ctrl-C.
- Commands and options that there are not are told by the command line itself: `No such command 'rum'. Did you mean
  'run'?`. The command with `--help` says what there is.
- A traceback is a fault of nnexp. Please report it with what `nnexp doctor` prints; of a run it is in the `log.txt` of
  its folder.

What will likely go wrong, but is no error, is told as a warning: [findings](#findings), [notes](#notes).
"""


def fix_of(message: Message) -> str:
    """The part of a message that says what to do; "" if none does.

    That is the hint; else what follows a semicolon, or stands in the lines below, or follows `: give …` and the like;
    else the message itself, where it says what is wanted instead of what was given (`must be a whole number, not
    'ten'`), or hands on what `nnexp.failures` says.
    """
    hints = [hint.strip() for hint in message.hints if hint.strip()]
    if hints and len(hints) == len(message.hints):
        return "\nor: ".join(_longest(hints))
    if found := re.search(r"(?:; |\n|: (?=(?:give|write|name|leave|remove) ))(.+)", message.text, re.DOTALL):
        return found[1]
    return AS_IT_SAYS if _SAYS_IT.search(message.text) else ""


def page(messages: Iterable[Message]) -> str:
    """The text of docs/errors.md."""
    told: dict[str, list[Message]] = {}  # by theme, or by kind where that has a section of its own
    for message in messages:
        told.setdefault(message.kind if message.kind in _SECTIONS else _theme(message.module), []).append(message)
    parts = [_INTRODUCTION, *(f"## {theme}\n\n{_table(told[theme])}" for theme in _THEMES)]
    for kind, (title, about) in _SECTIONS.items():
        content = _lists(told[kind]) if kind in _WHOLE else _table(told[kind])
        parts.append(f"## {title}\n\n{textwrap.fill(about, 120)}\n\n{content}")
    return "\n".join(parts)


def _table(messages: Iterable[Message]) -> str:
    """A row for each message: what it says, and what to do; nothing for one that only says what to do."""
    rows: dict[str, list[str]] = {}
    for message in messages:
        fix = fix_of(message)
        if cause := in_words(message.text.removesuffix(fix).rstrip(":; \n"), message.module):
            rows.setdefault(cause, []).append(in_words(fix, message.module) or NOTHING)
    lines = [f"| {_code(cause)} | {_cell(rows[cause])} |\n" for cause in sorted(rows)]
    return "| message | what to do |\n|---|---|\n" + "".join(lines)


def _lists(messages: Iterable[Message]) -> str:
    """The messages as they are, theme by theme."""
    lists: dict[str, set[str]] = {theme: set() for theme in _THEMES}
    for message in messages:
        lists[_theme(message.module)].add(in_words(message.text.strip(), message.module))
    listed = {theme: "".join(f"- {_code(text)}\n" for text in sorted(texts)) for theme, texts in lists.items() if texts}
    return "\n".join(f"{theme}:\n\n{lines}" for theme, lines in listed.items())


def _theme(module: str) -> str:
    fitting = [(len(place), theme) for theme, places in _THEMES.items() for place in places if module.startswith(place)]
    return max(fitting)[1]


def _longest(fixes: Iterable[str]) -> list[str]:
    """Without those that stand within another, as `allowed: …` does in `did you mean …? allowed: …`."""
    once = list(dict.fromkeys(fixes))
    return [fix for fix in once if not any(fix != other and fix in other for other in once)]


def _cell(fixes: Iterable[str]) -> str:
    return "<br>".join(fix if fix in (AS_IT_SAYS, NOTHING) else _code(fix) for fix in _longest(fixes))


def _code(text: str) -> str:
    """A text as code in a cell of a table, line by line."""
    lines = [re.sub(r"\s+", " ", line).strip().replace("|", "\\|") for line in text.split("\n")]
    return "<br>".join(f"`` {line} ``" if "`" in line else f"`{line}`" for line in lines if line)


if __name__ == "__main__":
    PAGE.write_text(page(Source().messages), encoding="utf-8")
