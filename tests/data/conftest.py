"""A tiny MNIST-like dataset, a cache of its own for each test, and a loopback server that misbehaves on demand."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nnexp.data.content import Content, Part, idx_content, idx_decode
from nnexp.data.sources import Files, Source


@dataclass
class Listener:
    """A FetchProgress that remembers what it was told."""

    said: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    counted: int = 0

    def start(self, label: str, total_bytes: int | None) -> None:
        self.steps.append(label)

    def advance(self, count: int) -> None:
        self.counted += count

    def done(self) -> None: ...

    def say(self, message: str) -> None:
        self.said.append(message)


@dataclass
class Tiny:
    """40 + 20 random images of 28 x 28: the content of its files, and the dataset's description with given sources."""

    content: Content

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(Part(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in self.content.items())

    def files(self, *sources: Source) -> Files:
        return Files(self.parts, idx_decode, sources)

    def write(self, folder: Path, *, packed: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.content.items():
            (folder / f"{name}.gz").write_bytes(gzip.compress(data)) if packed else (folder / name).write_bytes(data)
        return folder


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    draw = np.random.default_rng(0).integers
    images, labels = draw(0, 256, (60, 28, 28), dtype=np.uint8), np.arange(60, dtype=np.uint8) % 10
    return Tiny(idx_content(images[:40], labels[:40], images[40:], labels[40:]))


@pytest.fixture
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an environment in which no other place holds data."""
    monkeypatch.setenv("NNEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("NNEXP_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "datasets"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: Content
    asked: list[str]
    over: threading.Event


class _Handler(BaseHTTPRequestHandler):
    """`/<manner>/<file>.gz` gives the file in that manner."""

    server: _Server

    def do_GET(self) -> None:
        _, manner, name = self.path.split("/")
        self.server.asked.append(self.path)
        data = gzip.compress(self.server.files[name.removesuffix(".gz")], mtime=0)
        getattr(self, manner)(data)

    def log_message(self, *_: object) -> None: ...

    def good(self, data: bytes) -> None:
        self._head(len(data))
        self.wfile.write(data)

    def slow(self, data: bytes) -> None:
        self.server.over.wait(0.2)
        self.good(data)

    def corrupt(self, data: bytes) -> None:
        self.good(gzip.compress(gzip.decompress(data)[:-1] + b"\xff"))

    def page(self, data: bytes) -> None:
        self.good(b"<html>Please log in to the guest network.</html>")

    def missing(self, data: bytes) -> None:
        self.send_error(404)

    def truncate(self, data: bytes) -> None:
        self._head(len(data))
        self.wfile.write(data[: len(data) // 2])

    def reset(self, data: bytes) -> None:
        self.truncate(data)
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def endless(self, data: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(bytes(1 << 20))

    def silent(self, data: bytes) -> None:
        self.server.over.wait()

    def stall(self, data: bytes) -> None:
        self.truncate(data)
        self.wfile.flush()
        self.server.over.wait()

    def drip(self, data: bytes) -> None:
        self._head(len(data))
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.over.wait(0.05):
                return

    def _head(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()


@dataclass
class Web:
    """The loopback server: its address for a manner of serving, and what it was asked for."""

    server: _Server

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{manner}/"

    @property
    def asked(self) -> list[str]:
        return self.server.asked


@pytest.fixture
def web(tiny: Tiny) -> Iterator[Web]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files, server.asked, server.over = tiny.content, [], threading.Event()
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]  # clients hang up: no noise
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Web(server)
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def packed() -> Callable[[dict[str, bytes]], bytes]:
    """Makes a .tar.gz of named members."""

    def pack(members: dict[str, bytes]) -> bytes:
        result = io.BytesIO()
        with tarfile.open(fileobj=result, mode="w:gz") as archive:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return result.getvalue()

    return pack


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def leftovers(cache_root: Path) -> Callable[[], list[str]]:
    """What lies in the cache beside datasets and their locks: half-made things."""
    return lambda: [path.name for path in cache_root.glob(".*")]
