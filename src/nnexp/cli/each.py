"""Commands that train, given several runs: each in a process of its own.

TensorFlow takes its number of threads once in a process, and one that dies harms no other.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nnexp.cli.signals import Terminated


def in_a_process(command: str, run: Path, flags: Sequence[str]) -> tuple[int, str]:
    """The exit code of `nnexp COMMAND RUN`, and what it wrote on stdout; what it says on stderr is seen as it comes.

    Raises:
        KeyboardInterrupt: as it came, after that process has ended too.
    """
    arguments = [sys.executable, "-m", "nnexp", command, *flags, "--", str(run)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        try:
            out, _ = child.communicate()
        except KeyboardInterrupt as error:
            if isinstance(error, Terminated):  # a terminal's Ctrl-C reaches the child by itself
                child.terminate()
            child.wait()
            raise
    return child.returncode, out
