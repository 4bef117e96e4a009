"""What the reader makes of topics that have no leader for a moment: never that they are not there."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from console.reading import Address, Reader, Unreachable


def topic(partitions: int, error: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(partitions=range(partitions), error=None if error is None else KafkaError(error))


def reader(*answers: dict[str, SimpleNamespace]) -> Reader:
    """A reader whose broker answers so, the last answer again and again."""
    left: Iterator[dict[str, SimpleNamespace]] = iter(answers[:-1])
    made: Any = Reader(Address("127.0.0.1:9", "a."))
    made._admin = SimpleNamespace(list_topics=lambda timeout: SimpleNamespace(topics=next(left, answers[-1])))
    found: Reader = made
    return found


def test_a_topic_without_leader_is_asked_for_again() -> None:
    away = {"a.sold": topic(0, KafkaError.LEADER_NOT_AVAILABLE), "a.plan": topic(1)}
    back = {"a.sold": topic(8), "a.plan": topic(1)}
    assert reader(away, away, back).topics() == {"sold": 8, "plan": 1}


def test_a_topic_that_stays_without_leader_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.reading.SILENCE_S", 0.3)
    with pytest.raises(Unreachable, match="did not answer"):
        reader({"a.sold": topic(0, KafkaError.LEADER_NOT_AVAILABLE)}).topics()


def test_topics_of_others_and_topics_that_we_may_not_see_are_left_out() -> None:
    found = {
        "b.sold": topic(3, KafkaError.LEADER_NOT_AVAILABLE),
        "__consumer_offsets": topic(4),
        "a.secret": topic(0, KafkaError.TOPIC_AUTHORIZATION_FAILED),
        "a.sold": topic(8),
    }
    assert reader(found).topics() == {"sold": 8}
