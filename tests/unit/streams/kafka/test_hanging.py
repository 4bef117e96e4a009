"""Transactions of ours that were not ended everywhere: found, and ended as they were elsewhere, before we write on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.errors import EpochLost, NeedsPerson, Unavailable
from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    DESCRIBE_PRODUCERS,
    DESCRIBE_TRANSACTIONS,
    INIT_PRODUCER_ID,
    METADATA,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    WRITE_MARKERS,
)
from tests.support.scripted_broker import Asked, Peer, Reply, closes, says
from tests.support.scripted_cluster import PRODUCER_ID, ScriptedCluster, added, marked, metadata, writers
from tests.support.scripted_producer import MEMBER, Producing, producing

HERE, THERE, THEIRS = ("p.out", 3), ("p.sold", 1), ("q.out", 0)
OFFSETS = ("__consumer_offsets", 0)
"""Where the group of these tests has its offsets, of eight partitions."""

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
        assert line.cluster.ended == {HERE: False, THERE: False, OFFSETS: False}
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
        line.cluster.script(WRITE_MARKERS, refusing(marked, line.cluster, 6))
        with pytest.raises(Unavailable, match="NOT_LEADER"):
            line.producer.connect()
        line.producer.connect()
        assert line.cluster.hanging == {}
        assert line.renewals == ["first"]


def test_what_could_not_be_seen_when_the_name_was_taken_is_looked_at_before_offsets_are_read() -> None:
    """A partition may get its leader a moment later, and a restore would wait for what hangs there for ever."""
    with producing() as line:
        line.cluster.hanging = {HERE: 0}
        line.cluster.script(METADATA, says(*metadata(line.cluster, ["p.out"], frozenset({HERE}))))
        line.producer.connect()
        assert line.cluster.hanging == {HERE: 0}
        line.cluster.script(DESCRIBE_PRODUCERS, closes, refusing(writers, line.cluster, 6))
        for _ in range(2):
            line.producer.end_what_hangs()
            assert line.cluster.hanging == {HERE: 0}
        line.producer.end_what_hangs()
        assert line.cluster.hanging == {}
        looked = len(line.cluster.of(DESCRIBE_PRODUCERS))
        line.producer.end_what_hangs()
        assert len(line.cluster.of(DESCRIBE_PRODUCERS)) == looked, "all was seen"


def test_a_strangers_partition_that_cannot_be_looked_at_keeps_nobody_from_the_name() -> None:
    with producing() as line:
        line.cluster.hanging = {THERE: 0}
        line.cluster.always(DESCRIBE_PRODUCERS, refusing(writers, line.cluster, 56))  # its disk has failed
        line.producer.connect()
        line.cluster.always(DESCRIBE_PRODUCERS, None)
        line.epoch(("p.out", 0))


def test_within_a_transaction_nothing_is_looked_for_again() -> None:
    with producing() as line:
        line.cluster.hanging = {HERE: 0}
        line.cluster.script(METADATA, says(*metadata(line.cluster, ["p.out"], frozenset({HERE}))))
        line.until_commit(("p.out", 0))
        line.producer.end_what_hangs()
        assert line.cluster.hanging == {HERE: 0}
        line.producer.abort()
        line.producer.end_what_hangs()
        assert line.cluster.hanging == {}
        assert line.renewals == ["first", "abort"]


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
        with pytest.raises(NeedsPerson, match=r"p\.out-3.*ClusterAction"):
            line.producer.connect()


def test_what_may_not_be_looked_at_is_said_and_written_to_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(DESCRIBE_PRODUCERS, refusing(writers, line.cluster, 29))
        line.epoch(("p.out", 0))
        assert "p.out" in caplog.text
        assert "nobody looks for transactions of ours that hang: Kafka refuses us Read on topic" in caplog.text


# --- as it was ended elsewhere ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["PrepareCommit", "CompleteCommit"])
def test_what_hangs_of_a_former_process_whose_last_transaction_was_committed_is_committed(state: str) -> None:
    with producing() as line:
        line.cluster.last, line.cluster.hanging_epoch, line.cluster.hanging = (state, 4), 4, {HERE: 0, OFFSETS: 0}
        line.producer.connect()
        assert line.cluster.ended == {HERE: True, OFFSETS: True}
        kinds = line.cluster.kinds(DESCRIBE_TRANSACTIONS, INIT_PRODUCER_ID)
        assert kinds == [DESCRIBE_TRANSACTIONS, INIT_PRODUCER_ID], "once the name is taken nobody knows any more"


@pytest.mark.parametrize("last", [("CompleteCommit", 5), ("CompleteAbort", 4), ("Ongoing", 4), ("Empty", 4)])
def test_what_hangs_of_another_epoch_or_of_an_aborted_transaction_is_aborted(last: tuple[str, int]) -> None:
    with producing() as line:
        line.cluster.last, line.cluster.hanging_epoch, line.cluster.hanging = last, 4, {HERE: 0, OFFSETS: 0}
        line.producer.connect()
        assert line.cluster.ended == {HERE: False, OFFSETS: False}


def test_how_the_last_transaction_ended_is_asked_until_it_is_answered_and_kept() -> None:
    with producing() as line:
        line.cluster.last, line.cluster.hanging_epoch, line.cluster.hanging = ("CompleteCommit", 4), 4, {HERE: 0}
        line.cluster.script(DESCRIBE_TRANSACTIONS, closes)
        with pytest.raises(Unavailable):
            line.producer.connect()
        assert line.cluster.of(INIT_PRODUCER_ID) == []
        line.cluster.script(DESCRIBE_PRODUCERS, closes)
        with pytest.raises(Unavailable):
            line.producer.connect()
        line.cluster.last = ("Empty", 5)
        line.producer.connect()
        assert line.cluster.ended == {HERE: True}


@pytest.mark.parametrize("since", [100, 101])
def test_what_we_committed_ourselves_is_committed_and_what_begins_behind_it_aborted(since: int) -> None:
    with producing() as line:
        line.epoch(("p.out", 0))  # its record stands at 100
        line.cluster.hanging_since, line.cluster.hanging = since, {("p.out", 0): 0, ("p.out", 1): 0}
        line.cluster.script(ADD_PARTITIONS, closes)  # its broker was started again
        with pytest.raises(EpochLost):
            line.until_commit(("p.out", 1))
        line.producer.abort()
        line.producer.begin()
        assert line.cluster.ended == {("p.out", 0): since == 100, ("p.out", 1): False}


def test_what_an_aborted_transaction_wrote_is_not_taken_for_committed_with_the_next_one() -> None:
    with producing() as line:
        line.until_commit(("p.out", 0))  # at 100
        line.producer.abort()
        line.epoch(("p.out", 1))
        line.until_commit(("p.out", 1))
        line.producer.abort()
        line.cluster.hanging_since, line.cluster.hanging = 100, {("p.out", 0): 0}
        line.producer.begin()
        assert line.cluster.ended == {("p.out", 0): False}


@pytest.mark.parametrize("key", [ADD_PARTITIONS, TXN_OFFSET_COMMIT])
def test_offsets_are_committed_unless_others_were_sent_since(key: int) -> None:
    with producing() as line:
        line.cluster.hanging = {OFFSETS: 0}  # so that the topic is there
        line.epoch(("p.out", 0))
        line.cluster.hanging, line.cluster.ended = {OFFSETS: 0}, {}
        line.cluster.script(key, closes)
        with pytest.raises(EpochLost):
            line.until_commit(("p.out", 0))
        line.producer.abort()
        line.producer.begin()
        assert line.cluster.ended == {OFFSETS: key == ADD_PARTITIONS}


# --- when it is looked at ---------------------------------------------------------------------------------------------


def reconnect(line: Producing) -> None:
    """Let the next request need a new connection, without one that was lost: a log-in is over, or it was idle."""
    for connection in line.producer._brokers._connections.values():
        connection.ends = 0.0


def test_a_partition_is_looked_at_again_before_more_is_written_over_another_connection() -> None:
    with producing() as line:
        line.cluster.hanging = {OFFSETS: 0}
        line.epoch(("p.out", 0))
        line.cluster.hanging, line.cluster.hanging_since, line.cluster.ended = {("p.out", 0): 0, OFFSETS: 0}, 100, {}
        reconnect(line)
        line.epoch(("p.out", 0))
        assert line.cluster.ended == {("p.out", 0): True, OFFSETS: True}
        assert line.renewals == ["first"]


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS])
def test_a_commit_whose_ends_are_still_being_written_is_not_taken_for_one_that_hangs(key: int) -> None:
    """The coordinator has answered the commit, and writes its ends; it lets the next one in when all are written."""
    with producing() as line:
        line.cluster.hanging = {OFFSETS: 0}
        line.epoch(("p.out", 0))
        line.cluster.hanging = {("p.out", 0): 0, OFFSETS: 0}
        line.cluster.hanging_since = 100

        def ends_written(peer: Peer, asked: Asked) -> None:
            line.cluster.hanging = {}
            says(*(added(asked) if key == ADD_PARTITIONS else (0, 0)))(peer, asked)

        line.cluster.script(key, ends_written)
        reconnect(line)
        if key == ADD_PARTITIONS:
            line.epoch(("p.out", 0))
        else:
            line.producer.begin()
            line.producer.send_offsets({("p.in", 0): 1}, MEMBER)
            line.producer.commit()
        assert [asked.fields[0] for asked in line.cluster.of(WRITE_MARKERS)][1:] == []


def test_what_the_open_transaction_wrote_is_never_taken_for_what_hangs() -> None:
    with producing() as line:
        line.cluster.hanging = {OFFSETS: 0}
        line.producer.begin()
        line.flush(("p.out", 0))
        line.cluster.hanging = {("p.out", 0): 0}
        reconnect(line)
        line.write(("p.out", 0), ("p.out", 1))
        line.producer.commit()
        assert line.cluster.hanging == {("p.out", 0): 0}


def test_offsets_whose_partition_had_no_leader_are_looked_at_before_the_first_ones_are_sent() -> None:
    with producing() as line:
        line.cluster.hanging = {OFFSETS: 0}
        line.cluster.script(METADATA, *[says(*metadata(line.cluster, [OFFSETS[0]], frozenset({OFFSETS})))] * 2)
        line.producer.connect()
        assert line.cluster.ended == {}
        line.epoch(("p.out", 0))
        assert line.cluster.ended == {OFFSETS: False}
        kinds = line.cluster.kinds(WRITE_MARKERS, ADD_OFFSETS, TXN_OFFSET_COMMIT)
        assert kinds == [ADD_OFFSETS, WRITE_MARKERS, TXN_OFFSET_COMMIT]
