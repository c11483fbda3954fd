"""The condition of `stop_when`: the one at which training stops, never its opposite."""

from __future__ import annotations

import math
import re

import pytest

from nnexp.config.condition import NoCondition, parse


@pytest.mark.parametrize(
    ("text", "holds", "fails"),
    [
        ("loss <= 0.40", [0.3, 0.4], [0.41]),
        ("loss < 0.4", [0.39], [0.4]),
        ("accuracy > 0.85", [0.86], [0.85]),
        ("val_accuracy>=8.5e-1", [0.85], [0.84]),
        ("  loss  <  -1 ", [-2], [-1, 0]),
    ],
)
def test_a_condition_holds_as_it_is_written(text: str, holds: list[float], fails: list[float]) -> None:
    condition = parse(text)
    assert all(condition.holds(value) for value in holds)
    assert not any(condition.holds(value) for value in [*fails, math.nan])


@pytest.mark.parametrize("text", ["loss <= 0.4", "val_accuracy > 0.85", "loss < 1e-06"])
def test_a_condition_is_shown_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("loss", "'loss' is not a condition"),
        ("", "'' is not a condition"),
        ("0.4 > loss", "is not a condition"),
        ("loss <= 0.4 and accuracy > 1", "is not a condition"),
        ("loss =< 0.4", "is not a "),
        ("loss == 0.4", "'==' seldom holds"),
        ("loss = 0.4", "'=' seldom holds"),
        ("loss != 0.4", "'!=' seldom holds"),
        ("loss < low", "'low' is not a number"),
        ("loss < nan", "'nan' is not a number"),
        ("loss < inf", "'inf' is not a number"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(NoCondition, match=re.escape(told)):
        parse(text)
