"""What a supervisor does when a part ends, by exit code."""

from __future__ import annotations

import signal

import pytest

from console.cluster.restarts import LONGEST_WAIT_S, backoff_s, decide


def test_exit_70_is_started_again_at_once() -> None:
    assert decide(70, 0, 0.0).wait_s == 0


def test_exit_75_waits_and_says_that_a_twin_has_the_name() -> None:
    decision = decide(75, 0, 0.0)
    assert decision.wait_s is not None
    assert decision.wait_s >= 6  # a twin's session
    assert "another process works under this name" in decision.why


def test_exit_78_stays_stopped_until_a_person_acts() -> None:
    assert decide(78, 0, 0.0).wait_s is None


def test_a_part_killed_with_9_is_started_again_and_the_signal_is_named() -> None:
    decision = decide(-signal.SIGKILL, 0, 0.0)
    assert decision.wait_s == 0
    assert "SIGKILL" in decision.why


@pytest.mark.parametrize("code", [0, 1, 70, 143, -15, -250])
def test_no_end_but_78_is_final(code: int) -> None:
    assert decide(code, 1000, 0.0).wait_s is not None


def test_a_part_that_ran_longer_than_its_wait_is_started_again_at_once() -> None:
    assert decide(-signal.SIGKILL, 3, 10.0).wait_s == 0
    assert decide(-signal.SIGKILL, 3, 1.5).wait_s == 0.5


def test_a_part_that_dies_every_ten_seconds_is_started_ever_more_rarely() -> None:
    assert decide(1, 8, 10.0).wait_s == LONGEST_WAIT_S - 10.0


def test_waits_grow_and_have_a_limit() -> None:
    waits = [backoff_s(failures) for failures in range(12)]
    assert waits == sorted(waits)
    assert waits[:4] == [0, 0.5, 1, 2]
    assert max(waits) == LONGEST_WAIT_S == backoff_s(10**9)
