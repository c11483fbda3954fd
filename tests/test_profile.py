"""The measure of where the time goes, on its own."""

from __future__ import annotations

import time

import pytest

from nnexp.profile import Profile


def test_each_moment_belongs_to_the_stage_marked_last() -> None:
    profile = Profile()
    profile.mark("data")
    begun = time.perf_counter()
    time.sleep(0.05)
    profile.mark("training")
    middle = time.perf_counter()
    time.sleep(0.02)
    profile.mark("data")
    time.sleep(0.01)
    told = profile.plain(batch_size=32)
    end = time.perf_counter()
    assert told["stages"]["data"] >= 0.06
    assert 0.02 <= told["stages"]["training"] <= end - middle
    assert told["stages"]["data"] + told["stages"]["training"] <= end - begun
    assert told["stages"]["start"] > 0  # this process began before
    assert sum(told["stages"].values()) == pytest.approx(told["total"])
    assert told["steps"] == 0
    assert told["microseconds_a_step"] is None


def test_steps_are_counted_once_the_first_ones_are_done() -> None:
    profile, passed_on = Profile(), []
    progress = profile.stepping(lambda *told: passed_on.append(told[:3]))
    told = [(1, 0, 10), (1, 3, 10), (1, 10, 10), (2, 0, 10), (2, 4, 10), (3, 0, 10), (3, 10, 10)]
    for epoch, step, steps in told:  # in epoch 2 the engine did not tell of the last ones
        progress(epoch, step, steps, {})
        profile.mark("training/validation")
    assert passed_on == told
    found = profile.plain(batch_size=32)
    assert found["steps"] == 7 + 10 + 10
    assert found["microseconds_a_step"] == pytest.approx(found["stages"]["training/steps"] * 1e6 / 27)
    assert found["examples_a_second"] == pytest.approx(32e6 / found["microseconds_a_step"])
