"""From templates and values to HTML: everything that is put in is escaped."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from nnexp.comparison import series
from nnexp.comparison.metrics import figure
from nnexp.files import to_json
from nnexp.tasks import in_words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# In a script block these could end it, begin a comment, or (U+2028, U+2029) a line.
_IN_SCRIPT = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
# What no HTML page may hold, and what UTF-8 cannot.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def render(template: str, **values: Any) -> Markup:
    """The HTML of a template; LookupError where a value lacks what the template shows of it."""
    from jinja2 import UndefinedError
    from markupsafe import Markup

    try:
        return Markup(_environment().get_template(template).render(**values))
    except UndefinedError as error:
        raise LookupError(str(error)) from None


def script_json(value: Any) -> Markup:
    """JSON that stands safely in a `<script type="application/json">`."""
    from markupsafe import Markup

    return Markup(_clean(to_json(value, indent=None)).translate(_IN_SCRIPT))


def asset(name: str) -> str:
    """The text of a file beside the templates."""
    return (resources.files("nnexp.report") / "templates" / name).read_text(encoding="utf-8")


def seconds(value: float) -> str:
    """A time as people say it."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def breakable(name: str) -> Markup:
    """A name that a line may end in, after each `_`."""
    from markupsafe import Markup, escape

    return Markup(str(escape(_clean(name))).replace("_", "_<wbr>"))


def with_code(text: str) -> Markup:
    """A sentence, in which what stands in backticks is code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(_clean(text)))))


def with_terms(text: str) -> Markup:
    """A verdict, in which the correction for many comparisons says what it is."""
    from markupsafe import Markup, escape

    why = r"p is corrected for \1 comparisons: the more there are, the more often chance looks like a difference"
    return Markup(re.sub(r"Holm over (\d+)", rf'<abbr title="{why}">Holm over \1</abbr>', str(escape(_clean(text)))))


def _clean(value: Any) -> Any:
    """Text without characters that a page cannot hold; a visible sign stands for each."""
    return _FORBIDDEN.sub("\ufffd", value) if type(value) is str else value


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("nnexp.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "figure": figure,
        "seconds": seconds,
        "script_json": script_json,
        "short": series.shortened,
        "words": in_words,
        "breakable": breakable,
        "with_code": with_code,
        "with_terms": with_terms,
    }
    return made
