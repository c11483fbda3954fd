# mypy: ignore-errors
"""Experiments of DVC, which are commits under refs/exps of a git repository: python dvc_runs.py FOLDER RUNS."""

import json
import subprocess
import sys
from pathlib import Path

STAGE = """\
stages:
  train:
    cmd: python train.py
    params: [units, seed]
    metrics:
      - metrics.json: {cache: false}
"""

folder, runs = Path(sys.argv[1]), int(sys.argv[2])
dvc = Path(sys.executable).with_name("dvc")


def git(*command, told=None):
    done = subprocess.run(["git", *command], cwd=folder, input=told, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def files(number):
    yield "params.yaml", f"units: {16 + number // 5}\nseed: {number % 5}\n"
    yield "metrics.json", json.dumps({"loss": 0.1, "accuracy": 0.9 + number / 1e5})


git("init", "--quiet")
git("config", "user.name", "benchmark")
git("config", "user.email", "benchmark@example.org")
subprocess.run([dvc, "init", "--quiet"], cwd=folder, check=True)
(folder / "dvc.yaml").write_text(STAGE)
for name, text in files(0):
    (folder / name).write_text(text)
git("add", "--all")
git("commit", "--quiet", "--message", "first")

base = git("rev-parse", "HEAD")
stream = []
for number in range(runs):
    stream.append(f"commit refs/exps/{base[:2]}/{base[2:]}/run-{number}\n")
    stream.append(f"committer benchmark <benchmark@example.org> {1_700_000_000 + number} +0000\ndata 0\nfrom {base}\n")
    stream += [f"M 100644 inline {name}\ndata {len(text)}\n{text}\n" for name, text in files(number)]
git("fast-import", "--quiet", told="".join(stream))
