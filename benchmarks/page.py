"""docs/performance.md: its tables and charts, written anew from the figures, so that nobody copies any by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import charts, tables
from benchmarks.environments import ROOT
from benchmarks.figures import Result
from nnexp.files import write_json, write_text

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance.json"
_MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def publish(file: Path) -> None:
    """Keep the figures beside the page, and write its tables and charts from them."""
    figures = json.loads(file.read_text(encoding="utf-8"))
    write_json(FIGURES, figures)
    results = parsed(figures)
    for question in dict.fromkeys(result.question for result in results):
        asked = [result for result in results if result.question == question]
        if charts.shown(asked):
            charts.draw(asked, PAGE.parent / "images" / _chart(question))
    write_text(PAGE, with_figures(PAGE.read_text(encoding="utf-8"), figures))


def with_figures(text: str, figures: Mapping[str, Any]) -> str:
    """The page with what stands between its markers replaced; a question that was not measured is said to be so."""
    results = parsed(figures)

    def between(match: re.Match[str]) -> str:
        before, question, after = match.groups()
        if question == "machine":
            found = _machine(figures["machine"])
        else:
            found = _answers([result for result in results if result.question == question])
        return f"{before}\n{found or 'Not measured yet.'}\n\n{after}"

    return _MARKED.sub(between, text)


def _answers(results: Sequence[Result]) -> str:
    """The chart, if there is one, and the tables of a question."""
    parts = [tables.for_page(result) for result in results]
    if charts.shown(results):
        parts.insert(0, f"![The medians as bars](images/{_chart(results[0].question)})")
    return "\n\n".join(parts)


def _chart(question: str) -> str:
    return f"performance_{question}.svg"


def parsed(figures: Mapping[str, Any]) -> list[Result]:
    """The results in what `python -m benchmarks` wrote."""
    return [Result.parse(plain) for plain in figures["results"]]


def _machine(machine: Mapping[str, Any]) -> str:
    versions = f"Python {machine['python']}, TensorFlow {machine['tensorflow']}, Keras {machine['keras']}"
    return (
        f"Measured on {machine['cores']} cores of a virtual machine ({machine['cpu']}) with {machine['memory_gb']} GB "
        f"of memory; {versions}, NumPy {machine['numpy']}."
    )
