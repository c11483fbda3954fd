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
    "Clusters": ("sweeps/remote", "sweeps/executors", "sweeps/serial"),
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
        "What is amiss, left out or waited for while the work goes on. Each says what comes of it, or what to do.",
    ),
    "check": ("What nnexp doctor finds", "Problems and warnings of `nnexp doctor`, each with its fix."),
    "reason": ("Reasons within other messages", "They stand in messages that say what to do."),
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
    abouts = dict.fromkeys(_THEMES, "") | dict(_SECTIONS.values())
    rows: dict[str, dict[str, list[str]]] = {theme: {} for theme in abouts}
    for message in messages:
        theme = _SECTIONS[message.kind][0] if message.kind in _SECTIONS else _theme(message.module)
        fix = "" if message.kind in _WHOLE else fix_of(message)
        cause = in_words(message.text.removesuffix(fix).rstrip(":; \n"), message.module)
        rows[theme].setdefault(cause, []).append(in_words(fix, message.module) or NOTHING)
    parts = [_INTRODUCTION]
    for theme, told in rows.items():
        if theme in [_SECTIONS[kind][0] for kind in _WHOLE]:
            table = "".join(f"- {_code(cause)}\n" for cause in sorted(told))
        else:
            lines = [f"| {_code(cause)} | {_cell(told[cause])} |\n" for cause in sorted(told)]
            table = "| message | what to do |\n|---|---|\n" + "".join(lines)
        about = abouts[theme] and f"{textwrap.fill(' '.join(abouts[theme].split()), 120)}\n\n"
        parts.append(f"## {theme}\n\n{about}{table}")
    return "\n".join(parts)


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
