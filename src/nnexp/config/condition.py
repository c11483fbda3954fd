"""The condition of `stop_when`: a logged metric, a comparison, a number."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>|==|!=|=)\s*(\S+)\s*")
_LONGEST = 200  # characters

ALLOWED = "write METRIC < | <= | > | >= NUMBER, such as `loss <= 0.40` or `accuracy > 0.85`"


class NoCondition(ValueError):
    """A text that is no condition; the message says why, `ALLOWED` what is one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition at which training stops, as written: `loss <= 0.40`."""

    metric: str
    comparison: str
    threshold: float
    number: str  # the threshold as it was written

    def holds(self, value: float) -> bool:
        """Whether `value` of the metric meets the condition; NaN meets none."""
        return _COMPARE[self.comparison](value, self.threshold)

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.number}"


def parse(text: str) -> Condition:
    """Read `loss <= 0.40` or `accuracy > 0.85`.

    Raises:
        NoCondition: the text is none.
    """
    match = _PATTERN.fullmatch(text) if len(text) <= _LONGEST else None
    if not match:
        raise NoCondition(f"'{text[:_LONGEST]}' is not a condition")
    metric, comparison, number = match.groups()
    if comparison not in _COMPARE:
        raise NoCondition(f"'{comparison}' seldom holds between measured numbers")
    try:
        threshold = float(number)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise NoCondition(f"'{number}' is not a number")
    return Condition(metric, comparison, threshold, number)
