"""How our producer takes its name: from anybody at first, later only if it is still ours, and what a refusal means."""

from __future__ import annotations

import pytest

from schemas.errors import EpochLost, Fenced, LeadflowError, NeedsPerson, StateInDoubt, Unavailable
from streams.kafka import producer as kafka_producer
from streams.kafka.permissions import Forbidden
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
from tests.support.scripted_broker import closes, keeps_silent, resets, says, says_bytes
from tests.support.scripted_cluster import PRODUCER_ID, refuses
from tests.support.scripted_producer import Producing, producing

EPOCH = [ADD_PARTITIONS, PRODUCE, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN]
SHORT_S = 0.05


def who_asked(line: Producing) -> list[tuple[int, int]]:
    """Return as whom the name was asked for, each time."""
    return [asked.fields[2:4] for asked in line.cluster.of(INIT_PRODUCER_ID)]


def age(line: Producing, seconds: float) -> None:
    """Let the transaction have begun earlier."""
    line.producer._began -= seconds


def test_the_name_is_taken_once_and_from_whoever_has_it() -> None:
    with producing() as line:
        line.producer.connect()
        line.producer.connect()
        line.epoch()
        assert who_asked(line) == [(-1, -1)]
        assert line.renewals == ["first"]


def test_after_that_it_is_taken_only_if_it_is_still_ours() -> None:
    with producing() as line:
        line.producer.connect()
        for _ in range(3):
            line.until_commit()
            line.producer.abort()
        line.epoch()
        assert who_asked(line) == [(-1, -1), (PRODUCER_ID, 0), (PRODUCER_ID, 1), (PRODUCER_ID, 2)]
        assert line.renewals == ["first", "abort", "abort", "abort"]


def test_an_id_whose_epochs_are_used_up_is_followed_by_another_one() -> None:
    with producing() as line:
        line.cluster.script(INIT_PRODUCER_ID, says(0, 0, 1, 32_766, NO_TAGS), says(0, 0, 2, 0, NO_TAGS))
        line.producer.connect()
        line.until_commit()
        line.producer.abort()
        line.epoch()
        assert who_asked(line) == [(-1, -1), (1, 32_766)]
        assert batch_producer(line.cluster.of(PRODUCE)[-1].fields[3][0][1][0][1]) == (2, 0, 0)


@pytest.mark.parametrize("how", [closes, resets, says_bytes(b""), says_bytes(b"\x00" * 8)])
def test_a_name_that_may_have_been_taken_is_taken_again_as_the_same(how: object) -> None:
    """The broker answers a second time what it answered first (KIP-360)."""
    with producing() as line:
        line.producer.connect()
        line.until_commit()
        line.producer.abort()
        line.cluster.script(INIT_PRODUCER_ID, how, how)  # type: ignore[arg-type]  # replies, of several types
        for _ in range(2):
            with pytest.raises(Unavailable, match="taking the name"):
                line.producer.begin()
            assert not line.armed
        line.epoch()
        assert who_asked(line) == [(-1, -1), *[(PRODUCER_ID, 0)] * 3]
        assert line.renewals == ["first", "connection"]


REFUSALS: dict[int, type[LeadflowError]] = {
    -1: Unavailable,
    42: Unavailable,  # INVALID_REQUEST
    47: Fenced,
    48: StateInDoubt,
    49: StateInDoubt,
    50: NeedsPerson,  # INVALID_TRANSACTION_TIMEOUT: the broker allows less than ours
    53: Forbidden,  # TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    90: Fenced,
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_name_that_is_refused_means(code: int) -> None:
    with producing() as line:
        line.producer.connect()
        line.until_commit()
        line.producer.abort()
        line.cluster.script(INIT_PRODUCER_ID, refuses(code))
        with pytest.raises(LeadflowError) as raised:
            line.producer.begin()
        assert type(raised.value) is REFUSALS[code]
        assert not line.armed
        assert line.renewals == ["first"]


def test_a_name_that_nobody_answers_for_is_unavailable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "INIT_TIMEOUT_S", SHORT_S)
    with producing() as line:
        line.cluster.script(INIT_PRODUCER_ID, keeps_silent)
        with pytest.raises(Unavailable):
            line.producer.connect()
        line.cluster.always(INIT_PRODUCER_ID, refuses(51))
        with pytest.raises(Unavailable):
            line.producer.connect()
        line.cluster.always(INIT_PRODUCER_ID, None)
        line.producer.connect()
        assert line.renewals == ["first"]


