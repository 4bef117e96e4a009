"""Every request and every answer of our producer, held against aiokafka's layouts and those written out by hand."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from streams.kafka import wire
from streams.kafka.bytes import Answer, Malformed
from tests.support.chance import any_text, draws
from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    API_VERSIONS,
    END_TXN,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    METADATA,
    NO_TAGS,
    PRODUCE,
    REQUESTS,
    TXN_OFFSET_COMMIT,
    VERSIONS,
    answer_body,
    request_of,
)

EXAMPLES = 40
Place = tuple[str, int]


def a_producer(draw: random.Random) -> wire.Producer:
    return wire.Producer(draw.randrange(1 << 63), draw.randrange(1 << 15))


def places(draw: random.Random) -> list[Place]:
    """Return some partitions of some topics, those of one topic not always beside each other."""
    topics = [f"topic.{number}" for number in range(draw.randint(1, 4))]
    found = {(draw.choice(topics), draw.randrange(1 << 31)) for _ in range(draw.randrange(12))}
    return draw.sample(sorted(found), len(found))


def by_topic(found: list[Place]) -> dict[str, list[int]]:
    """Return partitions by topic, in the order of their first mention."""
    topics: dict[str, list[int]] = {}
    for topic, partition in found:
        topics.setdefault(topic, []).append(partition)
    return topics


# --- requests: aiokafka reads what was meant, and writes the same bytes ---------------------------------------------


def says_the_same(key: int, body: bytes, fields: tuple[Any, ...]) -> None:
    """Hold a request against aiokafka's, both ways."""
    assert request_of(key, body) == fields
    assert REQUESTS[key].encode(fields) == body


def test_requests_say_what_was_meant() -> None:
    for _, draw in draws(EXAMPLES):
        name, group, producer, found = any_text(draw, 20), any_text(draw, 20), a_producer(draw), places(draw)
        topics, whom = by_topic(found), (producer.id, producer.epoch)
        timeout, commit = draw.randrange(1 << 31), draw.random() < 0.5
        says_the_same(METADATA, wire.metadata(topics), (list(topics), False))
        says_the_same(FIND_COORDINATOR, wire.find_coordinator(name, wire.OF_TRANSACTION), (name, 1))
        says_the_same(FIND_COORDINATOR, wire.find_coordinator(group, wire.OF_GROUP), (group, 0))
        init = wire.init_producer_id(name, timeout, producer)
        says_the_same(INIT_PRODUCER_ID, init, (name, timeout, *whom, NO_TAGS))
        says_the_same(ADD_PARTITIONS, wire.add_partitions(name, producer, found), (name, *whom, list(topics.items())))
        says_the_same(ADD_OFFSETS, wire.add_offsets(name, producer, group), (name, *whom, group))
        says_the_same(END_TXN, wire.end_txn(name, producer, commit=commit), (name, *whom, commit))


def test_produce_holds_each_batch_for_its_partition() -> None:
    for _, draw in draws(EXAMPLES):
        name, found = any_text(draw, 20), places(draw)
        batches: dict[Place, bytes | bytearray] = {
            place: bytearray(draw.randbytes(draw.randrange(80))) for place in found
        }
        body = b"".join(wire.produce(name, 4000, batches))
        topics = [(topic, [(at, batches[topic, at]) for at in own]) for topic, own in by_topic(found).items()]
        says_the_same(PRODUCE, body, (name, -1, 4000, topics))


@pytest.mark.parametrize("instance", [None, "p.leadflow-w1"])
def test_offsets_are_committed_under_the_membership(instance: str | None) -> None:
    for _, draw in draws(EXAMPLES):
        name, producer, found = any_text(draw, 20), a_producer(draw), places(draw)
        member = wire.Member(any_text(draw, 20), draw.randrange(1 << 31), any_text(draw, 200), instance)
        offsets = {place: draw.randrange(1 << 63) for place in found}
        body = wire.txn_offset_commit(name, producer, member, offsets)
        topics = [
            (topic, [(at, offsets[topic, at], -1, "", NO_TAGS) for at in own], NO_TAGS)
            for topic, own in by_topic(found).items()
        ]
        whose = (member.generation, member.id, instance)
        fields = (name, member.group, producer.id, producer.epoch, *whose, topics, NO_TAGS)
        says_the_same(TXN_OFFSET_COMMIT, body, fields)


