"""The section Statistics: what intervals and comparisons mean, and how those of the page were made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nnexp.comparison import series
from nnexp.report.rendering import render
from nnexp.report.subject import Subject

if TYPE_CHECKING:
    from markupsafe import Markup

# By the names that the methods have in a comparison: of a configuration's figure, and of the difference of two.
_OF_FIGURES = {
    "test examples": "Of one run. A share, such as accuracy, has Wilson's score interval. Errors and R² have the "
    "percentiles of a bootstrap: the test examples are drawn again, many times over.",
    "examples alone": "Of two repeats. Student's t over the test examples; two seeds say nothing of their spread.",
    "seeds and examples": "Of three repeats or more. Student's t with the variance that seeds and test examples have "
    "together. A share, such as accuracy, has Wilson's score interval, which stays between 0 and 1, "
    "for as many independent examples as would have that variance.",
    "seeds alone": "Of three repeats or more. Student's t over the runs' own figures.",
}
_OF_DIFFERENCES = {
    "exact McNemar": "Of two single runs. McNemar's exact test of the examples that only one of the two got right; the "
    "interval is that of a paired bootstrap over the test examples.",
    "paired bootstrap": "Of two single runs. The test examples are drawn again, many times over, each time the same "
    "for both; interval and p are from the same draws.",
    "examples alone": "Where one of the two has fewer than three repeats. The difference on each test example, the "
    "mean over the seeds; interval and p by Student's t over the examples. It says nothing of other seeds.",
    "seeds and examples": "Of three repeats or more of each. The difference for each seed and each test example; "
    "interval and p by Student's t with the variance that seeds and examples have together. Where the seeds of the two "
    "are others, each has its own variance over seeds.",
    "seeds alone": "Of three repeats or more of each. Student's t over the differences by seed; Welch's t where the "
    "seeds are others.",
}


def statistics(subject: Subject) -> Markup:
    """What holds on every page, and the methods of this one."""
    comparison = subject.comparison
    figures = {group.estimates[comparison.metric].method for group in series.measured(comparison)}
    verdicts = [*comparison.verdicts, *comparison.of_best, *(comparison.effects.verdicts if comparison.effects else ())]
    differences = {verdict.method for verdict in verdicts}
    holm = [found for verdict in verdicts if (found := re.search(r"Holm over (\d+)", verdict.text))]
    return render(
        "statistics.html",
        figures={name: said for name, said in _OF_FIGURES.items() if name in figures},
        differences={name: said for name, said in _OF_DIFFERENCES.items() if name in differences},
        holm=holm[0][1] if holm else "",
        effects=comparison.effects,
    )
