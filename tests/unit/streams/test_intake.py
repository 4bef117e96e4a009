"""Fetched records until an epoch has committed them."""

from __future__ import annotations

from streams.intake import Intake
from streams.stage import Message, TopicPartition

A, B = TopicPartition("a", 0), TopicPartition("b", 0)


def message(partition: TopicPartition, offset: int) -> Message:
    return Message(partition.topic, partition.partition, offset, 0, None, b"")


def intake(**starts: int) -> Intake:
    own = Intake()
    for topic, offset in starts.items():
        own.open(TopicPartition(topic, 0), offset)
    return own


def offsets(own: Intake, partition: TopicPartition, limit: int = 100) -> list[int]:
    return [m.offset for m in own.take(partition, limit).messages]


def test_sorts_by_partition_and_keeps_the_order() -> None:
    own = intake(a=0, b=0)
    own.add([message(A, 0), message(B, 0), message(A, 1), message(A, 2), message(B, 1)])
    assert set(own.waiting()) == {A, B}
    assert offsets(own, A) == [0, 1, 2]
    assert offsets(own, B) == [0, 1]
    assert own.waiting() == []


def test_drops_what_is_not_ours_or_lies_below_the_position() -> None:
    own = intake(a=5)
    own.add([message(A, 3), message(A, 4), message(A, 5), message(B, 9), message(A, 5), message(A, 6)])
    assert offsets(own, A) == [5, 6]
    own.add([message(A, 6), message(A, 9)])
    assert offsets(own, A) == [9], "gaps are control records and aborted ones"


def test_what_is_given_back_comes_first_again() -> None:
    own = intake(a=0)
    own.add([message(A, n) for n in range(6)])
    batch = own.take(A, 4)
    assert own.count(A) == 2
    own.give_back([batch])
    assert own.head(A) == message(A, 0)
    assert offsets(own, A) == [0, 1, 2, 3, 4, 5]


def test_a_dropped_partition_takes_nothing_back() -> None:
    own = intake(a=0)
    own.add([message(A, 0)])
    batch = own.take(A, 1)
    own.drop(A)
    own.give_back([batch])
    own.add([message(A, 1)])
    assert own.waiting() == []
    assert own.head(A) is None


def test_a_partition_that_comes_back_starts_where_it_is_told() -> None:
    own = intake(a=0)
    own.add([message(A, n) for n in range(6)])
    own.open(A, 2)
    own.add([message(A, n) for n in range(1, 4)])
    assert offsets(own, A) == [2, 3]


def test_counts_what_may_be_taken() -> None:
    own = intake(a=0, b=0)
    own.add([message(A, 0), message(B, 0), message(B, 1)])
    assert own.ready(lambda partition: True) == 3
    assert own.ready(lambda partition: partition == B) == 2
