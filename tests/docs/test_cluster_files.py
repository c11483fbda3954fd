"""The files of docs/cluster/ that are not Python: what they ask of Dask and of one another is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml
from distributed.cli import dask_scheduler, dask_worker

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "cluster"
UNIT, DOCKERFILE = FOLDER / "nnexp-worker@.service", FOLDER / "Dockerfile"
CLUSTER: dict[str, Any] = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))["spec"]
[WORKER] = CLUSTER["worker"]["spec"]["containers"]
[SCHEDULER] = CLUSTER["scheduler"]["spec"]["containers"]


def test_dask_takes_the_options_that_unit_and_pods_give_it() -> None:
    [started] = re.findall(r"^ExecStart=/opt/nnexp/bin/(.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    for words in (started.split(), WORKER["args"], SCHEDULER["args"]):
        dask, role, *rest = words
        command = {"worker": dask_worker.main, "scheduler": dask_scheduler.main}[role]
        assert dask == "dask"
        command.make_context(role, rest)  # an option that there is not, or a bad value, raises


def test_the_pods_are_of_one_image_and_the_service_leads_to_ports_of_the_scheduler() -> None:
    built = re.search(r"docker build -t (\S+)", DOCKERFILE.read_text(encoding="utf-8"))
    assert built
    assert {WORKER["image"], SCHEDULER["image"]} == {built[1]}
    ports = {port["name"]: port["containerPort"] for port in SCHEDULER["ports"]}
    assert {port["targetPort"]: port["port"] for port in CLUSTER["scheduler"]["service"]["ports"]} == ports
    probes = [SCHEDULER[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")]
    assert set(probes) <= set(ports)


def test_the_image_can_be_built_of_what_is_copied_into_it(tmp_path: Path) -> None:
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            place = tmp_path / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    built = tmp_path / "built"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(command, cwd=tmp_path / "src", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    files = [path for path in (ROOT / "src").rglob("*.*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(ROOT / "src")) for path in files if "nnexp" in path.parts} <= set(names)
