"""Package mirrors, asked by the real apt-get and npm where a machine has them: a local repository, a local package."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from nnexp.data.packages import DebianPackage, NpmPackage, run, unpack
from nnexp.data.sources import SourceFailed


@pytest.fixture
def workspace(tmp_path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def debian_repository(tiny, folder: Path) -> None:
    """A flat repository with one package, and the apt configuration that knows no other."""
    tiny.write(folder / "package" / "usr" / "share" / "datasets" / "tiny", packed=True)
    control = "Package: dataset-tiny\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
    (folder / "package" / "DEBIAN").mkdir()
    (folder / "package" / "DEBIAN" / "control").write_text(control + "Description: tiny\n")
    subprocess.run(["dpkg-deb", "--build", "package", "tiny.deb"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    package = (folder / "tiny.deb").read_bytes()
    index = f"Filename: ./tiny.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n"
    (folder / "Packages").write_text(f"{control}{index}Description: tiny\n")
    (folder / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": folder / "state",
        "APT::Sandbox::User": "",
    }
    (folder / "apt.conf").write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))


def test_a_debian_package_with_no_package_lists_at_hand(tiny, workspace, listener, tmp_path, monkeypatch):
    source = DebianPackage("dataset-tiny", folder="usr/share/datasets/tiny")
    if shutil.which("apt-get") is None:
        with pytest.raises(SourceFailed, match="apt-get is not installed"):
            source.read(tiny.parts, workspace, listener)
        return
    debian_repository(tiny, tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    assert source.read(tiny.parts, workspace, listener) == tiny.content


def test_an_npm_package(tiny, workspace, listener, tmp_path):
    tiny.write(tmp_path / "package" / "data")
    (tmp_path / "package" / "package.json").write_text(json.dumps({"name": "tiny", "version": "1.0.0"}))
    source = NpmPackage(str(tmp_path / "package"), folder="package/data")
    if shutil.which("npm") is None:
        with pytest.raises(SourceFailed, match="npm is not installed"):
            source.read(tiny.parts, workspace, listener)
        return
    assert source.read(tiny.parts, workspace, listener) == tiny.content


def test_a_command_and_its_children_end_at_the_deadline(workspace):
    with pytest.raises(SourceFailed, match="sh did not finish in time"):
        run(["sh", "-c", "(sleep 1; touch late) & wait"], workspace, time.monotonic() + 0.3)
    time.sleep(1)
    assert not (workspace / "late").exists()


def test_a_command_that_fails_tells_its_first_complaint(workspace):
    with pytest.raises(SourceFailed, match="sh: E: no such package"):
        run(["sh", "-c", "echo 'E: no such package' >&2; echo more >&2; exit 100"], workspace, time.monotonic() + 10)


def test_only_the_parts_leave_an_archive_and_nothing_lands_outside(tiny, workspace):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("data/train-images-idx3-ubyte", "../outside", "/absolute", "data/other"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("data/train-labels-idx1-ubyte")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    packed.seek(0)
    unpack(packed, "data", tiny.parts, workspace)
    assert [path.name for path in workspace.parent.rglob("*") if path.is_file()] == ["train-images-idx3-ubyte"]
