"""Downloads through pooch that always end: in time, and when the line goes silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import requests

from nnexp.data.progress import FetchProgress
from nnexp.data.sources import Patience, SourceFailed

Result = TypeVar("Result")

_CHUNK = 1 << 14  # bytes; a server that does not send as many within `patience.silence` counts as silent


def download(urls: Sequence[str], folder: Path, progress: FetchProgress, patience: Patience, most: int) -> list[Path]:
    """Download each URL into `folder`, under the last part of its path.

    `patience` is for all of them together. Each may have `most` bytes, and some to spare for its wrapping: a server
    that never ends must not fill the disk.
    """
    bar = _Bar(progress, most + most // 10 + _CHUNK)
    try:
        return within(
            patience.total, lambda: [_retrieve(url, folder, bar) for url in urls], patience.silence, lambda: bar.count
        )
    except requests.RequestException as error:
        raise SourceFailed(_reason(error)) from error
    finally:
        bar.abandon()


def within(
    total: float, work: Callable[[], Result], silence: float | None = None, count: Callable[[], int] = lambda: 0
) -> Result:
    """The result of `work`; SourceFailed once `total` seconds have passed, or `silence` seconds without more `count`.

    The work runs in a thread that is left behind when time is up: a name look-up, or a server that drips single
    bytes, cannot be interrupted otherwise. What it still writes goes to a workspace that is gone.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  (raised again where the result is asked for)
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="nnexp-fetch").start()
    deadline = time.monotonic() + total
    seen = 0
    while True:
        left = deadline - time.monotonic()
        try:
            return future.result(timeout=left if silence is None else min(left, silence))
        except TimeoutError as error:
            if future.done():
                raise
            if time.monotonic() >= deadline:
                raise SourceFailed(f"not finished after {total:g} s") from error
            if count() == seen:
                raise SourceFailed(f"no data for {silence:g} s") from error
            seen = count()


def _retrieve(url: str, folder: Path, bar: _Bar) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    bar.begin(url)
    # No hash here: what is pinned is the decoded content, and the chain verifies that. Identity: a .gz stays a .gz.
    headers = {"Accept-Encoding": "identity"}
    answers: list[requests.Response] = []
    downloader = pooch.HTTPDownloader(
        progressbar=bar,
        chunk_size=_CHUNK,
        headers=headers,
        hooks={"response": lambda answer, **_: answers.append(answer)},
    )
    try:
        return Path(pooch.retrieve(url, None, fname=url.rsplit("/", 1)[-1], path=folder, downloader=downloader))
    finally:
        for answer in answers:  # pooch leaves them open where it fails
            answer.close()


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if "NameResolutionError" in str(error):
        return "its host name could not be looked up (no network, or not let through)"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate was not accepted"
    return "the connection failed or broke off"


class _Bar:
    """What pooch asks of a progress bar, told on to a FetchProgress; once abandoned it ends the download."""

    def __init__(self, progress: FetchProgress, most: int) -> None:
        self._progress, self._most = progress, most
        self._label = ""
        self._open = self._counting = self._abandoned = False
        self._file = 0
        self.count = 0
        self.total = 0  # bytes; pooch sets it once the server has answered

    def begin(self, label: str) -> None:
        self._close()
        self._label, self._counting, self._file = label, False, 0
        self._progress.start(f"{label} (connecting)", None)
        self._open = True

    def update(self, count: int) -> None:
        if self._abandoned:
            raise SourceFailed("given up")
        if not self._counting:
            self._progress.done()
            self._progress.start(self._label, self.total or None)
            self._counting = True
        self.count += count
        self._file += count
        if self._file > self._most:
            raise SourceFailed("it sends more than the dataset has")
        self._progress.advance(count)

    def reset(self) -> None:
        # pooch counts whole chunks, and ends by resetting its bar to count the total once: take back what it counted.
        self._progress.advance(-self._file)
        self._file = 0

    def close(self) -> None: ...

    def abandon(self) -> None:
        self._abandoned = True
        self._close()

    def _close(self) -> None:
        if self._open:
            self._progress.done()
            self._open = False
