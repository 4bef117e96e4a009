"""What errors, lost answers and "not now" mean to our producer before the commit, and what it does then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.errors import EpochLost, Fenced, LeadflowError, NeedsPerson, StateInDoubt, Unavailable
from streams.kafka.permissions import Forbidden
from tests.support.kafka_layouts import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    batch_producer,
)
from tests.support.scripted_broker import (
    Asked,
    Reply,
    closes,
    keeps_silent,
    resets,
    says,
    says_bytes,
    says_half,
    says_of_another,
)
from tests.support.scripted_cluster import PRODUCER_ID, ScriptedCluster, added, appended, offsets_taken, refuses
from tests.support.scripted_producer import producing

NAME, GROUP = "p.leadflow-w1", "p.leadflow"
EPOCH = [ADD_PARTITIONS, PRODUCE, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN]
STEPS = EPOCH[:4]


MEANINGS: dict[int, type[LeadflowError]] = {
    -1: EpochLost,  # UNKNOWN_SERVER_ERROR
    3: EpochLost,  # UNKNOWN_TOPIC_OR_PARTITION
    6: EpochLost,  # NOT_LEADER_OR_FOLLOWER
    10: EpochLost,  # MESSAGE_TOO_LARGE
    22: EpochLost,  # ILLEGAL_GENERATION
    25: EpochLost,  # UNKNOWN_MEMBER_ID
    27: EpochLost,  # REBALANCE_IN_PROGRESS
    29: NeedsPerson,  # TOPIC_AUTHORIZATION_FAILED
    30: NeedsPerson,  # GROUP_AUTHORIZATION_FAILED
    45: EpochLost,  # OUT_OF_ORDER_SEQUENCE_NUMBER
    47: Fenced,  # INVALID_PRODUCER_EPOCH
    48: StateInDoubt,  # INVALID_TXN_STATE
    49: StateInDoubt,  # INVALID_PRODUCER_ID_MAPPING
    53: NeedsPerson,  # TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    59: EpochLost,  # UNKNOWN_PRODUCER_ID
    82: Fenced,  # FENCED_INSTANCE_ID
    90: Fenced,  # PRODUCER_FENCED
    9_999: EpochLost,  # not known yet
}


@pytest.mark.parametrize("key", STEPS)
def test_an_error_before_the_commit_means(key: int) -> None:
    with producing() as line:
        line.producer.connect()
        seen = {}
        for code in MEANINGS:
            line.cluster.script(key, refuses(code))
            with pytest.raises(LeadflowError) as raised:
                line.epoch()
            seen[code] = NeedsPerson if isinstance(raised.value, NeedsPerson) else type(raised.value)
            assert not line.armed
            line.producer.abort()
        assert seen == MEANINGS
        assert not [asked for asked in line.cluster.of(END_TXN) if asked.fields[3]], "a commit was sent"
        assert line.renewals == ["first", *["error"] * (len(MEANINGS) - 1)]


FORBIDDEN = [
    (ADD_PARTITIONS, 29, "Write on topics more, out: grant"),
    (PRODUCE, 29, "Write on topics more, out: grant"),
    (TXN_OFFSET_COMMIT, 29, r"Read on topic p\.in: grant"),
    (ADD_OFFSETS, 30, r"Read on group p\.leadflow: grant"),
    (TXN_OFFSET_COMMIT, 30, r"Read on group p\.leadflow: grant"),
    *((key, 53, r"Write on transactional id p\.leadflow-w1: grant") for key in STEPS),
]


@pytest.mark.parametrize(("key", "code", "said"), FORBIDDEN)
def test_a_permission_that_is_missing_is_named_with_all_that_it_is_missing_on(key: int, code: int, said: str) -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(key, refuses(code))
        with pytest.raises(Forbidden, match=f"Kafka refuses us {said}") as raised:
            line.epoch(("out", 0), ("out", 1), ("more", 0))
        assert bool(raised.value.topics) is (code == 29)


@pytest.mark.parametrize("key", STEPS)
def test_after_an_error_the_epoch_is_aborted_and_the_next_one_has_a_new_producer_epoch(key: int) -> None:
    with producing() as line:
        line.producer.connect()
        line.epoch()
        line.cluster.script(key, refuses(-1))
        with pytest.raises(EpochLost):
            line.epoch()
        line.producer.abort()
        line.epoch()
        rest = line.cluster.of(INIT_PRODUCER_ID, *EPOCH)[6:]
        assert [asked.key for asked in rest] == [*STEPS[: STEPS.index(key) + 1], END_TXN, INIT_PRODUCER_ID, *EPOCH]
        abort, init, _, produce, *_ = rest[STEPS.index(key) + 1 :]
        assert abort.fields == (NAME, PRODUCER_ID, 0, False)
        assert init.fields[2:4] == (PRODUCER_ID, 0), "the name is taken only if it is still ours"
        assert batch_producer(produce.fields[3][0][1][0][1]) == (PRODUCER_ID, 1, 0)
        assert line.renewals == ["first", "error"]


LOSSES: dict[str, Reply] = {
    "closes": closes,
    "resets": resets,
    "half an answer": says_half(0, 0),
    "another's answer": says_of_another(0, 0),
    "nothing": says_bytes(b""),
    "too little": says_bytes(b"\x00\x00\x00"),
}


@pytest.mark.parametrize("key", STEPS)
@pytest.mark.parametrize("how", LOSSES)
def test_an_answer_that_is_lost_ends_the_epoch(key: int, how: str) -> None:
    reply = LOSSES[how]
    if key in (PRODUCE, ADD_PARTITIONS, TXN_OFFSET_COMMIT) and "answer" in how:
        reply = {"half an answer": closes, "another's answer": says_bytes(b"\x7f\xff\xff\xff")}[how]
    with producing() as line:
        line.producer.connect()
        line.cluster.script(key, reply)
        with pytest.raises(EpochLost):
            line.epoch()
        assert not line.armed
        line.producer.abort()
        line.epoch()
        assert line.cluster.kinds().count(key) == (3 if key == END_TXN else 2)
        assert line.renewals == ["first", "connection"]


@pytest.mark.parametrize("key", STEPS)
def test_no_step_waits_beyond_the_deadline(key: int) -> None:
    with producing(deadline_ms=200) as line:
        line.producer.connect()
        line.cluster.script(key, keeps_silent)
        with pytest.raises(EpochLost, match=r"no answer in time|timed out"):
            line.epoch()
        line.producer.abort()
        assert line.exits == []


# --- not now ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN, INIT_PRODUCER_ID])
@pytest.mark.parametrize("code", [14, 51])
def test_not_now_is_asked_again_on_the_same_connection(key: int, code: int) -> None:
    with producing() as line:
        line.cluster.script(key, *[refuses(code)] * 3)
        line.producer.connect()
        line.epoch()
        again = line.cluster.of(key)
        assert len(again) == 4
        assert len({(asked.peer, asked.body) for asked in again}) == 1
        assert line.cluster.kinds(FIND_COORDINATOR) == [FIND_COORDINATOR] * 2
        assert line.renewals == ["first"]


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN, INIT_PRODUCER_ID])
@pytest.mark.parametrize("code", [15, 16])
def test_a_coordinator_that_moved_is_looked_up_again(key: int, code: int) -> None:
    with producing(nodes=2) as line:
        which = GROUP if key == TXN_OFFSET_COMMIT else NAME

        def moves(peer: object, asked: object) -> None:
            line.cluster.coordinators[which] = 1
            refuses(code)(peer, asked)  # type: ignore[arg-type]  # passed on as they came

        line.cluster.script(key, moves)
        line.producer.connect()
        line.epoch()
        assert [asked.node for asked in line.cluster.of(key)] == [0, 1]
        assert line.renewals == ["first"]


def test_a_coordinator_that_is_not_there_yet_is_waited_for() -> None:
    with producing() as line:
        line.cluster.script(FIND_COORDINATOR, *[refuses(15)] * 3)
        line.producer.connect()
        assert line.renewals == ["first"]


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT])
@pytest.mark.parametrize("code", [14, 15, 16, 51])
def test_not_now_is_not_asked_for_longer_than_the_deadline(key: int, code: int) -> None:
    with producing(deadline_ms=160) as line:
        line.producer.connect()
        line.cluster.always(key, refuses(code))
        with pytest.raises(EpochLost):
            line.epoch()
        assert 1 < len(line.cluster.of(key)) < 60


# --- a quota ----------------------------------------------------------------------------------------------------------

THROTTLED: dict[int, Callable[[ScriptedCluster, Asked, int], Any]] = {
    PRODUCE: lambda cluster, asked, ms: (appended(cluster, asked)[0], ms),
    ADD_PARTITIONS: lambda cluster, asked, ms: (ms, added(asked)[1]),
    TXN_OFFSET_COMMIT: lambda cluster, asked, ms: (ms, *offsets_taken(asked)[1:]),
    END_TXN: lambda cluster, asked, ms: (ms, 0),
}
"""Answers of a broker that hears no more of us for so many ms."""


def throttles(cluster: ScriptedCluster, ms: int) -> Reply:
    """Answer with success, and say so."""
    return lambda peer, asked: says(*THROTTLED[asked.key](cluster, asked, ms))(peer, asked)


@pytest.mark.parametrize("key", THROTTLED)
def test_nothing_begins_while_a_broker_hears_no_more_of_us_for_a_quotas_sake(key: int) -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(key, throttles(line.cluster, 150))
        line.epoch()
        told = time.monotonic()
        line.producer.begin()
        assert 0.05 < time.monotonic() - told < 1.0
        line.producer.abort()
        line.epoch()
        assert line.renewals == ["first"]


def test_a_long_throttle_is_named_and_the_worker_goes_on_polling() -> None:
    with producing() as line:
        line.producer.connect()
        line.cluster.script(END_TXN, throttles(line.cluster, 30_000))
        line.epoch()
        for _ in range(2):
            with pytest.raises(Unavailable, match="quota"):
                line.producer.begin()
        assert line.exits == []


def test_an_answer_that_a_quota_holds_back_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with producing(deadline_ms=200) as line:
        line.producer.connect()
        line.producer.begin()
        line.cluster.script(ADD_PARTITIONS, throttles(line.cluster, 30_000))
        line.cluster.script(PRODUCE, keeps_silent)
        with pytest.raises(EpochLost, match="quota"):
            line.flush()
        line.producer.abort()
