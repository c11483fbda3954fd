"""The report: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from nnexp.comparison.result import Comparison
from nnexp.files import write_text
from nnexp.report.rendering import asset, render
from nnexp.report.sections import sections_of
from nnexp.report.subject import Subject, heading_of


def write_report(
    path: Path,
    comparison: Comparison,
    sources: Sequence[Path],
    *,
    title: str = "",
    question: str = "",
    reproduce: Sequence[str] = (),
    chosen: bool = False,
) -> None:
    """Write the report of a comparison to `path`, atomically.

    `sources` are the folders as they were named, `question` stands in place of the runs' descriptions, `reproduce` are
    the commands that made the runs; `chosen`: metric or baseline were asked for, so that these do not make this
    page. Scripts (Plotly's among them), styles and pictures are inside; the page's content security policy lets the
    browser load nothing and run no other script.

    Raises:
        OSError: `path` cannot be written; what was there is as it was.
    """
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    subject = Subject(comparison, tuple(sources), question, tuple(reproduce), chosen or bool(comparison.filters))
    scripts = [get_plotlyjs(), asset("script.js")]
    title = title or _title(comparison, sources)
    page = render(
        "page.html",
        title=title,
        heading=heading_of(subject),
        sections=sections_of(subject),
        style=Markup(asset("style.css")),
        scripts=[Markup(script) for script in scripts],
        hashes=[_hash(script) for script in scripts],
    )
    write_text(path, page)


def _title(comparison: Comparison, sources: Sequence[Path]) -> str:
    if len(sources) == 1 and sources[0].resolve().name:
        return sources[0].resolve().name
    names = dict.fromkeys(run.name for group in comparison.groups for run in group.all_runs)
    return ", ".join(list(names)[:3]) + (" …" if len(names) > 3 else "")


def _hash(script: str) -> str:
    """As the content security policy names a script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
