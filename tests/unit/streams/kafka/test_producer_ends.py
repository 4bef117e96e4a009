"""How a transaction of our producer ends: what each answer to commit and abort means, and who ends what hangs."""

from __future__ import annotations

import threading
import time

import pytest

from schemas.errors import EpochLost, Fenced, LeadflowError, StateInDoubt
from streams.kafka import producer as kafka_producer
from streams.kafka.permissions import Forbidden
from tests.support.kafka_layouts import END_TXN, INIT_PRODUCER_ID, PRODUCE, SASL_HANDSHAKE
from tests.support.scripted_broker import (
    Asked,
    Peer,
    Reply,
    closes,
    keeps_silent,
    resets,
    says,
    says_bytes,
    says_half,
    says_of_another,
)
from tests.support.scripted_cluster import refuses
from tests.support.scripted_producer import MEMBER, OFFSETS, Producing, producing

LOG_IN = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "leadflow",
    "sasl.password": "open sesame",
}
PATIENCE_S = 5.0
SHORT_S = 0.05
"""What is left of a commit's time, so that a test need not wait for all of it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "LAST_PAUSE_S", 0.002)


def ready(line: Producing) -> Producing:
    """Take all steps up to the commit."""
    line.producer.connect()
    line.until_commit()
    return line


# --- a commit -------------------------------------------------------------------------------------------------------

LOSSES: dict[str, Reply] = {
    "closes": closes,
    "resets": resets,
    "half an answer": says_half(0, 0),
    "another's answer": says_of_another(0, 0),
    "too little": says_bytes(b"\x00\x00\x00\x00\x00"),
}


@pytest.mark.parametrize("how", LOSSES)
def test_a_commit_whose_answer_is_lost_is_asked_again_and_the_name_is_taken_after_it(how: str) -> None:
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, LOSSES[how], LOSSES[how])
        line.producer.commit()
        assert not line.armed
        assert len({asked.body for asked in line.cluster.of(END_TXN)}) == 1
        line.epoch()
        assert line.cluster.kinds(END_TXN, INIT_PRODUCER_ID) == [
            INIT_PRODUCER_ID,
            *[END_TXN] * 3,
            INIT_PRODUCER_ID,
            END_TXN,
        ]
        assert line.renewals == ["first", "connection"]


def test_a_commit_that_is_asked_again_finds_the_coordinator_that_has_it_now() -> None:
    with producing(nodes=2) as line:
        ready(line)

        def dies(peer: Peer, asked: Asked) -> None:
            line.cluster.coordinators["p.leadflow-w1"] = 1
            peer.close()

        line.cluster.script(END_TXN, dies)
        line.producer.commit()
        assert [asked.node for asked in line.cluster.of(END_TXN)] == [0, 1]


@pytest.mark.parametrize("how", [closes, keeps_silent, refuses(51), refuses(16)])
def test_a_commit_that_stays_unknown_until_the_deadline_is_in_doubt(how: Reply) -> None:
    with producing() as line:
        ready(line)
        line.cluster.always(END_TXN, how)
        began = time.monotonic()
        line.producer._deadline = began + SHORT_S
        with pytest.raises(StateInDoubt, match="commit"):
            line.producer.commit()
        assert time.monotonic() - began < PATIENCE_S
        assert not line.armed
        assert len({asked.body for asked in line.cluster.of(END_TXN)}) == 1, "something else was sent under that epoch"
        assert line.cluster.kinds()[-1] == END_TXN


REFUSALS: dict[int, type[LeadflowError]] = {
    -1: StateInDoubt,
    3: StateInDoubt,
    10: StateInDoubt,
    29: StateInDoubt,
    47: Fenced,
    48: StateInDoubt,
    49: StateInDoubt,
    53: StateInDoubt,
    90: Fenced,
    9_999: StateInDoubt,
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_commit_means(code: int) -> None:
    """It never means that the epoch did not happen; and nothing is sent behind it before the name is taken."""
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, refuses(code))
        with pytest.raises(LeadflowError) as raised:
            line.producer.commit()
        assert type(raised.value) is REFUSALS[code]
        assert not line.armed
        line.epoch()
        assert line.cluster.kinds()[5:8] == [END_TXN, END_TXN, INIT_PRODUCER_ID]


@pytest.mark.parametrize(("code", "kind"), [(47, Fenced), (48, StateInDoubt)])
def test_a_commit_that_is_refused_when_it_is_asked_again_means_the_same(code: int, kind: type[LeadflowError]) -> None:
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, closes, refuses(code))
        with pytest.raises(LeadflowError) as raised:
            line.producer.commit()
        assert type(raised.value) is kind


@pytest.mark.parametrize("code", [47, 90])
def test_a_commit_that_came_too_late_for_its_transaction_is_in_doubt(code: int) -> None:
    with producing() as line:
        ready(line)
        line.producer._began -= 20
        line.cluster.script(END_TXN, refuses(code))
        with pytest.raises(StateInDoubt):
            line.producer.commit()


def test_a_commit_whose_answer_was_lost_is_in_doubt_where_nobody_lets_us_in_again() -> None:
    """To say that it did not happen would redo records that may be committed."""
    with producing(security=LOG_IN) as line:
        ready(line)
        line.cluster.script(END_TXN, closes)
        line.cluster.always(SASL_HANDSHAKE, says(1, []))
        line.producer._deadline = time.monotonic() + SHORT_S
        with pytest.raises(StateInDoubt):
            line.producer.commit()


def test_a_commit_whose_answer_was_lost_is_asked_again_when_we_are_let_in_again() -> None:
    with producing(security=LOG_IN) as line:
        ready(line)
        line.cluster.script(END_TXN, closes)
        line.cluster.script(SASL_HANDSHAKE, says(1, []))
        line.producer.commit()
        line.producer.begin()
        assert line.cluster.kinds(END_TXN, INIT_PRODUCER_ID) == [INIT_PRODUCER_ID, END_TXN, END_TXN, INIT_PRODUCER_ID]
        assert line.renewals == ["first", "connection"]


# --- an abort -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", LOSSES)
def test_an_abort_whose_answer_is_lost_is_no_error_and_asked_again_before_the_name_is_taken(how: str) -> None:
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, LOSSES[how])
        line.producer.abort()
        assert not line.armed
        line.epoch()
        assert [asked.fields[3] for asked in line.cluster.of(END_TXN)] == [False, False, True]
        assert line.renewals == ["first", "connection"]


def test_an_abort_is_not_waited_for_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "ABORT_TIMEOUT_S", 0.03)
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, keeps_silent)
        line.producer.abort()
        assert not line.armed
        line.epoch()


@pytest.mark.parametrize(("code", "kind"), [(47, Fenced), (90, Fenced), (49, StateInDoubt), (53, Forbidden)])
def test_a_refused_abort_means(code: int, kind: type[LeadflowError]) -> None:
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, refuses(code))
        with pytest.raises(LeadflowError) as raised:
            line.producer.abort()
        assert type(raised.value) is kind
        assert not line.armed


def test_an_abort_with_nothing_open_at_the_broker_is_done() -> None:
    """What was to open it was lost on its way."""
    with producing() as line:
        ready(line)
        line.cluster.script(END_TXN, refuses(48))
        line.producer.abort()
        line.epoch()
        assert [asked.fields[3] for asked in line.cluster.of(END_TXN)] == [False, True]


# --- what hangs -----------------------------------------------------------------------------------------------------


def test_an_epoch_that_hangs_beyond_the_deadline_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs bound each wait for a broker; looking up a name does not know of them."""
    gate = threading.Event()
    with producing(deadline_ms=500) as line:
        line.producer.connect()
        line.producer.begin()
        line.flush()
        line.cluster.brokers[0].drop()
        line.producer._brokers.close()

        def hangs(*_: object, **__: object) -> None:
            gate.wait(PATIENCE_S)
            raise OSError("no such name")

        def goes_on() -> None:
            with pytest.raises(EpochLost):
                line.write()

        monkeypatch.setattr("streams.kafka.connection.socket.getaddrinfo", hangs)
        call = threading.Thread(target=goes_on)
        call.start()
        assert line.died.wait(PATIENCE_S)
        gate.set()
        call.join(PATIENCE_S)
        assert line.exits[0][0] == 70
        assert "flush" in line.exits[0][1]


