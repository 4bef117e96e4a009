"""A connection with TLS and a log-in on it: records that are cut, handshakes that hang, log-ins that end."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streams.kafka.bytes import ConnectionLost
from streams.kafka.connection import Connection, Line
from streams.kafka.wire import END_TXN, PRODUCE, error_answer
from tests.support.certificates import Authority
from tests.support.kafka_layouts import SASL_AUTHENTICATE, SASL_HANDSHAKE, answer_body
from tests.support.scripted_broker import (
    Asked,
    Peer,
    Reply,
    ScriptedBroker,
    closes,
    framed,
    keeps_silent,
    resets,
    says,
    says_bytes,
    says_half,
)
from tests.support.scripted_producer import producing

HOST = "127.0.0.1"
BRIEF_S, LOG_IN_S = 0.1, 0.5
PATIENCE_S = 10.0
CUT_RECORD = b"\x17\x03\x03\x01\x00" + b"x" * 40
"""The head of a TLS record of 256 bytes, and the first 40 of them."""
CUT_HELLO = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"
"""The same of a broker's first word in a handshake: 16 KiB are said to follow."""
SASL = {"sasl.mechanism": "PLAIN", "sasl.username": "leadflow", "sasl.password": "open sesame"}


def soon(seconds: float = PATIENCE_S) -> float:
    """Return a deadline."""
    return time.monotonic() + seconds


class Pki:
    """A CA, a broker's certificate, and the security file of who trusts it."""

    def __init__(self, authority: Authority) -> None:
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(*authority.sign("broker", names=f"IP:{HOST}"))
        self.security = {"security.protocol": "SSL", "ssl.ca.location": str(authority.certificate)}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(Authority(tmp_path_factory.mktemp("pki") / "ours"))


@pytest.fixture
def broker(pki: Pki) -> Iterator[ScriptedBroker]:
    """A broker behind TLS that answers each end of a transaction with success."""
    with ScriptedBroker(says(0, 0), tls=pki.server) as started:
        yield started


@contextlib.contextmanager
def connected(broker: ScriptedBroker, pki: Pki) -> Iterator[Connection]:
    """Yield a connection to it."""
    connection = Connection(broker.address, Line("test", pki.security), soon())
    try:
        yield connection
    finally:
        connection.close()


# --- records ----------------------------------------------------------------------------------------------------------


def test_an_answer_may_come_in_a_record_for_each_byte(broker: ScriptedBroker, pki: Pki) -> None:
    def trickles(peer: Peer, asked: Asked) -> None:
        for byte in framed(asked, answer_body(asked.key, (0, 48))):
            peer.send(bytes((byte,)))

    broker.script(26, trickles)
    with connected(broker, pki) as connection:
        assert error_answer(connection.ask(END_TXN, b"", soon())) == 48


def test_bodies_and_answers_larger_than_a_record_arrive_as_they_are(broker: ScriptedBroker, pki: Pki) -> None:
    draw = random.Random(1)
    parts = [draw.randbytes(size) for size in (1, 20_000, 0, 300_000, 7, 61)]
    answer = draw.randbytes(1 << 20)
    broker.script(26, says_bytes(answer))
    with connected(broker, pki) as connection:
        connection.send(END_TXN, parts, soon())
        assert connection.receive(soon()).rest() == answer
    assert broker.asked[0].body == b"".join(parts)


def says_good_bye(peer: Peer, asked: Asked) -> None:
    """End TLS as it should be (close_notify), without an answer."""
    assert isinstance(peer.connection, ssl.SSLSocket)
    peer.connection.settimeout(BRIEF_S)
    with contextlib.suppress(OSError):
        peer.connection.unwrap()
    peer.close()


def sends_below(content: bytes, then: Callable[[Peer], None]) -> Reply:
    """Return a reply that is no TLS, or half a record of it."""

    def reply(peer: Peer, asked: Asked) -> None:
        peer.send_below(content)
        then(peer)

    return reply


LOSSES: dict[str, Reply] = {
    "closed": closes,
    "closed with a good-bye": says_good_bye,
    "reset": resets,
    "closed within an answer": says_half(0, 0),
    "closed within a record": sends_below(CUT_RECORD, Peer.close),
    "reset within a record": sends_below(CUT_RECORD, Peer.reset),
    "a record that is none of its own": sends_below(CUT_RECORD + bytes(256), Peer.close),
    "no TLS": sends_below(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Peer.close),
}


@pytest.mark.parametrize("how", LOSSES)
def test_without_a_whole_answer_the_request_is_lost_and_the_connection_closed(
    broker: ScriptedBroker, pki: Pki, how: str
) -> None:
    """Nobody needs to mend what a broker has said that spoke TLS before."""
    with connected(broker, pki) as connection:
        assert error_answer(connection.ask(END_TXN, b"", soon())) == 0
        broker.script(26, LOSSES[how])
        with pytest.raises(ConnectionLost, match="EndTxn: "):
            connection.ask(END_TXN, b"", soon())
        assert not connection.is_good(300)
        with pytest.raises(ConnectionLost):
            connection.ask(END_TXN, b"", soon())
    assert len(broker.asked) == 2, "nothing is sent again"