def test_nobody_is_who_takes_a_name_from_anybody() -> None:
    assert wire.init_producer_id("w1", 10_000, wire.NOBODY) == (
        b"\x03w1"  # transactional id, compact: length and one
        b"\x00\x00\x27\x10"  # time-out of transactions
        b"\xff\xff\xff\xff\xff\xff\xff\xff"  # producer id -1
        b"\xff\xff"  # producer epoch -1
        b"\x00"  # no tagged fields
    )


def test_a_commit_of_offsets_written_out_by_hand() -> None:
    member = wire.Member("g", 7, "m", None)
    assert wire.txn_offset_commit("w1", wire.Producer(5, 6), member, {("in", 3): 9}) == (
        b"\x03w1\x02g"  # transactional id, group
        b"\x00\x00\x00\x00\x00\x00\x00\x05\x00\x06"  # producer
        b"\x00\x00\x00\x07\x02m\x00"  # generation, member, no instance
        b"\x02\x03in"  # one topic
        b"\x02\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x09\xff\xff\xff\xff\x01\x00"  # partition, offset
        b"\x00\x00"  # no tagged fields, of the topic and of all
    )


# --- answers --------------------------------------------------------------------------------------------------------


def test_what_a_broker_lacks_is_told() -> None:
    def versions(**lacks: tuple[int, int]) -> list[str]:
        known = [(key, *lacks.get(f"k{key}", (0, version + 3))) for key, version in VERSIONS.items()]
        return wire.missing(Answer(answer_body(API_VERSIONS, (0, [row for row in known if row[1] >= 0]))))

    assert versions() == []
    assert versions(k0=(0, 6), k28=(4, 9), k22=(-1, -1)) == ["Produce", "InitProducerId", "TxnOffsetCommit"]
    assert [(api.key, api.version) for api in wire.NEEDED] == [(k, v) for k, v in VERSIONS.items() if k != API_VERSIONS]


def test_an_error_to_the_question_for_versions_tells_nothing() -> None:
    with pytest.raises(Malformed, match="35"):
        wire.missing(Answer(answer_body(API_VERSIONS, (35, []))))


@pytest.mark.parametrize("rack", [None, "", "eu-1a"])
def test_metadata_tells_who_leads(rack: str | None) -> None:
    brokers = [(1, "one", 9092, rack), (2, "two", 9093, rack)]
    led = [(0, 0, 1, [1, 2], [1]), (5, 1, -1, [], []), (0, 7, 2, [2], [2, 1])]
    topics = [(0, "out", False, led), (3, "gone", False, []), (0, "in", True, [(0, 0, 2, [], [])])]
    cluster = wire.metadata_answer(Answer(answer_body(METADATA, (9, brokers, rack, -1, topics))))
    assert cluster.addresses == {1: ("one", 9092), 2: ("two", 9093)}
    assert cluster.leaders == {("out", 0): 1, ("out", 7): 2, ("in", 0): 2}
    assert cluster.errors == {"gone": 3}


@pytest.mark.parametrize("message", [None, "why"])
def test_a_coordinator_is_told_with_its_address(message: str | None) -> None:
    body = answer_body(FIND_COORDINATOR, (0, 15, message, 1, "host", 9092))
    assert wire.find_coordinator_answer(Answer(body)) == (15, ("host", 9092))


def test_a_name_is_told_with_id_and_epoch() -> None:
    body = answer_body(INIT_PRODUCER_ID, (0, 51, 1 << 40, 32_766, NO_TAGS))
    assert wire.init_producer_id_answer(Answer(body)) == (51, wire.Producer(1 << 40, 32_766))


def test_error_codes_are_told_by_partition() -> None:
    for _, draw in draws(EXAMPLES):
        codes = {place: draw.choice((0, 0, 51, -1)) for place in places(draw)}
        topics = by_topic(list(codes))
        plain = [(topic, [(at, codes[topic, at]) for at in own]) for topic, own in topics.items()]
        assert wire.add_partitions_answer(Answer(answer_body(ADD_PARTITIONS, (0, plain)))) == codes
        flexible = [(topic, [(*place, NO_TAGS) for place in own], NO_TAGS) for topic, own in plain]
        body = answer_body(TXN_OFFSET_COMMIT, (0, flexible, NO_TAGS))
        assert wire.txn_offset_commit_answer(Answer(body)) == codes


def test_tagged_fields_of_a_later_broker_are_passed_over() -> None:
    body = (
        b"\x00\x00\x00\x00\x02"  # no throttle, one topic
        b"\x03in\x02\x00\x00\x00\x03\x00\x33"  # its partition 3: error 51
        b"\x01\x00\x02ab"  # a tagged field of the partition
        b"\x02\x01\x00\x02\x01x"  # two of the topic
        b"\x00"
    )
    assert wire.txn_offset_commit_answer(Answer(body)) == {("in", 3): 51}