def test_a_cluster_that_is_away_is_unavailable() -> None:
    with producing() as line:
        line.cluster.brokers[0].stop()
        with pytest.raises(Unavailable):
            line.producer.connect()


# --- with a transaction that may be open still ----------------------------------------------------------------------


def test_what_may_be_open_is_aborted_before_the_name_is_taken() -> None:
    """Else the broker would fence us for it."""
    with producing() as line:
        line.producer.connect()
        line.until_commit()
        line.cluster.script(END_TXN, closes, closes)
        line.producer.abort()
        with pytest.raises(Unavailable):
            line.producer.begin()
        line.epoch()
        ends = [asked.fields[3] for asked in line.cluster.of(END_TXN)]
        assert ends == [False, False, False, True]
        assert line.cluster.kinds()[5:] == [END_TXN, END_TXN, END_TXN, INIT_PRODUCER_ID, *EPOCH]


def test_nothing_open_is_as_good_as_aborted() -> None:
    with producing() as line:
        line.producer.connect()
        line.until_commit()
        line.cluster.script(END_TXN, closes, refuses(48))
        line.producer.abort()
        line.epoch()
        assert line.renewals == ["first", "connection"]


@pytest.mark.parametrize(("aged_s", "kind"), [(0, Fenced), (20, StateInDoubt)])
def test_only_a_transaction_that_may_be_open_still_can_have_timed_out(aged_s: float, kind: type[LeadflowError]) -> None:
    with producing() as line:
        line.producer.connect()
        line.until_commit()
        line.cluster.script(END_TXN, closes, refuses(90))
        line.producer.abort()
        age(line, aged_s)
        with pytest.raises(LeadflowError) as raised:
            line.producer.begin()
        assert type(raised.value) is kind


@pytest.mark.parametrize("key", [ADD_PARTITIONS, INIT_PRODUCER_ID])
def test_an_idle_worker_that_is_fenced_has_a_twin(key: int) -> None:
    with producing() as line:
        line.producer.connect()
        line.epoch()
        if key == INIT_PRODUCER_ID:
            line.until_commit()
            line.producer.abort()
        age(line, 20)
        line.cluster.script(key, refuses(90))
        with pytest.raises(Fenced, match="--name"):
            line.epoch()


@pytest.mark.parametrize("key", EPOCH[:4])
def test_a_transaction_that_timed_out_is_in_doubt_and_not_a_twins(key: int) -> None:
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        age(line, 20)
        line.cluster.script(key, refuses(90))
        with pytest.raises(StateInDoubt, match="timed out"):
            line.write()


# --- what a late request can do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", EPOCH[:4])
def test_a_refusal_after_an_unanswered_request_may_be_for_what_it_opened_late(key: int) -> None:
    """It opens a transaction that nobody knows of; taking the name ends it and fences us, without a twin."""
    with producing() as line:
        line.producer.connect()
        line.cluster.script(key, closes)
        with pytest.raises(EpochLost):
            line.epoch()
        line.cluster.script(INIT_PRODUCER_ID, refuses(90))
        line.producer.abort()
        with pytest.raises(StateInDoubt, match="late"):
            line.producer.begin()


@pytest.mark.parametrize("first", [True, False])
def test_a_name_that_is_taken_late_fences_us_without_a_twin(first: bool) -> None:
    """It was asked for, not answered, asked for again and got; then the first request arrives."""
    with producing() as line:
        if not first:
            line.producer.connect()
            line.until_commit()
            line.producer.abort()
        line.cluster.script(INIT_PRODUCER_ID, closes)
        with pytest.raises(Unavailable):
            line.producer.begin()
        line.epoch()
        line.cluster.script(PRODUCE, refuses(47))
        with pytest.raises(StateInDoubt, match="late"):
            line.epoch()


def test_long_after_an_unanswered_attempt_who_is_fenced_has_a_twin_again() -> None:
    with producing() as line:
        line.cluster.script(INIT_PRODUCER_ID, closes)
        with pytest.raises(Unavailable):
            line.producer.connect()
        line.producer.connect()
        line.producer.begin()
        line.producer._late_until -= kafka_producer.LATE_S
        line.cluster.script(ADD_PARTITIONS, refuses(90))
        with pytest.raises(Fenced):
            line.flush()