def test_a_flush_that_is_not_followed_by_an_end_ends_the_process() -> None:
    with producing(deadline_ms=500) as line:
        line.producer.connect()
        line.producer.begin()
        line.flush()
        assert line.died.wait(PATIENCE_S)
        assert line.exits[0][0] == 70


def test_the_watch_goes_on_from_the_flush_to_the_commit_and_stops_with_it() -> None:
    with producing() as line:
        line.producer.connect()
        line.producer.begin()
        assert not line.armed, "stages may take their time before anything is sent"
        line.flush()
        deadline = line.watchdog._deadline
        line.producer.send_offsets(OFFSETS, MEMBER)
        assert line.watchdog._deadline == deadline
        seen: list[bool] = []

        def looks(peer: Peer, asked: Asked) -> None:
            seen.append(line.watchdog._deadline == deadline)
            says(0, 0)(peer, asked)

        line.cluster.script(END_TXN, looks)
        line.producer.commit()
        assert seen == [True]
        assert not line.armed


# --- what is never said ---------------------------------------------------------------------------------------------


def test_no_secret_and_no_record_is_in_an_error(caplog: pytest.LogCaptureFixture) -> None:
    texts = []
    with producing(security=LOG_IN) as line:
        line.producer.connect()
        for reply in (closes, refuses(10), refuses(90), says_bytes(b"open sesame")):
            line.cluster.script(PRODUCE, reply)
            with pytest.raises(LeadflowError) as raised:
                line.epoch()
            texts += [str(raised.value), repr(raised.value), repr(line.producer._settings)]
            line.producer.abort()
    for secret in ("sesame", "value", "key"):
        assert not [text for text in [*texts, caplog.text] if secret in text.replace("keys", "")]


def test_an_epoch_that_is_lost_is_lost_only_once() -> None:
    """After it nothing is in the way of the next one: no queue, no partition, no sequence number."""
    with producing() as line:
        line.producer.connect()
        for _ in range(3):
            line.cluster.script(PRODUCE, closes)
            with pytest.raises(EpochLost):
                line.epoch(("out", 0), ("out", 1))
            line.producer.abort()
        line.epoch(("out", 2))
        assert [own[0][0] for _, own in line.cluster.of(PRODUCE)[-1].fields[3]] == [2]