def test_what_was_appended_is_told_by_partition() -> None:
    for _, draw in draws(EXAMPLES):
        found = {
            place: wire.Appended(draw.choice((0, 0, 10)), draw.randrange(-1, 1 << 62), draw.randrange(-1, 1 << 45))
            for place in places(draw)
        }
        topics = [(topic, [(at, *found[topic, at], 0) for at in own]) for topic, own in by_topic(list(found)).items()]
        assert wire.produce_answer(Answer(answer_body(PRODUCE, (topics, 0)))) == found


@pytest.mark.parametrize("key", [ADD_OFFSETS, END_TXN])
def test_an_answer_that_is_but_an_error_code(key: int) -> None:
    assert wire.error_answer(Answer(answer_body(key, (100, 47)))) == 47


# --- answers that are not whole, or not ones ------------------------------------------------------------------------

TWO_TOPICS = [("out", [(0, 0), (7, 51)]), ("in", [(1, 3)])]
TAGGED = [(topic, [(*place, NO_TAGS) for place in own], NO_TAGS) for topic, own in TWO_TOPICS]

WHOLE: dict[int, tuple[Callable[[Answer], object], tuple[Any, ...], int]] = {
    API_VERSIONS: (wire.missing, (0, [(key, 0, version) for key, version in VERSIONS.items()]), 0),
    METADATA: (
        wire.metadata_answer,
        (0, [(1, "one", 9092, None)], "id", 1, [(0, "out", False, [(0, 0, 1, [1], [1])] * 2)] * 2),
        0,
    ),
    FIND_COORDINATOR: (wire.find_coordinator_answer, (0, 0, "why", 1, "host", 9092), 0),
    INIT_PRODUCER_ID: (wire.init_producer_id_answer, (0, 0, 1, 2, NO_TAGS), 1),
    ADD_PARTITIONS: (wire.add_partitions_answer, (0, TWO_TOPICS), 0),
    PRODUCE: (wire.produce_answer, ([("out", [(0, 0, 1, 2, 3)] * 2)] * 2, 0), 4),
    TXN_OFFSET_COMMIT: (wire.txn_offset_commit_answer, (0, TAGGED, NO_TAGS), 1),
    END_TXN: (wire.error_answer, (0, 0), 0),
}
"""Parser, a good answer, and how many bytes at its end the parser has no need of."""


@pytest.mark.parametrize("key", WHOLE)
def test_an_answer_that_ends_too_early_is_malformed_wherever_it_ends(key: int) -> None:
    read, fields, unread = WHOLE[key]
    body = answer_body(key, fields)
    read(Answer(body))
    for size in range(len(body) - unread):
        with pytest.raises(Malformed):
            read(Answer(body[:size]))


@pytest.mark.parametrize("key", WHOLE)
def test_of_any_bytes_an_answer_is_read_or_malformed(key: int) -> None:
    """Noise, and good answers in which some bytes are others: nothing else is raised, and nothing takes long."""
    read, fields, _ = WHOLE[key]
    body = answer_body(key, fields)
    malformed = 0
    for _, draw in draws(300):
        spoilt = bytearray(body if draw.random() < 0.7 else draw.randbytes(draw.randrange(draw.choice((8, 100)))))
        for _ in range(draw.randrange(4) if spoilt else 0):
            spoilt[draw.randrange(len(spoilt))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        try:
            read(Answer(bytes(spoilt)))
        except Malformed:
            malformed += 1
    assert malformed > 10, "these examples spoil nothing"


@pytest.mark.parametrize("key", [API_VERSIONS, METADATA, ADD_PARTITIONS, PRODUCE, TXN_OFFSET_COMMIT])
def test_an_answer_that_claims_more_members_than_it_has_is_malformed(key: int) -> None:
    heads = {
        API_VERSIONS: struct.pack(">hi", 0, (1 << 31) - 1),
        METADATA: struct.pack(">ii", 0, (1 << 31) - 1),
        ADD_PARTITIONS: struct.pack(">ii", 0, (1 << 31) - 1),
        PRODUCE: struct.pack(">i", (1 << 31) - 1),
        TXN_OFFSET_COMMIT: struct.pack(">i", 0) + b"\xff\xff\xff\xff\x0f",
    }
    with pytest.raises(Malformed):
        WHOLE[key][0](Answer(heads[key] + bytes(1_000)))
