# mypy: ignore-errors
"""Runs of Guild AI: python guild_runs.py FOLDER RUNS. One is real, the others are copies with flags of their own."""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

SCRIPT = """\
units = 16
seed = 0
print(f"loss: {0.1}")
print(f"accuracy: {0.9 + units / 1e5}")
"""

folder, runs = Path(sys.argv[1]), int(sys.argv[2])
home, project = folder / "home", folder / "project"
home.mkdir()
project.mkdir()
(project / "train.py").write_text(SCRIPT)
guild = Path(sys.executable).with_name("guild")
command = [guild, "run", "train.py", "units=16", "seed=0", "-y"]
subprocess.run(command, cwd=project, env={**os.environ, "GUILD_HOME": str(home)}, check=True)
[first] = (home / "runs").iterdir()
for number in range(1, runs):
    name = uuid.uuid4().hex
    copy = home / "runs" / name
    shutil.copytree(first, copy)
    attributes = copy / ".guild" / "attrs"
    units, seed = 16 + number // 5, number % 5
    (attributes / "id").write_text(f"{name}\n")
    (attributes / "flags").write_text(f"seed: {seed}\nunits: {units}\n")
    (attributes / "label").write_text(f"seed={seed} units={units}\n")
