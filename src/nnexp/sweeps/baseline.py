"""What a sweep's baseline is among its points: one of them, or those that have a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.comparison.grouping import label_names
from nnexp.comparison.parameters import compact
from nnexp.config.sweep.file import SweepFile
from nnexp.errors import Amiss

if TYPE_CHECKING:
    from nnexp.sweeps.expand import Point


def baseline_of(points: Sequence[Point], named: str) -> str:
    """What a sweep file names as its baseline: the stem of a point, or values that several have; "" if none is.

    A point goes by its stem, or as a table prints it: `normalization=none, hidden=16` of the point whose stem is
    `normalization=none_hidden=16`. Of values that several points have, `hidden=16`, it comes back as tables print it.
    """
    stems = {point.stem: point.parameters for point in points if point.experiment}
    return stem_of(stems, named) or values_of(stems.values(), named)


def stem_of(stems: Mapping[str, Mapping[str, Any]], named: str) -> str:
    """The stem of the one point that is named, by the stem or as tables print it; "" if none is."""
    if named in stems:
        return named
    wanted = _spelled(named.split(","))

    def is_wanted(parameters: Mapping[str, Any]) -> bool:
        ways = ({name: name for name in parameters}, label_names(list(parameters)))
        return any(
            wanted == _spelled(f"{names[name]}={compact(value)}" for name, value in parameters.items())
            for names in ways
        )

    found = [stem for stem, parameters in stems.items() if is_wanted(parameters)]
    return found[0] if len(found) == 1 else ""


def without_baseline(sweep: SweepFile) -> Amiss:
    """That the points which the caller asks for lack the file's baseline; "" where nothing is lacking."""
    if sweep.baseline or not (sweep.own and sweep.own.baseline):
        return ""
    return (
        f"the file's baseline, {sweep.own.baseline}, is none of these points: the best is compared with the others "
        "instead. To name another one afterwards: nnexp compare FOLDER --baseline LABEL"
    )


def values_of(points: Iterable[Mapping[str, Any]], named: str) -> str:
    """`layers.dropout.rate=0` of `rate=0`, where several points have it, and others another value; "" where none do."""
    wanted = []
    points = list(points)
    for part in named.split(","):
        of, _, value = map(str.strip, part.partition("="))
        names = {name for known in points for name in known if name == of or name.endswith(f".{of}")}
        if len(names) != 1:
            return ""
        wanted.append((names.pop(), value))
    having = [known for known in points if all(compact(known.get(name)) == value for name, value in wanted)]
    return ", ".join(f"{name}={value}" for name, value in wanted) if 1 < len(having) < len(points) else ""


def _spelled(parts: Iterable[str]) -> str:
    """What differs, part by part, whatever the spaces."""
    return ",".join("".join(part.split()) for part in parts)
