"""One connection to a broker that does as it is told: each request is sent once, and answered in time or lost."""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from streams.kafka.bytes import ConnectionLost
from streams.kafka.connection import ANSWER_BYTES_MAX, KEEPALIVE_IDLE_S, PARTS_MAX, Connection, Line
from streams.kafka.wire import END_TXN, INIT_PRODUCER_ID, PRODUCE, error_answer
from tests.support.kafka_layouts import answer_body
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
    says_half,
    says_of_another,
)

BRIEF_S = 0.03
PATIENCE_S = 10.0


def soon(seconds: float = PATIENCE_S) -> float:
    """Return a deadline."""
    return time.monotonic() + seconds


@pytest.fixture
def broker() -> Iterator[ScriptedBroker]:
    """A broker that answers each end of a transaction with success."""
    with ScriptedBroker(says(0, 0)) as started:
        yield started


@contextmanager
def connected(broker: ScriptedBroker) -> Iterator[Connection]:
    """Yield a connection to it."""
    connection = Connection(broker.address, Line("p.leadflow-w1-producer"), soon())
    try:
        yield connection
    finally:
        connection.close()


def test_a_request_bears_its_kind_its_version_a_number_and_our_name(broker: ScriptedBroker) -> None:
    with connected(broker) as connection:
        for _ in range(2):
            assert error_answer(connection.ask(END_TXN, b"body", soon())) == 0
        broker.script(22, says(0, 0, 1, 2, {}))
        connection.ask(INIT_PRODUCER_ID, b"flexible", soon())
    seen = [(asked.key, asked.version, asked.number, asked.client, asked.body) for asked in broker.asked]
    name = "p.leadflow-w1-producer"
    assert seen == [(26, 2, 1, name, b"body"), (26, 2, 2, name, b"body"), (22, 4, 3, name, b"flexible")]


def test_numbers_begin_again_behind_the_largest(broker: ScriptedBroker) -> None:
    with connected(broker) as connection:
        connection._number = 0x7FFFFFFE
        for _ in range(3):
            connection.ask(END_TXN, b"", soon())
    assert [asked.number for asked in broker.asked] == [0x7FFFFFFF, 0, 1]


def test_an_answer_may_come_byte_by_byte(broker: ScriptedBroker) -> None:
    def trickles(peer: Peer, asked: Asked) -> None:
        for byte in framed(asked, answer_body(asked.key, (0, 48))):
            peer.send(bytes((byte,)))

    broker.script(26, trickles)
    with connected(broker) as connection:
        assert error_answer(connection.ask(END_TXN, b"", soon())) == 48


def test_several_requests_may_be_sent_before_their_answers_are_read(broker: ScriptedBroker) -> None:
    gate = threading.Event()

    def first(peer: Peer, asked: Asked) -> None:
        assert gate.wait(PATIENCE_S)
        says(0, 1)(peer, asked)

    broker.script(26, first, says(0, 2), says(0, 3))
    with connected(broker) as connection:
        for _ in range(3):
            connection.send(END_TXN, (b"",), soon())
        gate.set()
        assert [error_answer(connection.receive(soon())) for _ in range(3)] == [1, 2, 3]


