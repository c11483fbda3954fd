"""The map of the code is that of the code."""

from __future__ import annotations

import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drawn() -> str:
    return runpy.run_path(str(ROOT / "docs" / "make_map.py"))["draw"]()


def test_the_map_is_up_to_date(drawn: str) -> None:
    committed = (ROOT / "docs" / "images" / "code_map.svg").read_text(encoding="utf-8")
    assert committed == drawn, "the code is another than docs/images/code_map.svg shows: make map"


def test_the_map_shows_every_package_with_what_it_imports(drawn: str) -> None:
    texts = [(found.get("class"), found.text) for found in ElementTree.fromstring(drawn).iter() if found.get("class")]
    names = {text.removesuffix("/").removesuffix(".py") for kind, text in texts if kind == "name" and text}
    there = (ROOT / "src" / "nnexp").iterdir()
    assert names == {path.stem for path in there if list(path.glob("*.py")) or path.suffix == ".py"} - {"__init__"}
    mistakes = next(place for place, (_, text) in enumerate(texts) if text == "mistakes.py")
    assert next(text for kind, text in texts[mistakes:] if kind == "imports") == "imports runs"