@pytest.mark.parametrize("how", [keeps_silent, sends_below(CUT_RECORD, lambda peer: None)])
def test_no_answer_is_waited_for_beyond_the_deadline(broker: ScriptedBroker, pki: Pki, how: Reply) -> None:
    broker.script(26, how)
    with connected(broker, pki) as connection, pytest.raises(ConnectionLost, match=r"EndTxn: .*(timed out|in time)"):
        connection.ask(END_TXN, b"", soon(BRIEF_S))


def test_a_broker_that_does_not_read_is_not_waited_for_beyond_the_deadline(pki: Pki) -> None:
    with serving(lambda raw: pki.server.wrap_socket(raw, server_side=True)) as address:
        connection = Connection(address, Line("test", pki.security), soon())
        with pytest.raises(ConnectionLost, match="Produce"):
            connection.send(PRODUCE, [bytes(1 << 20)] * 32, soon(BRIEF_S))
        assert not connection.is_good(300)


# --- handshakes -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """Yield an address; what `serve` returns of the one connection to it stays open as long as the block."""
    kept: list[object] = []

    def run() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            kept.append(connection)
            kept.append(serve(connection))

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
            for each in kept:
                if isinstance(each, socket.socket):
                    each.close()


def stalls(raw: socket.socket) -> None:
    """Begin to answer a handshake, and go no further."""
    raw.sendall(CUT_HELLO)


def trickles_on(raw: socket.socket) -> None:
    """Answer a handshake byte by byte, for as long as somebody listens."""
    raw.sendall(CUT_HELLO)
    for _ in range(int(PATIENCE_S / 0.005)):
        raw.sendall(b"\0")
        time.sleep(0.005)


@pytest.mark.parametrize("how", [lambda raw: None, stalls, trickles_on], ids=["silence", "a part", "byte by byte"])
def test_a_handshake_is_not_waited_for_beyond_the_deadline(pki: Pki, how: Callable[[socket.socket], object]) -> None:
    with serving(how) as address:
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="timed out"):
            Connection(address, Line("test", pki.security), soon(BRIEF_S))
        assert BRIEF_S * 0.9 < time.monotonic() - began < PATIENCE_S / 2


def test_whose_name_is_looked_up_late_has_no_more_time_for_the_handshake(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, deadline = socket.getaddrinfo, soon(BRIEF_S)

    def late(*asked: Any, **more: Any) -> Any:
        while time.monotonic() < deadline:
            time.sleep(BRIEF_S / 10)
        return look_up(*asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    with serving(lambda raw: None) as address, pytest.raises(ConnectionLost, match="no answer in time"):
        Connection(address, Line("test", pki.security), deadline)


# --- log-ins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [SASL_HANDSHAKE, SASL_AUTHENTICATE])
@pytest.mark.parametrize("how", [closes, resets, says_good_bye, keeps_silent, sends_below(CUT_RECORD, Peer.reset)])
def test_a_log_in_that_breaks_or_hangs_is_a_connection_that_is_lost(pki: Pki, key: int, how: Reply) -> None:
    security = pki.security | SASL | {"security.protocol": "SASL_SSL"}
    with ScriptedBroker(says(0, ["PLAIN"]), tls=pki.server) as broker:
        broker.script(key, how)
        with pytest.raises(ConnectionLost, match="log-in: "):
            Connection(broker.address, Line("test", security), soon(LOG_IN_S))


def test_a_log_in_lasts_from_before_the_broker_has_heard_of_it() -> None:
    answered: list[float] = []

    def lets_in(peer: Peer, asked: Asked) -> None:
        answered.append(time.monotonic())
        says(0, None, b"", 1000)(peer, asked)

    with ScriptedBroker(says(0, ["PLAIN"])) as broker:
        broker.script(SASL_AUTHENTICATE, lets_in)
        connection = Connection(broker.address, Line("test", SASL | {"security.protocol": "SASL_PLAINTEXT"}), soon())
        connection.close()
    assert connection.ends < answered[0] + 0.8


def test_a_transaction_goes_on_over_log_ins_that_end_within_it() -> None:
    security = SASL | {"security.protocol": "SASL_PLAINTEXT"}
    with producing(2, security=security) as line:
        line.cluster.leaders["out", 1] = 1
        line.cluster.always(SASL_AUTHENTICATE, says(0, None, b"", 1))
        for _ in range(3):
            line.epoch(("out", 0), ("out", 1))
        log_ins = len(line.cluster.of(SASL_AUTHENTICATE))
        assert log_ins > 3 * 4, "one for each step of an epoch, and more"
        assert line.renewals == ["first"]
