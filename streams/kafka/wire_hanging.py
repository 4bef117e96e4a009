"""Requests about transactions that nobody ended, as bytes, and their answers (KIP-664)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from streams.kafka.bytes import NO_TAGS, Answer, Malformed, compact, compact_array, int32
from streams.kafka.wire import PRODUCER, Producer, by_topic


class Writing(NamedTuple):
    """A producer as a partition knows it; `since` is the first offset of its open transaction, -1 for none."""

    producer: Producer
    coordinator_epoch: int
    since: int


class Transaction(NamedTuple):
    """The last transaction of a name as its coordinator knows it; `state` is Kafka's word."""

    state: str
    producer: Producer

    @property
    def committed(self) -> bool:
        """Whether it was committed, with or without all of its ends written."""
        return self.state in ("PrepareCommit", "CompleteCommit")


def describe_transaction(name: str) -> bytes:
    """Ask the coordinator of a name how its last transaction stands, or has ended."""
    return compact_array([compact(name)]) + NO_TAGS


def describe_transaction_answer(answer: Answer) -> tuple[int, Transaction]:
    """Return the error code, and the transaction."""

    def described() -> tuple[int, Transaction]:
        error = answer.int16()
        answer.compact()
        state = answer.compact()
        answer.int32()
        answer.int64()
        producer = Producer(answer.int64(), answer.int16())
        answer.compact_array(topic)
        answer.tags()
        return error, Transaction(state, producer)

    def topic() -> None:
        answer.compact()
        answer.compact_array(answer.int32)
        answer.tags()

    answer.int32()
    found = answer.compact_array(described)
    if len(found) != 1:
        raise Malformed(f"{len(found)} transactions were described instead of one")
    return found[0]


def describe_producers(places: Iterable[tuple[str, int]]) -> bytes:
    """Ask who writes to these partitions, of which the broker asked must be the leader."""
    return _compact_places(places) + NO_TAGS


def describe_producers_answer(answer: Answer) -> dict[tuple[str, int], tuple[int, list[Writing]]]:
    """Return the error code of each partition, and who writes to it."""
    described: dict[tuple[str, int], tuple[int, list[Writing]]] = {}

    def writing() -> Writing:
        producer = Producer(answer.int64(), answer.int32())
        answer.int32()
        answer.int64()
        found = Writing(producer, answer.int32(), answer.int64())
        answer.tags()
        return found

    def topic() -> None:
        name = answer.compact()

        def partition() -> None:
            number, error = answer.int32(), answer.int16()
            answer.compact()
            described[name, number] = error, answer.compact_array(writing)
            answer.tags()

        answer.compact_array(partition)
        answer.tags()

    answer.int32()
    answer.compact_array(topic)
    return described


def write_markers(
    producer: Producer, coordinator_epochs: Mapping[tuple[str, int], int], *, committed: Container[tuple[str, int]]
) -> bytes:
    """End what hangs of a producer in these partitions, as committed or aborted, under the epoch that it has now.

    A marker bears the epoch of the coordinator that the partition heard of last: an older one would be refused.
    """
    places: dict[tuple[bool, int], list[tuple[str, int]]] = {}
    for place, epoch in sorted(coordinator_epochs.items()):
        places.setdefault((place in committed, epoch), []).append(place)
    markers = [
        PRODUCER.pack(*producer) + (b"\x01" if commit else b"\x00") + _compact_places(own) + int32(epoch) + NO_TAGS
        for (commit, epoch), own in sorted(places.items())
    ]
    return compact_array(markers) + NO_TAGS


def write_markers_answer(answer: Answer) -> dict[tuple[str, int], int]:
    """Return the error code of each partition, 0 for success."""
    codes: dict[tuple[str, int], int] = {}

    def topic() -> None:
        name = answer.compact()

        def partition() -> None:
            place = name, answer.int32()
            codes[place] = answer.int16()
            answer.tags()

        answer.compact_array(partition)
        answer.tags()

    def marker() -> None:
        answer.int64()
        answer.compact_array(topic)
        answer.tags()

    answer.compact_array(marker)
    return codes


def _compact_places(places: Iterable[tuple[str, int]]) -> bytes:
    topics = by_topic(places).items()
    return compact_array(
        [compact(topic) + compact_array([int32(number) for number in own]) + NO_TAGS for topic, own in topics]
    )
