"""What is handed out: wheel and source archive hold what they need, and the wheel works far from its sources."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email import message_from_string
from pathlib import Path

import pytest

import nnexp

ROOT = Path(__file__).parents[2]
Nnexp = Callable[..., subprocess.CompletedProcess[str]]


def sources() -> set[str]:
    """The files of the project: what git knows, or all that is there where this is an unpacked source archive."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return set(listed.strip("\0").split("\0"))
    return {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def built(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A folder with the wheel and the source archive."""

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)

    return once("dist", build)


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Nnexp:
    """Run the wheel's nnexp in a folder of its own, where the sources are not."""
    package, place = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("outside")
    [wheel] = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(package)
    environment = {**os.environ, "PYTHONPATH": str(package)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nnexp", *words]
        return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_wheel_has_every_file_of_the_package_and_the_licence(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    about = f"nnexp-{nnexp.__version__}.dist-info"
    there = (ROOT / "src").rglob("*")
    package = {str(path.relative_to(ROOT / "src")) for path in there if path.is_file() and path.suffix != ".pyc"}
    assert {name for name in inside if not name.startswith(about)} == package
    assert f"{about}/licenses/LICENSE" in inside
    told = message_from_string(zipfile.ZipFile(wheel).read(f"{about}/METADATA").decode())
    assert (told["Name"], told["Version"], told["License-Expression"]) == ("nnexp", nnexp.__version__, "MIT")


def test_the_source_archive_has_what_make_test_needs(built: Path) -> None:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    assert {name for name in sources() if not name.startswith((".", "runs/"))} <= inside
    assert not {name for name in inside if name.startswith(("runs/", ".git/", ".venv/"))}


def test_an_installed_nnexp_has_its_example_and_its_default_sweep(installed: Nnexp) -> None:
    made = installed("init")
    assert made.returncode == 0, made.stderr
    assert installed("check", "fashion_mnist.yaml").returncode == 0
    listed = installed("sweep", "--hidden", "128,512", "--dry-run", "--json")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("hidden=512") >= 1


@pytest.mark.slow
def test_an_installed_nnexp_trains_and_reports(installed: Nnexp) -> None:
    assert installed("init", ".", "--from", "digits").returncode == 0
    run = installed("run", "digits.yaml", "--epochs", "1")
    assert run.returncode == 0, run.stderr
    report = installed("report", "runs", "-o", "report.html")
    assert report.returncode == 0, report.stderr
