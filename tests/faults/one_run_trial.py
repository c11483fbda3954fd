"""One run on two computers, of which one is cut off: `python one_run_trial.py DIRECTORY`, within namespaces."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from hosts import ENVIRONMENT, HERE, THERE, Host, ip

from nnexp.verification import differences

CONFIG = """
dataset: digits
layers: [flatten, dense: 16, batch_normalization, dropout: 0.1, dense: {units: 10, activation: softmax}]
batch_size: 100
validation: 0.2
epochs: 30
checkpoint: every 1
"""
NNEXP = [sys.executable, "-m", "nnexp"]


def begin(folder: Path, number: int, *words: object) -> tuple[Host, subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """A second computer, a process that helps there, and the first one's."""
    host = Host(number, folder / "runs", 0, 0, folder)
    first, second = f"{HERE.format(host=number)}:28790", f"{THERE.format(host=number)}:28790"
    helper = host.start([*NNEXP, "join", first], folder / f"join{number}.log")
    with (folder / f"run{number}.log").open("wb") as log:
        command = [*NNEXP, *map(str, words), "--hosts", f"{first},{second}"]
        return host, helper, subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)


def said(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text()


def main(folder: Path) -> None:
    """Raises what does not hold."""
    ip("link", "set", "lo", "up")
    (folder / "it.yaml").write_text(CONFIG)
    runs = folder / "runs"
    runs.mkdir()

    _, helper, run = begin(folder, 1, "run", folder / "it.yaml", "--runs-dir", runs / "whole")
    assert [run.wait(300), helper.wait(60)] == [0, 0], said(folder, "run1")
    host, helper, run = begin(folder, 2, "run", folder / "it.yaml", "--runs-dir", runs / "cut")
    while not re.search(r"epoch +4/", said(folder, "run2")):
        assert run.poll() is None, said(folder, "run2")
        time.sleep(0.05)
    host.cut_off()
    cut = time.monotonic()
    assert [run.wait(60), helper.wait(60)] == [1, 1]
    print(f"both ended {time.monotonic() - cut:.0f} s after the cable was pulled")
    for name in ("run2", "join2"):
        print(said(folder, name).splitlines()[-3:])
        assert "lost: " in said(folder, name)

    [whole], [broken] = (runs / "whole").iterdir(), (runs / "cut").iterdir()
    _, helper, run = begin(folder, 3, "resume", broken)
    assert [run.wait(300), helper.wait(60)] == [0, 0], said(folder, "run3")
    assert differences(whole, broken) == []
    print("the resumed run is the same to the last bit")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
