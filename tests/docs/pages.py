"""A page of the documents as a session: what a reader would save and type, in order, and a place where it is done.

What a page has a reader do stands in it in one of these shapes; everything else is there to be looked at:

- an indented block, or a fence of ```sh: a command a line;
- a fence of ```text in which lines begin with `$ `: commands, each with what it prints below it;
- a fence of ```python: a piece of one program, which goes on from fence to fence; in ```text the same with `>>> `;
- a fence with `title="name"`: a file of that name.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STAMPED = re.compile(r"\b\d{8}-\d{6}_([\w.=-]+)")
FENCE = re.compile(r"^```(\S*)(?: title=\"([^\"]+)\")?$")
NOT_READ = {"", "bash", "shell", "console"}  # fences of these would hold commands that nobody runs
END = "that was all of it"
PYTHON = f"""
import contextlib, json, sys, traceback
names = {{"__name__": "__main__"}}
for line in sys.stdin:
    piece, code = json.loads(line), 0
    with open(piece["printed"], "w") as file, contextlib.redirect_stdout(file):
        try:
            exec(compile(piece["text"], piece["place"], piece["mode"]), names)
        except Exception as error:
            code = 1
            if piece["mode"] == "single":
                print(type(error).__name__ + ": " + str(error))
            else:
                traceback.print_exc(file=file)
    print(json.dumps("{END}"), code, flush=True)
"""


@dataclass(frozen=True)
class Step:
    """One thing that a page has a reader do: `kind` is sh, python, prompt (`>>> `) or file; `shown`: what it prints."""

    kind: str
    text: str
    line: int
    shown: str = ""
    name: str = ""


def joined(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """Commands and the lines where they begin: one that ends in a backslash goes on in the next line."""
    begun, command = first, ""
    for number, line in enumerate(lines, first):
        begun = begun if command else number
        command += line.strip()
        if command.endswith("\\"):
            command = command[:-1]
        elif command:
            if command := re.sub(r"(^|\s+)#.*", "", command):
                yield begun, command
            command = ""


def prompted(lines: list[str], first: int, prompt: str) -> Iterator[tuple[int, str, str]]:
    """Commands behind a prompt, the lines where they begin, and what is shown below each."""
    starts = [place for place, line in enumerate(lines) if line.startswith(prompt)]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        yield first + start, lines[start].removeprefix(prompt), "\n".join(lines[start + 1 : end]).strip("\n")


def steps(text: str) -> Iterator[Step]:
    """What a page has a reader do, in order. AssertionError: a block that may hold commands and would not be read."""
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        start, fence = place, FENCE.match(lines[place])
        if fence or (lines[place].startswith("    ") and (place == 0 or not lines[place - 1].strip())):
            place += 1
            while place < len(lines) and (
                lines[place] != "```" if fence else lines[place].startswith("    ") or not lines[place].strip()
            ):
                place += 1
            block = lines[start + 1 : place] if fence else lines[start:place]
            first = start + (2 if fence else 1)
            yield from steps_of(block, first, *(fence.groups() if fence else ("sh", None)))
            place += bool(fence)
        else:
            assert not lines[place].lstrip().startswith("```"), f"line {place + 1}: such a fence is not read"
            place += 1


def steps_of(block: list[str], first: int, language: str, title: str | None) -> Iterator[Step]:
    """What one block has a reader do."""
    assert language not in NOT_READ, f"line {first - 1}: ```sh for commands, ```text for what is to be looked at"
    if title:
        yield Step("file", "\n".join(block) + "\n", first, name=title)
    elif language == "sh":
        yield from (Step("sh", command, line) for line, command in joined(block, first))
    elif language == "python":
        yield Step("python", "\n".join(block), first)
    elif language == "text":
        for kind, prompt in (("sh", "$ "), ("prompt", ">>> ")):
            for line, command, shown in prompted(block, first, prompt):
                yield Step(kind, command, line, shown)


def is_shown(shown: str, printed: str) -> bool:
    """Whether that was printed, but for spaces at the ends of lines; `…` stands for anything."""
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, "\n".join(lines), re.DOTALL) is not None


class Session:
    """A shell and a Python in a folder, each for all steps of one page; whatever they began ends with them."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.names: dict[str, str] = {}
        here = str(Path(sys.executable).parent)  # the nnexp that is tested
        self.environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
        self.started: dict[str, subprocess.Popen[str]] = {}
        self.clock = threading.Timer(seconds, self.end)

    def __enter__(self) -> Self:
        self.clock.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clock.cancel()
        self.end()
        for process in self.started.values():
            process.communicate()

    def end(self) -> None:
        for process in self.started.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def ask(self, program: tuple[str, ...], line: str) -> int:
        """Have a shell or a Python do a line; the exit code."""
        if program[0] not in self.started:
            self.started[program[0]] = subprocess.Popen(
                program,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        process = self.started[program[0]]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        for said in process.stdout:
            if said.startswith(f'"{END}"'):
                return int(said.split()[-1])
        raise AssertionError(f"it ended, or took too long: {line}")

    def do(self, step: Step) -> tuple[int, str]:
        """Do a step; exit code, and all that was printed."""
        text = STAMPED.sub(self.stand_in, step.text)
        printed = self.folder / ".printed"
        printed.unlink(missing_ok=True)
        code = 0
        if step.kind == "file":
            (self.folder / step.name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / step.name).write_text(text, encoding="utf-8")
        elif step.kind == "sh":
            line = f"{{ {text}\n}} < /dev/null > {printed} 2>&1; echo '\"{END}\"' $?"
            code = self.ask(("bash",), line)
        else:
            mode = "single" if step.kind == "prompt" else "exec"
            piece: dict[str, Any] = {"text": text, "mode": mode, "printed": str(printed), "place": f"line {step.line}"}
            code = self.ask((sys.executable, "-c", PYTHON), json.dumps(piece))
        for name in STAMPED.finditer(step.shown):
            self.stand_in(name)  # the run that the page shows here is the one that was made here
        return code, printed.read_text(encoding="utf-8") if printed.exists() else ""

    def newest(self, label: str) -> str | None:
        """The newest run or sweep folder of that name."""
        made = [path.name for path in (self.folder / "runs").glob("*") if STAMPED.fullmatch(path.name)]
        return max((name for name in made if re.fullmatch(rf"[\d-]+_{re.escape(label)}(-\d+)?", name)), default=None)

    def stand_in(self, shown: re.Match[str]) -> str:
        """A folder of the day when the page was written stands for the newest of that name, once and for all."""
        found = self.newest(shown[1])
        if shown[0] not in self.names and found:
            self.names[shown[0]] = found
        return self.names.get(shown[0], shown[0])
