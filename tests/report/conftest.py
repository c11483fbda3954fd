"""Reports as a reader has them: real runs, one HTML file, a real browser."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from reports import COMMAND, Edit, Open, Report, watched, written


@pytest.fixture(scope="session")
def digits(trained: Path) -> list[Path]:
    """The four run folders of digits."""
    return sorted(trained.glob("hidden=*"))


@pytest.fixture
def edited() -> Edit:
    """A copy of a run folder with some of its metrics changed; a change may be made from what was there."""

    def copy(source: Path, target: Path, **changes: Any) -> Path:
        shutil.copytree(source, target)
        metrics = json.loads((target / "metrics.json").read_text())
        for key, value in changes.items():
            metrics[key] = value(metrics[key]) if callable(value) else value
        (target / "metrics.json").write_text(json.dumps(metrics))
        return target

    return copy


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Write the report of run folders and return its path."""
    return functools.partial(written, tmp_path / "report.html")


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open a file in the browser. At the end nothing may have gone wrong, nor anything been asked of a network."""
    with watched(browser) as load:
        yield load


@pytest.fixture(scope="module")
def page(browser: Browser, digits: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The open report of the runs of digits, for tests that use a part of it each."""
    path = written(tmp_path_factory.mktemp("report") / "report.html", *digits, title="Widths", reproduce=[COMMAND])
    with watched(browser) as load:
        yield load(path)
