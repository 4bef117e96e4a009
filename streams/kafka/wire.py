"""Requests of Kafka's transactional protocol as bytes, and their answers: what our producer says to brokers, no more.

Each request has one version, the oldest that means what we need; a broker that lacks it is refused (`missing`). All are
known since Kafka 3.0. The layouts are those of Kafka's message definitions; names are theirs.

    who leads, who coordinates     METADATA, FIND_COORDINATOR
    taking the name                INIT_PRODUCER_ID (KIP-360: with the id and epoch that we had)
    a transaction                  ADD_PARTITIONS, PRODUCE, ADD_OFFSETS, TXN_OFFSET_COMMIT (KIP-447), END_TXN
    one that nobody ended          DESCRIBE_TRANSACTIONS, DESCRIBE_PRODUCERS, WRITE_MARKERS: see `wire_hanging`
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from streams.kafka.bytes import (
    NO_TAGS,
    Answer,
    Api,
    Buffer,
    Malformed,
    array,
    compact,
    compact_array,
    int16,
    int32,
    string,
)

PRODUCE = Api("Produce", 0, 7, throttled_at=-4)
METADATA = Api("Metadata", 3, 4)
FIND_COORDINATOR = Api("FindCoordinator", 10, 1)
API_VERSIONS = Api("ApiVersions", 18, 0, throttled_at=None)
INIT_PRODUCER_ID = Api("InitProducerId", 22, 4, flexible=True)
ADD_PARTITIONS = Api("AddPartitionsToTxn", 24, 2)
ADD_OFFSETS = Api("AddOffsetsToTxn", 25, 2)
END_TXN = Api("EndTxn", 26, 2)
WRITE_MARKERS = Api("WriteTxnMarkers", 27, 1, flexible=True, throttled_at=None)
TXN_OFFSET_COMMIT = Api("TxnOffsetCommit", 28, 3, flexible=True)
DESCRIBE_PRODUCERS = Api("DescribeProducers", 61, 0, flexible=True)
DESCRIBE_TRANSACTIONS = Api("DescribeTransactions", 65, 0, flexible=True)

NEEDED = (
    PRODUCE,
    METADATA,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    ADD_PARTITIONS,
    ADD_OFFSETS,
    END_TXN,
    WRITE_MARKERS,
    TXN_OFFSET_COMMIT,
    DESCRIBE_PRODUCERS,
    DESCRIBE_TRANSACTIONS,
)

OF_GROUP, OF_TRANSACTION = 0, 1
ACKS_ALL = -1
PRODUCER, _PLACE = struct.Struct(">qh"), struct.Struct(">ii")


class Producer(NamedTuple):
    """What the coordinator gave us with our name. A higher epoch fences every request of a lower one."""

    id: int
    epoch: int


NOBODY = Producer(-1, -1)
"""Taking a name anew, whoever has it: its open transaction is aborted, its process fenced."""


class Appended(NamedTuple):
    """How a batch was taken: error code (0: it was), offset of its first record, the broker's time in ms or -1."""

    error: int
    offset: int
    stamp_ms: int


class Cluster(NamedTuple):
    """Where brokers are, by node id; who leads, by partition; and what could not be told, by topic, as error code.

    `counts`: how many partitions a topic has, whether somebody leads them or not.
    """

    addresses: Mapping[int, tuple[str, int]]
    leaders: Mapping[tuple[str, int], int]
    errors: Mapping[str, int]
    counts: Mapping[str, int]


