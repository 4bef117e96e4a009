"""Transactions of ours that nobody ended: found and aborted before this process writes where they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.errors import EpochLost, NeedsPerson, Unavailable
from tests.support.kafka_layouts import ADD_PARTITIONS, DESCRIBE_PRODUCERS, INIT_PRODUCER_ID, PRODUCE, WRITE_MARKERS
from tests.support.scripted_broker import Asked, Peer, Reply, closes, says
from tests.support.scripted_cluster import PRODUCER_ID, ScriptedCluster, marked, writers
from tests.support.scripted_producer import producing

HERE, THERE, THEIRS = ("p.out", 3), ("p.sold", 1), ("q.out", 0)
OFFSETS = ("__consumer_offsets", 7)

IN_ORDER = (INIT_PRODUCER_ID, DESCRIBE_PRODUCERS, WRITE_MARKERS, ADD_PARTITIONS, PRODUCE)


def refusing(made: Callable[[ScriptedCluster, Asked, int], object], cluster: ScriptedCluster, code: int) -> Reply:
    def reply(peer: Peer, asked: Asked) -> None:
        fields: object = made(cluster, asked, code)
        assert isinstance(fields, tuple)
        says(*fields)(peer, asked)

    return reply


def test_what_hangs_is_aborted_once_the_name_is_taken_and_before_anything_is_written() -> None:
    with producing(nodes=2) as line:
        line.cluster.hanging = {HERE: 4, THERE: -1, THEIRS: 0, OFFSETS: 4}
        line.cluster.leaders = {THERE: 1}
        line.producer.connect()
        assert line.cluster.hanging == {THEIRS: 0}, "of other topics nothing is ours"
        markers = [marker for asked in line.cluster.of(WRITE_MARKERS) for marker in asked.fields[0]]
        assert {marker[:3] for marker in markers} == {(PRODUCER_ID, line.cluster.epoch, False)}
        assert {marker[4] for marker in markers} == {4, 0}, "as the coordinator's epoch is known there"
        line.epoch(HERE)
        kinds = line.cluster.kinds(*IN_ORDER)
        assert [kind for at, kind in enumerate(kinds) if kind not in kinds[:at]] == [*IN_ORDER]


def test_where_nothing_hangs_no_marker_is_written_and_each_partition_is_looked_at_once() -> None:
    with producing() as line:
        for _ in range(3):
            line.epoch(("p.out", 0), ("p.out", 1))
        looked = [place for asked in line.cluster.of(DESCRIBE_PRODUCERS) for place in asked.fields[0]]
        assert looked == [("p.out", [0, 1], {})]
        assert line.cluster.of(WRITE_MARKERS) == []


def test_a_partition_without_a_leader_when_the_name_was_taken_again_is_looked_at_again() -> None:
    with producing() as line:
        line.epoch(("p.out", 0))
        line.until_commit(("p.out", 0))
        line.producer.abort()
        line.producer._brokers.forget()  # as after a lost connection
        line.producer.begin()
        line.cluster.hanging = {("p.out", 0): 1}
        line.write(("p.out", 0))
        line.producer.commit()
        assert line.cluster.hanging == {}


def test_many_partitions_are_asked_for_in_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.hanging.PLACES_MAX", 3)
    with producing() as line:
        line.cluster.hanging = {HERE: 0, ("p.out", 7): 0}
        line.producer.connect()
        asked = [own for asked in line.cluster.of(DESCRIBE_PRODUCERS) for _, own, _ in asked.fields[0]]
        assert asked == [[0, 1, 2], [3, 4, 5], [6, 7]]
        assert line.cluster.hanging == {}


def test_a_partition_that_had_no_leader_is_looked_at_before_its_first_record() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.hanging = {("p.out", 0): 2}
        line.epoch(("p.out", 0))
        assert line.cluster.hanging == {}
        kinds = line.cluster.kinds(WRITE_MARKERS, PRODUCE)
        assert kinds == [WRITE_MARKERS, PRODUCE]


def test_after_an_abort_all_are_looked_at_again() -> None:
    """The end that we asked for may have passed over a partition that had no leader then."""
    with producing() as line:
        line.epoch(("p.out", 0))
        line.until_commit(("p.out", 0))
        line.producer.abort()
        line.cluster.hanging = {("p.out", 0): 1, OFFSETS: 1}
        line.epoch(("p.out", 1))
        assert line.cluster.hanging == {}


@pytest.mark.parametrize("kind", [DESCRIBE_PRODUCERS, WRITE_MARKERS])
def test_a_name_that_cannot_be_looked_into_is_not_taken_yet(kind: int) -> None:
    with producing() as line:
        line.cluster.hanging = {HERE: 0}
        line.cluster.script(kind, closes)
        with pytest.raises(Unavailable):
            line.producer.connect()
        line.cluster.script(kind, refusing(writers if kind == DESCRIBE_PRODUCERS else marked, line.cluster, 6))
        with pytest.raises(Unavailable, match="NOT_LEADER"):
            line.producer.connect()
        line.producer.connect()
        assert line.cluster.hanging == {}
        assert line.renewals == ["first"]


def test_later_a_look_that_fails_loses_the_epoch_and_is_taken_again() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.hanging = {("p.out", 0): 0}
        line.cluster.script(DESCRIBE_PRODUCERS, refusing(writers, line.cluster, 6))
        with pytest.raises(EpochLost, match=r"p\.out"):
            line.until_commit(("p.out", 0))
        line.producer.abort()
        assert line.cluster.of(PRODUCE) == []
        line.epoch(("p.out", 0))
        assert line.cluster.hanging == {}


def test_who_may_not_end_it_is_told_what_to_do() -> None:
    with producing() as line:
        line.cluster.hanging = {HERE: 0}
        line.cluster.script(WRITE_MARKERS, refusing(marked, line.cluster, 31))
        with pytest.raises(NeedsPerson, match=r"p\.out-3.*ClusterAction.*kafka-transactions"):
            line.producer.connect()


def test_what_may_not_be_looked_at_is_said_and_written_to_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(DESCRIBE_PRODUCERS, refusing(writers, line.cluster, 29))
        line.epoch(("p.out", 0))
        assert "p.out" in caplog.text
        assert "allow us to read" in caplog.text
