"""What the proxy does to a connection that it cannot read: it passes bytes on, and resets within any of its pieces."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from console.cluster.ports import HOST, free_ports
from console.faults.proxy import CUT_WITHIN_MAX, Proxy

LIMIT_S = 10.0
PIECE = b"no frame of Kafka's"
FIRST = b"\0\0\0\0"


class Echo(socketserver.BaseRequestHandler):
    """Answers each piece with itself."""

    def handle(self) -> None:
        while piece := self.request.recv(len(PIECE)):
            self.request.sendall(piece)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made = Proxy(free_ports(1)[0], server.server_address[1], readable=False)
        made.start()
        try:
            yield made
        finally:
            made.stop()
            server.shutdown()
            thread.join(LIMIT_S)


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), LIMIT_S)


def heard(line: socket.socket, pieces: int) -> int:
    """Return how many bytes come back of so many pieces, one after the other, until the connection is reset."""
    got = 0
    try:
        for _ in range(pieces):
            line.sendall(PIECE)
            wanted = got + len(PIECE)
            while got < wanted:
                if not (more := line.recv(wanted - got)):
                    return got
                got += len(more)
    except ConnectionError:
        pass
    return got


def test_bytes_of_any_kind_pass_in_fair_weather(proxy: Proxy) -> None:
    with connected(proxy) as line:
        for piece in (FIRST, PIECE):
            line.sendall(piece)
            assert line.recv(len(PIECE)) == piece


def test_each_connection_is_reset_within_a_later_piece_than_the_one_before(proxy: Proxy) -> None:
    proxy.weather = "resets"
    whole = []
    for _ in range(CUT_WITHIN_MAX):
        with connected(proxy) as line:
            whole.append(heard(line, CUT_WITHIN_MAX) // len(PIECE))
    # a question and its answer are two pieces; within an answer half of it may be lost with the reset
    assert whole == [depth // 2 for depth in range(CUT_WITHIN_MAX)]


def test_what_was_sent_into_silence_arrives_when_it_is_over(proxy: Proxy) -> None:
    with connected(proxy) as line:
        proxy.weather = "silent"
        line.sendall(PIECE)
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(len(PIECE))
        proxy.weather = "fair"
        line.settimeout(LIMIT_S)
        assert line.recv(len(PIECE)) == PIECE


def test_answers_that_were_lost_are_never_heard(proxy: Proxy) -> None:
    with connected(proxy) as line:
        proxy.weather = "half-open"
        line.sendall(PIECE)
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(len(PIECE))
        proxy.weather = "fair"
        line.settimeout(LIMIT_S)
        with pytest.raises(ConnectionResetError):
            line.recv(len(PIECE))