def by_topic(places: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Return the partitions of each topic."""
    topics: dict[str, list[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, []).append(partition)
    return topics


# --- what a broker can do, who leads, who coordinates ---------------------------------------------------------------


def missing(answer: Answer) -> list[str]:
    """Return which requests of ours the broker does not understand, from its answer to API_VERSIONS (empty body)."""
    if error := answer.int16():
        raise Malformed(f"error {error} to ApiVersions, which tells nothing")
    known = {
        key: (low, high) for key, low, high in answer.array(lambda: (answer.int16(), answer.int16(), answer.int16()))
    }
    return [
        api.name
        for api in NEEDED
        if not (known.get(api.key, (1, 0))[0] <= api.version <= known.get(api.key, (1, 0))[1])
    ]


def metadata(topics: Iterable[str] | None) -> bytes:
    """Ask who leads the partitions of these topics, None for all; a topic that is not there is not made."""
    return (int32(-1) if topics is None else array([string(topic) for topic in topics])) + b"\x00"


def metadata_answer(answer: Answer) -> Cluster:
    """Return what METADATA tells; partitions without a leader are left out."""
    answer.int32()
    addresses = dict(answer.array(lambda: _broker(answer)))
    answer.string()
    answer.int32()
    leaders: dict[tuple[str, int], int] = {}
    errors: dict[str, int] = {}
    counts: dict[str, int] = {}
    for _ in range(answer.int32()):
        error, topic = answer.int16(), answer.string()
        answer.int8()
        if error:
            errors[topic] = error
        partitions = answer.array(lambda: _partition(answer))
        counts[topic] = len(partitions)
        leaders.update({(topic, partition): leader for partition, leader in partitions if leader >= 0})
    return Cluster(addresses, leaders, errors, counts)


def _broker(answer: Answer) -> tuple[int, tuple[str, int]]:
    node, host, port = answer.int32(), answer.string(), answer.int32()
    answer.string()
    return node, (host, port)


def _partition(answer: Answer) -> tuple[int, int]:
    answer.int16()
    partition, leader = answer.int32(), answer.int32()
    answer.array(answer.int32)
    answer.array(answer.int32)
    return partition, leader


def find_coordinator(key: str, kind: int) -> bytes:
    """Ask for the coordinator of a group (OF_GROUP) or of a transactional id (OF_TRANSACTION)."""
    return string(key) + bytes((kind,))


def find_coordinator_answer(answer: Answer) -> tuple[int, tuple[str, int]]:
    """Return the error code and the coordinator's address."""
    answer.int32()
    error = answer.int16()
    answer.string()
    answer.int32()
    return error, (answer.string(), answer.int32())


# --- a transaction --------------------------------------------------------------------------------------------------


def init_producer_id(name: str, timeout_ms: int, producer: Producer) -> bytes:
    """Take the name: from anybody (NOBODY), or only if it is still ours, as `producer`."""
    return compact(name) + int32(timeout_ms) + PRODUCER.pack(*producer) + NO_TAGS


def init_producer_id_answer(answer: Answer) -> tuple[int, Producer]:
    """Return the error code and what we are from now on."""
    answer.int32()
    return answer.int16(), Producer(answer.int64(), answer.int16())


def add_partitions(name: str, producer: Producer, places: Iterable[tuple[str, int]]) -> bytes:
    """Let the transaction write to these partitions."""
    topics = [string(topic) + array([int32(partition) for partition in own]) for topic, own in by_topic(places).items()]
    return string(name) + PRODUCER.pack(*producer) + array(topics)


def add_partitions_answer(answer: Answer) -> dict[tuple[str, int], int]:
    """Return the error code of each partition, 0 for success."""
    return _codes_by_place(answer, answer.array, answer.string, lambda: None)


def produce(name: str, timeout_ms: int, batches: Mapping[tuple[str, int], Buffer]) -> list[Buffer]:
    """Append one batch to each of these partitions. In parts: batches are large, and are not copied."""
    topics: dict[str, list[Buffer]] = {}
    for (topic, partition), batch in batches.items():
        topics.setdefault(topic, []).extend((_PLACE.pack(partition, len(batch)), batch))
    parts: list[Buffer] = [string(name) + int16(ACKS_ALL) + int32(timeout_ms) + int32(len(topics))]
    for topic, own in topics.items():
        parts.append(string(topic) + int32(len(own) // 2))
        parts += own
    return parts


def produce_answer(answer: Answer) -> dict[tuple[str, int], Appended]:
    """Return how each batch was taken."""
    appended: dict[tuple[str, int], Appended] = {}
    for _ in range(answer.int32()):
        topic = answer.string()
        for _ in range(answer.int32()):
            partition = answer.int32()
            appended[topic, partition] = Appended(answer.int16(), answer.int64(), answer.int64())
            answer.int64()
    return appended


def add_offsets(name: str, producer: Producer, group: str) -> bytes:
    """Let the transaction commit offsets of this group."""
    return string(name) + PRODUCER.pack(*producer) + string(group)


def error_answer(answer: Answer) -> int:
    """Return the error code, all that ADD_OFFSETS and END_TXN answer."""
    answer.int32()
    return answer.int16()


class Member(NamedTuple):
    """The membership that offsets are committed under: the group refuses another generation than its own."""

    group: str
    generation: int
    id: str
    instance: str | None


def txn_offset_commit(name: str, producer: Producer, member: Member, offsets: Mapping[tuple[str, int], int]) -> bytes:
    """Commit these offsets with the transaction."""
    topics: dict[str, list[bytes]] = {}
    for (topic, partition), offset in offsets.items():
        own = struct.pack(">iqi", partition, offset, -1) + compact("") + NO_TAGS
        topics.setdefault(topic, []).append(own)
    members = [compact(topic) + compact_array(own) + NO_TAGS for topic, own in topics.items()]
    return b"".join(
        (
            compact(name),
            compact(member.group),
            PRODUCER.pack(*producer),
            int32(member.generation),
            compact(member.id),
            compact(member.instance),
            compact_array(members),
            NO_TAGS,
        )
    )


def txn_offset_commit_answer(answer: Answer) -> dict[tuple[str, int], int]:
    """Return the error code of each partition, 0 for success."""
    return _codes_by_place(answer, answer.compact_array, answer.compact, answer.tags)


def end_txn(name: str, producer: Producer, *, commit: bool) -> bytes:
    """Commit or abort."""
    return string(name) + PRODUCER.pack(*producer) + (b"\x01" if commit else b"\x00")


def _codes_by_place(
    answer: Answer,
    array: Callable[[Callable[[], None]], list[None]],
    string: Callable[[], str],
    tags: Callable[[], None],
) -> dict[tuple[str, int], int]:
    codes: dict[tuple[str, int], int] = {}

    def topic() -> None:
        name = string()

        def partition() -> None:
            place = name, answer.int32()
            codes[place] = answer.int16()
            tags()

        array(partition)
        tags()

    answer.int32()
    array(topic)
    return codes
