"""What our producer says in an epoch to brokers that agree: which requests, in which order, to whom.

Every test here and beside it ends with the rule (`tests.support.scripted_cluster.violations`): under an epoch of the
producer in which something was not answered, or not with success, nothing more is sent but EndTxn, until the name is
taken again.
"""

from __future__ import annotations

import pytest

from streams.kafka import appending as kafka_appending
from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    INIT_PRODUCER_ID,
    NO_TAGS,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    batch_producer,
)
from tests.support.scripted_broker import says
from tests.support.scripted_cluster import PRODUCER_ID, STAMP_MS
from tests.support.scripted_producer import MEMBER, OFFSETS, producing, record

NAME, GROUP = "p.leadflow-w1", "p.leadflow"
EPOCH = [ADD_PARTITIONS, PRODUCE, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN]
STEPS = EPOCH[:4]


def test_an_epoch_is_five_requests_in_the_order_that_is_safe() -> None:
    with producing() as line:
        line.producer.connect()
        line.epoch(("out", 0), ("out", 3), ("more", 7))
        line.epoch()
        assert line.cluster.kinds() == [INIT_PRODUCER_ID, *EPOCH, *EPOCH]
        assert line.renewals == ["first"]
        assert not line.armed


def test_what_is_said_in_an_epoch_is_what_was_meant() -> None:
    with producing() as line:
        line.producer.connect()
        line.epoch(("out", 0), ("out", 3), ("more", 7))
        init, add, produce, offsets, commit_offsets, end = (asked.fields for asked in line.cluster.of(*STEPS, 22, 26))
        assert init == (NAME, 10_000, -1, -1, NO_TAGS)
        assert add == (NAME, PRODUCER_ID, 0, [("more", [7]), ("out", [0, 3])])
        assert produce[:3] == (NAME, -1, 750)
        assert [(topic, [number for number, _ in own]) for topic, own in produce[3]] == [("out", [0, 3]), ("more", [7])]
        assert offsets == (NAME, PRODUCER_ID, 0, GROUP)
        partitions = [(0, 5, -1, "", NO_TAGS)]
        assert commit_offsets[:7] == (NAME, GROUP, PRODUCER_ID, 0, MEMBER.generation, MEMBER.member, NAME)
        assert commit_offsets[7:] == ([("p.in", partitions, NO_TAGS)], NO_TAGS)
        assert end == (NAME, PRODUCER_ID, 0, True)
        assert {asked.client for asked in line.cluster.asked} == {f"{NAME}-producer"}


def test_a_member_that_is_not_static_has_no_instance() -> None:
    with producing(static=False) as line:
        line.producer.connect()
        line.epoch()
        assert line.cluster.of(TXN_OFFSET_COMMIT)[0].fields[6] is None


def test_partitions_are_added_once_and_sequences_go_on_from_flush_to_flush() -> None:
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        assert line.flush(("out", 0), ("out", 1)) == {("out", 0): (100, 100), ("out", 1): (100, 100)}
        line.producer.produce("out", 0, [record("out")] * 3)
        assert line.flush(("out", 2)) == {("out", 0): (101, 103), ("out", 2): (100, 100)}
        assert line.producer.flush() == {}
        line.producer.send_offsets(OFFSETS, MEMBER)
        line.producer.commit()
        assert [asked.fields[3] for asked in line.cluster.of(ADD_PARTITIONS)] == [[("out", [0, 1])], [("out", [2])]]


def test_an_epoch_in_which_nothing_was_written_says_nothing() -> None:
    with producing() as line:
        line.producer.connect()
        for end in (line.producer.commit, line.producer.abort):
            line.producer.begin()
            line.producer.flush()
            end()
            assert not line.armed
        assert line.cluster.kinds() == [INIT_PRODUCER_ID]


def test_what_was_queued_and_aborted_is_not_sent_with_the_next_epoch() -> None:
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        line.producer.produce("out", 5, [record("out")])
        line.producer.abort()
        line.epoch(("out", 1))
        assert [own[0][0] for _, own in line.cluster.of(PRODUCE)[0].fields[3]] == [1]


def test_each_leader_has_its_own_request_and_each_offset_is_told() -> None:
    with producing(nodes=3) as line:
        line.cluster.leaders = {("out", 1): 1, ("out", 2): 2}
        line.cluster.coordinators = {NAME: 1, GROUP: 2}
        line.cluster.ends = {("out", 0): 7, ("out", 1): 17, ("out", 2): 27}
        line.producer.connect()
        line.producer.begin()
        places = [("out", number) for number in (0, 1, 2)]
        assert line.flush(*places) == {place: (7 + 10 * place[1],) * 2 for place in places}
        line.producer.send_offsets(OFFSETS, MEMBER)
        line.producer.commit()
        sent = {asked.node: [number for _, own in asked.fields[3] for number, _ in own] for asked in line.cluster.of(0)}
        assert sent == {0: [0], 1: [1], 2: [2]}
        assert {asked.node for asked in line.cluster.of(INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN)} == {1}
        assert {asked.node for asked in line.cluster.of(TXN_OFFSET_COMMIT)} == {2}


def test_many_records_of_one_partition_go_in_several_requests_in_their_order() -> None:
    with producing(default_record_bytes=1_000) as line:
        line.producer.connect()
        line.producer.begin()
        line.producer.produce("out", 0, [record("out", b"%03d" % number + b"x" * 300) for number in range(10)])
        line.producer.produce("out", 1, [record("out")])
        assert line.producer.flush() == {("out", 0): (100, 109), ("out", 1): (100, 100)}
        line.producer.abort()
        requests = [asked.fields[3] for asked in line.cluster.of(PRODUCE)]
        assert len(requests) == 5
        own = [batch for request in requests for _, places in request for number, batch in places if number == 0]
        assert [batch_producer(batch)[2] for batch in own] == [0, 2, 4, 6, 8]
        assert [batch.index(b"%03d" % (2 * at)) > 0 for at, batch in enumerate(own)] == [True] * 5


def test_a_request_is_not_longer_than_brokers_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_appending, "REQUEST_BYTES_MAX", 1_000)
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        for number in range(8):
            line.producer.produce("out", number, [record("out", b"x" * 300)])
        assert len(line.producer.flush()) == 8
        line.producer.abort()
        assert [len(asked.fields[3][0][1]) for asked in line.cluster.of(PRODUCE)] == [2, 2, 2, 2]


def test_the_brokers_clock_is_told_by_an_epoch() -> None:
    with producing() as line:
        line.producer.connect()
        assert line.producer.clock_sample is None
        line.epoch()
        assert line.producer.clock_sample is not None
        assert line.producer.clock_sample[1] == STAMP_MS


def test_the_brokers_clock_is_told_where_one_topic_of_several_has_it() -> None:
    """Others keep the time of their records' making; and of an epoch that tells none the one before is no news."""
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        stamps = {0: -1, 1: STAMP_MS + 1, 2: -1}
        line.cluster.script(PRODUCE, says([("out", [(at, 0, 5, stamp, 0) for at, stamp in stamps.items()])], 0))
        line.cluster.script(PRODUCE, says([("out", [(0, 0, 6, -1, 0)])], 0))
        line.flush(*[("out", at) for at in stamps])
        assert line.producer.clock_sample is not None
        assert line.producer.clock_sample[1] == STAMP_MS + 1
        line.producer.clock_sample = None
        line.flush(("out", 0))
        assert line.producer.clock_sample is None
        line.producer.abort()
