"""How much each class counts: the weights of a config."""

from __future__ import annotations

from collections.abc import Sequence

from nnexp.config import catalog
from nnexp.config.entries import Problems
from nnexp.config.loading import Node, kind_of, shortened


def read_class_weights(node: Node, classes: Sequence[str], problems: Problems) -> dict[str, float]:
    """The weights in a mapping by class; `classes` are those of the data, none where they are not known."""
    assert isinstance(node.value, dict)
    weights = {}
    for name, found in node.value.items():
        value = found.value
        if classes and name not in classes:
            near = catalog.nearest(name, classes)
            hint = f"did you mean '{near}'? " if near else ""
            listed = shortened(", ".join(classes))
            problems.add(node.keys[name], f"there is no class '{shortened(name)}'", f"{hint}classes: {listed}")
        elif not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e6:
            message = f"the weight of class '{shortened(name)}' must be a number from 0, not {kind_of(found)}"
            problems.add(found.place, message, "such as 2.0: its examples count twice")
        else:
            weights[name] = float(value)
    if classes and set(classes) == weights.keys() and not any(weights.values()):
        problems.add(node.place, "all weights are 0: nothing would be learnt", "give one of them another")
    return weights
