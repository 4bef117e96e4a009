"""Samples of the broker's clock: each is a lower bound of the difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.checks import Checks
from streams.clock import ManualClock
from streams.options import EngineOptions


class Samples:
    """Gives one sample a question."""

    def __init__(self, offs_ms: list[int]) -> None:
        self._samples: Iterator[tuple[int, int]] = iter([(at, at + off) for at, off in enumerate(offs_ms)])

    def append_time_ms(self) -> tuple[int, int] | None:
        return next(self._samples)


def reasons(offs_ms: list[int]) -> list[str]:
    clock, client = ManualClock(), Samples(offs_ms)
    made: Any = client
    checks = Checks(made, clock, EngineOptions(), {})
    for _ in offs_ms:
        checks.run()
        clock.advance(10_000)
    return checks.not_ready()


def test_a_slow_epoch_does_not_hide_what_a_quick_one_has_shown() -> None:
    assert reasons([-2_900, -700]) == ["the clock is 2900 ms ahead of the broker's"]


def test_a_clock_that_was_set_right_is_ready_after_five_samples() -> None:
    assert reasons([-2_900, 0, 0, 0, 0, 0]) == []


def test_one_far_sample_among_good_ones_ends_nothing() -> None:
    assert reasons([0, 70_000, 0]) != []