@pytest.fixture
def black_hole() -> Iterator[Callable[[int], tuple[str, int]]]:
    """An address of this machine at a given port at which nobody is refused and nobody let in: its queue is full."""
    with ExitStack() as held:

        def dig(port: int) -> tuple[str, int]:
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.2", port))
            listener.listen(0)
            for _ in range(4):
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
            address: tuple[str, int] = listener.getsockname()
            return address

        yield dig


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of this machine on Linux only")
def test_an_address_of_a_host_that_says_nothing_leaves_time_for_the_next_one(
    broker: ScriptedBroker, black_hole: Callable[[int], tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of IPv6 does where nobody routes it."""
    places = [black_hole(broker.address[1]), broker.address]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    deadline = soon(1.0)
    connection = Connection(("kafka", broker.address[1]), Line("test"), deadline)
    assert error_answer(connection.ask(END_TXN, b"", deadline)) == 0
    connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of this machine on Linux only")
def test_all_addresses_of_a_host_together_have_no_longer_than_the_deadline(
    black_hole: Callable[[int], tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = black_hole(0)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place)] * 3
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match="kafka:9092"):
        Connection(("kafka", 9092), Line("test"), soon(0.3))
    assert time.monotonic() - began < 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="the option has another name elsewhere")
def test_a_connection_that_idles_says_so_sooner_than_anything_between_forgets_it(broker: ScriptedBroker) -> None:
    """Some load balancers forget after four minutes; what is sent then is lost without a word."""
    with connected(broker) as connection:
        assert connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_IDLE_S


def claims(size: int) -> Reply:
    """Return a reply that says how long it is, and goes no further."""
    return lambda peer, asked: peer.send(size.to_bytes(4, "big"))


LOSSES: dict[str, Reply] = {
    "closed": closes,
    "reset": resets,
    "half": says_half(0, 0),
    "another's": says_of_another(0, 0),
    "no number": claims(0),
    "too short": claims(3),
    "too long": claims(ANSWER_BYTES_MAX + 1),
    "longest": claims((1 << 32) - 1),
    "other protocol": lambda peer, asked: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}


@pytest.mark.parametrize("how", LOSSES)
def test_without_a_whole_answer_the_request_is_lost_and_the_connection_closed(broker: ScriptedBroker, how: str) -> None:
    broker.script(26, LOSSES[how])
    with connected(broker) as connection:
        with pytest.raises(ConnectionLost, match=rf"127\.0\.0\.1:{broker.address[1]}, EndTxn: "):
            connection.ask(END_TXN, b"secret of a person", soon())
        assert not connection.is_good(300)
        with pytest.raises(ConnectionLost) as raised:
            connection.ask(END_TXN, b"secret of a person", soon())
    assert "person" not in str(raised.value)
    assert len(broker.asked) == 1, "nothing is sent again"


def stalls(peer: Peer, asked: Asked) -> None:
    """Send all of an answer but its end."""
    peer.send(framed(asked, answer_body(asked.key, (0, 0)))[:-1])


@pytest.mark.parametrize("how", [keeps_silent, stalls, claims(1000)])
def test_no_answer_is_waited_for_beyond_the_deadline(broker: ScriptedBroker, how: Reply) -> None:
    broker.script(26, how)
    with connected(broker) as connection:
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match=r"EndTxn: (timed out|no answer in time)"):
            connection.ask(END_TXN, b"", soon(BRIEF_S))
        assert BRIEF_S * 0.9 < time.monotonic() - began < PATIENCE_S


def test_bytes_that_go_on_coming_do_not_move_the_deadline(broker: ScriptedBroker) -> None:
    over = threading.Event()

    def trickles(peer: Peer, asked: Asked) -> None:
        peer.send((1 << 20).to_bytes(4, "big"))
        while not over.wait(BRIEF_S / 10):
            peer.send(b"\x00")

    broker.script(26, trickles)
    with connected(broker) as connection:
        with pytest.raises(ConnectionLost):
            connection.ask(END_TXN, b"", soon(BRIEF_S))
        over.set()


def test_beyond_the_deadline_nothing_is_sent(broker: ScriptedBroker) -> None:
    with connected(broker) as connection:
        with pytest.raises(ConnectionLost, match="no answer in time"):
            connection.ask(END_TXN, b"", time.monotonic())
        assert broker.asked == []


@pytest.mark.parametrize("parts", [1, 40])
def test_a_broker_that_does_not_read_is_not_waited_for_beyond_the_deadline(parts: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        connection = Connection(deaf.getsockname(), Line("test"), soon())
        with pytest.raises(ConnectionLost, match="Produce"):
            connection.send(PRODUCE, [bytes((32 << 20) // parts)] * parts, soon(BRIEF_S))
        assert not connection.is_good(300)


@pytest.mark.parametrize("seed", range(4))
def test_a_body_in_many_parts_arrives_as_it_is(broker: ScriptedBroker, seed: int) -> None:
    """Few or many, small, empty and large ones: the system takes some of them at once, and of the last one a piece."""
    draw = random.Random(seed)
    counts = (1, 5, PARTS_MAX - 1, 3 * PARTS_MAX)
    sizes = [draw.choice((0, 1, 7, 61, 5_000)) for _ in range(counts[seed])]
    sizes[len(sizes) // 2 :: 400] = [40_000] * len(sizes[len(sizes) // 2 :: 400])
    parts: list[bytes | bytearray] = [draw.choice((bytes, bytearray))(draw.randbytes(size)) for size in sizes]
    with connected(broker) as connection:
        connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        connection.send(END_TXN, parts, soon())
        assert error_answer(connection.receive(soon())) == 0
    assert broker.asked[0].body == b"".join(parts)


def unused_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def test_where_nobody_listens_nothing_is_connected() -> None:
    address = ("127.0.0.1", unused_port())
    with pytest.raises(ConnectionLost, match=f"127.0.0.1:{address[1]}: .*refused"):
        Connection(address, Line("test"), soon())


def test_beyond_the_deadline_nothing_is_connected(broker: ScriptedBroker) -> None:
    with pytest.raises(ConnectionLost, match="no answer in time"):
        Connection(broker.address, Line("test"), time.monotonic())


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda connection: connection.close(), "closed"),
        (lambda connection: connection.send(END_TXN, (b"",), soon()), "an answer is left unread"),
        (lambda connection: setattr(connection, "used", time.monotonic() - 301), "idle"),
        (lambda connection: setattr(connection, "ends", time.monotonic() - 1), "its log-in has ended"),
    ],
)
def test_a_connection_is_good_while_nothing_is_wrong_with_it(
    broker: ScriptedBroker, spoil: Callable[[Connection], None], why: str
) -> None:
    with connected(broker) as connection:
        assert connection.is_good(300)
        spoil(connection)
        assert not connection.is_good(300), why


def test_what_secures_a_connection_is_not_shown() -> None:
    assert "sesame" not in repr(Line("test", {"sasl.password": "open sesame"}))
