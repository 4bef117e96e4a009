"""What is written down about a record that fails, and when setting aside must end."""

from __future__ import annotations

import pytest

from schemas.errors import NeedsPerson, Undecodable
from streams.dead_letters import DeadLetterLimits, DeadLetterState, dead_letter, dead_topic, describe
from streams.stage import Message

MESSAGE = Message("leads.received", 3, 17, 99, b"key", b"bob@example.org", (("trace", b"t"),))


def test_keeps_the_bytes_the_coordinates_and_the_reason() -> None:
    letter = dead_letter("dedup", MESSAGE, Undecodable("not a record of schema 1000001"), 123)
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp_at) == ("leads.received", 3, 17, 99)
    assert (letter.key, letter.value, letter.headers) == (b"key", b"bob@example.org", {"trace": b"t"})
    assert (letter.stage, letter.reason, letter.at) == ("dedup", "UNDECODABLE", 123)
    assert letter.detail == "not a record of schema 1000001"
    assert dead_topic("leads.received") == "leads.received.dead"


def test_says_type_and_place_of_any_other_error_never_its_text() -> None:
    try:
        int("bob@example.org")
    except ValueError as error:
        text = describe(error)
    assert text.startswith("ValueError in test_says_type_and_place")
    assert "bob" not in text
    assert describe(KeyError("bob")) == "KeyError"


def test_a_run_in_one_partition_ends_at_the_limit() -> None:
    state = DeadLetterState(DeadLetterLimits(run_max=2))
    for _ in range(2):
        state.check("t", 0)
        state.set_aside(0)
    with pytest.raises(NeedsPerson, match="t-0: 3 dead letters in a row; look with `leadflow dead list`"):
        state.check("t", 0)
    state.check("t", 1)
    state.committed(0, 1)
    state.check("t", 0)


def test_a_share_of_the_topic_ends_at_the_limit_and_old_ones_are_forgotten() -> None:
    state = DeadLetterState(DeadLetterLimits(run_max=1, share_max=0.2, window_records=10))
    for _ in range(2):
        state.check("t", 0)
        state.set_aside(0)
        state.committed(0, 1)
    with pytest.raises(NeedsPerson, match="more than 2 dead letters among the last 10"):
        state.check("t", 0)
    state.committed(0, 7)
    state.check("t", 0)


def test_a_quiet_day_is_no_share() -> None:
    state = DeadLetterState(DeadLetterLimits(run_max=5, share_max=0.001, window_records=100))
    for partition in range(5):
        state.check("t", partition)
        state.set_aside(partition)
    with pytest.raises(NeedsPerson):
        state.check("t", 7)


@pytest.mark.parametrize("wrong", [{"run_max": 0}, {"share_max": 0.0}, {"share_max": 1.5}, {"window_records": 0}])
def test_limits_must_be_limits(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        DeadLetterLimits(**wrong)  # type: ignore[arg-type]
