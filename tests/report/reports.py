"""What the tests of the report share: run folders to change, reports to write, a browser that is watched."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from nnexp.comparison.collect import collect
from nnexp.comparison.comparison import compare
from nnexp.report.page import write_report

Edit = Callable[..., Path]
Report = Callable[..., Path]
Open = Callable[..., Page]

COMMAND = "nnexp sweep --hidden 4,16 --repeats 2"


def written(path: Path, *runs: Path, **options: Any) -> Path:
    """Write the report of run folders to `path`."""
    found = collect(runs)
    write_report(path, compare(found.records, unreadable=found.unreadable), runs, **options)
    return path


@contextlib.contextmanager
def watched(browser: Browser) -> Iterator[Open]:
    """Open files in the browser; at the end nothing may have gone wrong, nor anything been asked of a network."""
    contexts = []
    troubles: list[str] = []

    def load(path: Path, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: troubles.append(request.url) if is_foreign(request.url, path) else None)
        page.goto(path.as_uri())
        return page

    yield load
    for context in contexts:
        context.close()
    assert troubles == []


def of_width(units: int) -> object:
    """A change of a config's hidden layer."""

    def change(config: dict[str, object]) -> dict[str, object]:
        text = json.dumps(config)
        return json.loads(
            text.replace('"units": 4,', f'"units": {units},').replace('"units": 16,', f'"units": {units},')
        )

    return change


def is_foreign(url: str, path: Path) -> bool:
    """Whether a request is for anything but the file itself, or what is inside it."""
    return url.partition("#")[0] != path.as_uri() and not url.startswith("data:")
