"""A text that sounds of trouble stands on docs/errors.md, or is known here as something else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from error_sites import Source
from error_trees import Module, name_of

# Words with which troubles are told: a guess, of texts of which nobody can know who will read them.
_SOUNDS = re.compile(
    r"\b(?:cannot|could not|failed|fails|missing|lost|gone|refused|interrupted|damaged|given up|cut off|left out|amiss"
    r"|is no|are no|was no|has no|have no|no longer|no room|not (?:known|here|there|done|shown|counted|told|verified)"
    r"|skipped|ignored|unknown|unreachable|broken|invalid|stopped|stopping|killed|differs?|different|instead|wrong|unusable"
    r"|never|nothing|neither|another than|others? than|too (?:large|many|few|long|small)|only)\b",
    re.IGNORECASE,
)
_DESCRIBING = ("Option", "Argument", "Parameter", "Dataset", "Normalization", "compile")  # calls that take no messages
# Modules of texts that describe, and of programs that are written out.
_NO_MESSAGES = ("cli/help", "config/catalog_", "config/schema", "config/sweep/schema", "data/own/kinds")
ELSEWHERE = {
    # headings, the marks of a table, and what its cells say
    "api/html: , stopped after epoch",
    "api/html: left out of the means",
    "api/html: ★ best, ≈ cannot be told from the best (as good, or too few repeats), ± and [ ]:",
    "cli/compared: left out of the means",
    "cli/compared: ? differs, but of so many comparisons it may be chance",
    "cli/compared: ≈ cannot be told from the best: as good, or too few repeats to say",
    "cli/mistaken: test examples are wrong",
    "cli/mistaken: wrong labels, with their probability",
    "cli/sweep: fails, as expected",
    "cli/sweep: only where",
    "cli/sweep_live: , given up after",
    "comparison/searched: given up after",
    "comparison/searched: not done",
    "comparison/table: - could not be read:",
    "comparison/table: - left out:",
    "comparison/table: not counted",
    "comparison/table: ★ best, ≈ cannot be told from the best, ± and [ ]: 95 % interval",
    "report/mistakes: test examples are wrong",
    "report/mistakes: test examples have a wrong label",
    # what is well, as it says
    "doctor/computer: : not here;",
    "doctor/computer: : not here; fetched when it is first needed (--network tries it)",
    "doctor/trial: processors only; TensorFlow sees no GPU",
    "sweeps/estimate: nothing is to be trained",
    # explanations
    "errors: The input is wrong: config, options, files. Nothing was started.",
    "errors: The work failed, or one of several runs did. What was done is kept, and the mess",
    "report/statistics: Of two repeats. Student's t over the test examples; two seeds say nothing of the",
    "report/statistics: Of two single runs. McNemar's exact test of the examples that only one of the tw",
    "report/statistics: Where one of the two has fewer than three repeats. The difference on each test e",
    # for programs
    "__init__: module 'nnexp' has no attribute '",
    "data/own/columns: (missing)",
    "plots/drawing: Glyph .* missing",
    "sweeps/folder: .damaged-",
    "tracking/mlflow: FAILED",
    "tracking/mlflow: KILLED",
    "training/hosts: a host is lost",
}


def texts(module: Module) -> Iterator[str]:
    """The parts of a module's texts that sound of trouble, but for docstrings and descriptions."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not _SOUNDS.search(node.value):
            continue
        above, calls = module.parents[node], set()
        is_docstring = isinstance(above, ast.Expr)
        while above in module.parents:
            calls.add(name_of(above.func) if isinstance(above, ast.Call) else "")
            above = module.parents[above]
        if not is_docstring and not calls & set(_DESCRIBING):
            yield _plain(node.value)


def test_no_text_that_sounds_of_trouble_is_overlooked(source: Source) -> None:
    told = "\n".join(_plain("\n".join([message.text, *message.hints])) for message in source.messages)
    found = {
        f"{module.name}: {text[:80]}"
        for module in source.modules
        if not module.name.startswith(_NO_MESSAGES)
        for text in texts(module)
        if text not in told
    }
    assert found == ELSEWHERE, "mark it as Amiss or Reason (nnexp.errors), then `make errors`; or name it here"


def _plain(text: str) -> str:
    return " ".join(text.split())
