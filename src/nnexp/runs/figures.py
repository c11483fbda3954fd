"""The parts of metrics.json, of each only what is of the right kind: a stranger may have written it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from nnexp.runs.reading import printable
from nnexp.tasks import HEADLINES, Task

# What a row of the history holds beside losses and metrics.
NO_METRICS = frozenset({"epoch", "seconds", "learning_rate"})
# Training, in 32 bits, gives nothing beyond 1e39. Larger numbers, of which JSON has some with hundreds of digits, would
# overflow where they are squared, summed or drawn.
_LARGEST = 1e100
_NUMBERS = (float, int)
_CONTAINERS = (dict, list)
_LARGEST_WHOLE = 2**53  # beyond it floats skip whole numbers
# What reads a config goes through all of it, by recursion; one that a YAML file may hold stays far below.
_DEEPEST_CONFIG = 60
_LONGEST_CONFIG = 2_000_000
_SEVERITIES = ("info", "warning", "error")


def mapping(value: Any) -> dict[str, Any]:
    """A mapping; empty for what is none."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> tuple[dict[str, Any], ...]:
    """The mappings of a list."""
    return tuple(row for row in value if isinstance(row, dict)) if isinstance(value, list) else ()


def text(value: Any) -> str:
    """Text; "" for what is none."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """A whole number that a float holds too."""
    return value if type(value) is int and -_LARGEST_WHOLE <= value <= _LARGEST_WHOLE else None


def threads(value: Any) -> int | None:
    """A number of threads that TensorFlow bears."""
    return value if type(value) is int and 1 <= value <= 1024 else None


def number(value: Any) -> float | None:
    """A number that training can give; JSON gives nothing but plain ones."""
    return value if type(value) in _NUMBERS and -_LARGEST <= value <= _LARGEST else None


def numbers(value: Any) -> dict[str, float | None]:
    """Numbers by name; None for what is none."""
    return {  # `number`, without a call for each of a hundred thousand
        name: found if type(found) in _NUMBERS and -_LARGEST <= found <= _LARGEST else None
        for name, found in mapping(value).items()
    }


def counts(value: Any) -> dict[str, int]:
    """Whole numbers by name."""
    return {name: count for name, found in mapping(value).items() if (count := whole(found)) is not None}


def intervals(value: Any) -> dict[str, tuple[float, float]]:
    """The two ends by name; what lacks one is left out."""
    found = {}
    for name, pair in mapping(value).items():
        if isinstance(pair, list) and len(pair) == 2:
            low, high = number(pair[0]), number(pair[1])
            if low is not None and high is not None:
                found[name] = low, high
    return found


def history(value: Any) -> tuple[dict[str, float | None], ...]:
    """A row an epoch."""
    found = tuple(numbers(row) for row in rows(value))
    for row in found:
        if "epoch" in row:
            row["epoch"] = whole(row["epoch"])
    return found


def findings(value: Any) -> tuple[dict[str, Any], ...]:
    """Code, severity, message and suggestion of each, as text; of its evidence the numbers."""
    found = []
    for row in rows(value):
        severity = row.get("severity")
        said = {key: text(row.get(key)) for key in ("code", "message", "suggestion")}
        evidence = {name: one for name, one in numbers(row.get("evidence")).items() if one is not None}
        found.append({**said, "severity": severity if severity in _SEVERITIES else "info", "evidence": evidence})
    return tuple(found)


def stop(value: Any) -> dict[str, Any] | None:
    """The epoch of a stop and its reason."""
    said = mapping(value)
    epoch = whole(said.get("epoch"))
    return None if epoch is None else {"epoch": epoch, "reason": text(said.get("reason"))}


def layers(value: Any) -> tuple[dict[str, Any], ...]:
    """A row a layer of the model: `layer`, `kind`, `output`, `parameters`."""
    found = []
    for row in rows(value):
        parameters = whole(row.get("parameters"))
        if parameters is not None:
            said = {key: text(row.get(key)) for key in ("layer", "kind", "output")}
            found.append({**said, "parameters": parameters})
    return tuple(found)


def evaluation(value: Any) -> dict[str, Any]:
    """`per_class`, `per_target`, `calibration_error`, `confusion_matrix` and `top_confusions`, those that are there.

    A part that is of another kind is empty.
    """
    found = mapping(value)
    classes = [{**numbers(row), "class": _name(row, "class")} for row in rows(found.get("per_class"))]
    confusions = [
        {"true": _name(row, "true"), "predicted": _name(row, "predicted"), "count": whole(row.get("count"))}
        for row in rows(found.get("top_confusions"))
    ]
    matrix = _matrix(found.get("confusion_matrix"))
    parts = {
        "per_class": classes,
        "per_target": [{**numbers(row), "target": _name(row, "target")} for row in rows(found.get("per_target"))],
        "calibration_error": number(found.get("calibration_error")),
        "confusion_matrix": matrix,
        "top_confusions": confusions,
    }
    return {name: part for name, part in parts.items() if name in found}


def task(value: Any) -> Task:
    """The task; classification, which is nearly all there is, where it is none."""
    found: Task = value if isinstance(value, str) and value in HEADLINES else "classification"  # type: ignore[assignment]
    return found


def is_config(config: Mapping[str, Any], raw: bytes) -> bool:
    """Whether a config, from some JSON, is no deeper and no longer than one that YAML may hold."""
    if len(raw) <= _LONGEST_CONFIG and raw.count(b"{") + raw.count(b"[") <= _DEEPEST_CONFIG:
        return True
    level: list[Any] = [config]
    for _ in range(_DEEPEST_CONFIG):
        values = itertools.chain.from_iterable([one.values() if type(one) is dict else one for one in level])
        level = [value for value in values if type(value) in _CONTAINERS]
        if not level:
            return len(raw) <= _LONGEST_CONFIG or len(str(config)) <= _LONGEST_CONFIG
    return False


def _name(row: Mapping[str, Any], key: str) -> str:
    return printable(text(row.get(key)))


def _matrix(value: Any) -> list[list[int]]:
    found = value if isinstance(value, list) else []
    good = all(isinstance(row, list) and all(type(n) is int and 0 <= n <= _LARGEST_WHOLE for n in row) for row in found)
    return found if good else []
