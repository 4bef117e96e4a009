"""A broker that says what a test tells it to: a TCP server that reads framed requests and answers by a script.

    broker.script(END_TXN, closes, says(0, 51))     # the first one is not answered, the second one refused for now

What is not in the script is answered by `usual`. All that was asked is in `asked`, answered or not. Nothing waits for
time: a test waits with `until`, a reply that holds its answer back waits for an event.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.kafka_layouts import FLEXIBLE, answer_body, request_of

PATIENCE_S = 10.0
FRAME_BYTES_MAX = 64 << 20
CONNECTIONS_MAX = 200


@dataclass
class Asked:
    """A request as it came in, and the body it was answered with; None: not answered, or not readably."""

    node: int
    peer: int
    key: int
    version: int
    number: int
    client: str
    body: bytes
    answered: bytes | None = None

    @property
    def fields(self) -> Any:
        """The request's fields by aiokafka."""
        return request_of(self.key, self.body)


class Peer:
    """One connection as the broker sees it."""

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def answer(self, asked: Asked, body: bytes) -> None:
        """Send a whole answer."""
        asked.answered = body
        self.send(framed(asked, body))

    def send(self, content: bytes) -> None:
        """Send bytes; a peer that is gone does not hear them."""
        with contextlib.suppress(OSError):
            self.connection.sendall(content)

    def send_below(self, content: bytes) -> None:
        """Send bytes beside TLS, where there is some: what the other end takes for the beginning of a record."""
        with contextlib.suppress(OSError):
            os.write(self.connection.fileno(), content)

    def shake_hands(self, context: ssl.SSLContext) -> bool:
        """Speak TLS from now on; returns whether the other end does."""
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close as a broker does that ends well; it may be done twice."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close as a broker does that dies: what is on its way is lost."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def frame(self) -> bytes | None:
        """Return the next request, None at the end."""
        head = self._exactly(4)
        if head is None:
            return None
        size = int.from_bytes(head, "big")
        if size > FRAME_BYTES_MAX:
            raise AssertionError(f"a request of {size} bytes")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes | None:
        content = bytearray()
        while len(content) < size:
            try:
                piece = self.connection.recv(size - len(content))
            except OSError:
                return None
            if not piece:
                return None
            content += piece
        return bytes(content)


Reply = Callable[[Peer, Asked], None]


def framed(asked: Asked, body: bytes, number: int | None = None) -> bytes:
    """Return a whole answer; `number` other than the request's is a lie."""
    header = struct.pack(">i", asked.number if number is None else number)
    header += b"\x00" if asked.key in FLEXIBLE else b""
    return struct.pack(">i", len(header) + len(body)) + header + body


def says(*fields: Any) -> Reply:
    """Answer with these fields."""
    return lambda peer, asked: peer.answer(asked, answer_body(asked.key, fields))


def says_bytes(body: bytes) -> Reply:
    """Answer with this body, whatever it means."""
    return lambda peer, asked: peer.send(framed(asked, body))


def closes(peer: Peer, asked: Asked) -> None:
    """Close instead of an answer."""
    peer.close()


def resets(peer: Peer, asked: Asked) -> None:
    """Reset instead of an answer."""
    peer.reset()


def keeps_silent(peer: Peer, asked: Asked) -> None:
    """Do not answer, and leave the connection open."""


def says_half(*fields: Any) -> Reply:
    """Send half an answer and close."""

    def reply(peer: Peer, asked: Asked) -> None:
        whole = framed(asked, answer_body(asked.key, fields))
        peer.send(whole[: len(whole) // 2])
        peer.close()

    return reply


def says_of_another(*fields: Any) -> Reply:
    """Answer with the number of another request."""
    return lambda peer, asked: peer.send(framed(asked, answer_body(asked.key, fields), asked.number + 1))


def held(gate: threading.Event, then: Reply) -> Reply:
    """Reply when the gate opens."""

    def reply(peer: Peer, asked: Asked) -> None:
        gate.wait(PATIENCE_S)
        then(peer, asked)

    return reply


@dataclass
class ScriptedBroker:
    """One broker at a port of its own on 127.0.0.1; start it by `with`."""

    usual: Reply
    node: int = 0
    asked: list[Asked] = field(default_factory=list)
    """Shared by brokers of a cluster, so that the order of all that was asked is one."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    scripts: dict[int, deque[Reply]] = field(default_factory=dict)
    always: dict[int, Reply] = field(default_factory=dict)
    """By kind of request, for what is not in the script."""
    tls: ssl.SSLContext | None = None
    """What is spoken at its port."""

    def __enter__(self) -> ScriptedBroker:
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a thread of the scripted broker does not end"

    def stop(self) -> None:
        """Die: nothing is accepted or answered any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Close all connections; new ones are welcome."""
        with self.changed:
            peers = list(self._peers)
        for peer in peers:
            peer.close()

    def script(self, key: int, *replies: Reply) -> None:
        """Reply to the next requests of a kind so, one after the other."""
        with self.changed:
            self.scripts.setdefault(key, deque()).extend(replies)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE_S), f"it did not come to {what}"

    def of(self, *keys: int) -> list[Asked]:
        """Return what was asked of these kinds."""
        with self.changed:
            return [asked for asked in self.asked if asked.key in keys]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.changed:
                assert len(self._peers) < CONNECTIONS_MAX, "more connections than any test needs"
                peer = Peer(len(self._peers), connection)
                self._peers.append(peer)
            self._start(lambda peer=peer: self._serve(peer))  # type: ignore[misc]  # bound now, not when it runs

    def _serve(self, peer: Peer) -> None:
        if self.tls is not None and not peer.shake_hands(self.tls):
            return
        with peer.connection:
            while (frame := peer.frame()) is not None:
                asked = self._read(peer, frame)
                with self.changed:
                    self.asked.append(asked)
                    script = self.scripts.get(asked.key)
                    reply = script.popleft() if script else self.always.get(asked.key, self.usual)
                    self.changed.notify_all()
                reply(peer, asked)

    def _read(self, peer: Peer, frame: bytes) -> Asked:
        key, version, number, size = struct.unpack_from(">hhih", frame)
        at = 10 + size
        client = frame[10:at].decode()
        if key in FLEXIBLE:
            assert frame[at] == 0, "a flexible header ends with its tags, of which we have none"
            at += 1
        return Asked(self.node, peer.number, key, version, number, client, frame[at:])

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=f"scripted-broker-{self.node}", daemon=True)
        self._threads.append(thread)
        thread.start()
