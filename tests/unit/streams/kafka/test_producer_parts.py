"""What our producer makes of answers that refuse a part of what was asked, or say nothing of it."""

from __future__ import annotations

import pytest

from schemas.errors import EpochLost, Fenced, LeadflowError, NeedsPerson, StateInDoubt
from streams.kafka.permissions import Forbidden
from tests.support.kafka_layouts import (
    ADD_PARTITIONS,
    NO_TAGS,
    PRODUCE,
    TXN_OFFSET_COMMIT,
)
from tests.support.scripted_broker import (
    Reply,
    closes,
    says,
)
from tests.support.scripted_cluster import added, appended, refuses
from tests.support.scripted_producer import Producing, producing, record


def refused_in_part(line: Producing, errors: dict[tuple[str, int], int]) -> Reply:
    """Append all batches but these."""
    return lambda peer, asked: says(*appended(line.cluster, asked, errors))(peer, asked)


def test_one_refused_partition_of_several_loses_the_epoch_and_is_named() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(PRODUCE, refused_in_part(line, {("more", 2): 10}))
        with pytest.raises(EpochLost, match=r"more \(MSG_SIZE_TOO_LARGE\)") as raised:
            line.epoch(("out", 0), ("more", 2), ("more", 3))
        assert "out" not in str(raised.value)


@pytest.mark.parametrize(("worst", "kind"), [(29, Forbidden), (47, Fenced), (48, StateInDoubt)])
def test_the_worst_error_of_several_partitions_decides(worst: int, kind: type[LeadflowError]) -> None:
    places = [("out", 0), ("out", 1), ("out", 2)]
    for at in range(3):
        with producing() as line:
            line.producer.connect()
            errors = dict.fromkeys(places, 45) | {places[at]: worst}
            line.cluster.script(PRODUCE, refused_in_part(line, errors))
            with pytest.raises(LeadflowError) as raised:
                line.epoch(*places)
            assert type(raised.value) is kind


def test_the_first_refusal_of_a_partition_is_told_and_not_what_follows_from_it() -> None:
    with producing(default_record_bytes=1_000) as line:
        line.producer.connect()
        line.producer.begin()
        line.cluster.script(PRODUCE, refuses(10), refuses(45))
        line.producer.produce("out", 0, [record("out", b"x" * 600)] * 2)
        with pytest.raises(EpochLost, match="MSG_SIZE_TOO_LARGE"):
            line.producer.flush()


def test_a_batch_of_which_the_broker_says_nothing_is_not_taken_for_appended() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(PRODUCE, says([("out", [(0, 0, 5, -1, 0)])], 0))
        with pytest.raises(EpochLost, match="out"):
            line.epoch(("out", 0), ("out", 1))


def test_a_partition_of_which_the_broker_says_nothing_is_not_taken_for_added() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(ADD_PARTITIONS, says(0, [("out", [(0, 0)])]))
        with pytest.raises(EpochLost):
            line.epoch(("out", 0), ("out", 1))


def test_offsets_of_which_the_broker_says_nothing_are_not_taken_for_committed() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(TXN_OFFSET_COMMIT, says(0, [], NO_TAGS))
        with pytest.raises(EpochLost):
            line.epoch()


def test_what_was_not_tried_for_anothers_sake_says_nothing_of_its_own() -> None:
    with producing() as line:
        line.producer.connect()
        errors = {("out", 0): 55, ("out", 1): 29, ("out", 2): 55}
        line.cluster.script(ADD_PARTITIONS, lambda peer, asked: says(*added(asked, errors))(peer, asked))
        with pytest.raises(NeedsPerson):
            line.epoch(*errors)


def test_partitions_that_were_not_tried_are_not_added() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(ADD_PARTITIONS, refuses(55))
        with pytest.raises(EpochLost):
            line.epoch()


def test_a_leader_that_is_none_any_more_is_looked_for_again() -> None:
    with producing(nodes=2) as line:
        line.producer.connect()
        line.epoch()
        line.cluster.script(PRODUCE, refuses(6))
        with pytest.raises(EpochLost, match="NOT_LEADER"):
            line.epoch()
        line.producer.abort()
        line.cluster.leaders[("out", 0)] = 1
        line.epoch()
        assert [asked.node for asked in line.cluster.of(PRODUCE)] == [0, 0, 1]


def test_one_leader_of_several_that_is_lost_loses_the_epoch() -> None:
    with producing(nodes=3) as line:
        line.cluster.leaders = {("out", 1): 1, ("out", 2): 2}
        places = [("out", number) for number in (0, 1, 2)]
        line.producer.connect()
        line.epoch(*places)
        line.cluster.script(PRODUCE, closes, node=1)
        with pytest.raises(EpochLost):
            line.epoch(*places)
        line.producer.abort()
        line.cluster.leaders = {}
        line.epoch(*places)
        assert line.renewals == ["first", "connection"]
        assert [asked.node for asked in line.cluster.of(PRODUCE)][-1] == 0, "leaders are looked for again"
