"""One connection to one broker, on which each request is sent once and answered before its deadline, or is lost.

Nothing is ever sent again here: who asks decides what a lost request means. That is what librdkafka cannot promise, and
what the producer's exactness rests on (decision 0012).
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import Unavailable
from streams.kafka.bytes import Answer, Api, Buffer, ConnectionLost, Malformed, frame, opened
from streams.kafka.sasl import authenticate
from streams.kafka.tls import refusal, shake_hands, tls_context

ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""A longer answer is none: ours hold some 50 bytes a partition of the cluster. A made-up one takes 7 s to read."""

CONNECT_TIMEOUT_S = 3.0

LEFT_MAX_S = 3600.0
"""No socket waits for longer, whatever the deadline."""

KEEPALIVE_IDLE_S = 60
"""Load balancers forget connections that are silent for some minutes; the system's own keepalive begins after hours."""

_KEEPALIVE_IDLE = ("TCP_KEEPIDLE", "TCP_KEEPALIVE")
"""What Linux and macOS call it."""

THROTTLED_MAX_S = 60.0
"""No broker is believed that wants to hear nothing of us for longer."""

FEW_PARTS, PARTS_MAX = 4, 512
"""Few parts are put together; of many the system takes 1,024 at once."""

_RELOGIN_AFTER = 0.8
"""The part of a log-in's lifetime after which another connection is made: the broker closes one that outlives it."""


@dataclass(frozen=True)
class Line:
    """How brokers are reached: our name in their logs and quotas, and what secures the connection."""

    client: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)


class Connection:
    """A connection that is made with the object. Used from one thread."""

    def __init__(self, address: tuple[str, int], line: Line, deadline: float) -> None:
        """Connect by `deadline` (monotonic seconds); what comes before a log-in takes no longer than CONNECT_TIMEOUT_S.

        Raises ConnectionLost, and NeedsPerson where the broker does not let us in.
        """
        self._address = address
        self._line = line
        self._asked: list[tuple[Api, int]] = []
        self._number = 0
        #: When something was last heard on it, monotonic seconds.
        self.used = time.monotonic()
        self.closed = False
        #: Until when the broker hears no more of us here, for a quota's sake, monotonic seconds (KIP-219).
        self.throttled_until = 0.0
        #: When the broker wants another log-in, monotonic seconds (KIP-368).
        self.ends = float("inf")
        #: Whether it is a broker that understands us; from then on whatever goes wrong is a connection that broke.
        self._answered = False
        try:
            self._socket = self._connected(min(deadline, time.monotonic() + CONNECT_TIMEOUT_S))
        except (OSError, UnicodeError) as problem:  # the latter for a host that can be no name
            raise ConnectionLost(f"{self}: {problem}") from None
        self._log_in(deadline)

    def __str__(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def ask(self, api: Api, body: bytes, deadline: float) -> Answer:
        """Send a request and wait for its answer. Raises ConnectionLost."""
        self.send(api, (body,), deadline)
        return self.receive(deadline)

    def send(self, api: Api, body: Sequence[Buffer], deadline: float) -> None:
        """Send a request whose body is in parts; its answer is received in its turn. Raises ConnectionLost."""
        self._number = number = self._number + 1 & 0x7FFFFFFF
        try:
            self._send(frame(api, number, self._line.client, body), deadline)
        except OSError as problem:
            raise self._lost(f"{api.name}: {problem}") from None
        self._asked.append((api, number))

    def receive(self, deadline: float) -> Answer:
        """Wait for the answer to the oldest request that has none. Raises ConnectionLost."""
        api, number = self._asked.pop(0)
        try:
            size = int.from_bytes(self._exactly(4, deadline), "big")
            if not 4 <= size <= ANSWER_BYTES_MAX:
                raise Malformed(f"an answer of {size} bytes")
            answered, answer = opened(api, self._exactly(size, deadline))
            throttled_ms = answer.throttled_ms(api)
        except OSError as problem:
            lost = self._lost(f"{api.name}: {problem}")
            refused = None if self._answered else refusal(problem, self._address[0])
            raise refused or lost from None
        except Malformed as problem:
            raise self._lost(f"{api.name}: {problem}") from None
        if answered != number:
            raise self._lost(f"{api.name}: answer {answered} came for request {number}")
        self.used, self._answered = time.monotonic(), True
        if throttled_ms:
            self.throttled_until = self.used + min(throttled_ms / 1000, THROTTLED_MAX_S)
        return answer

    def is_good(self, idle_s: float) -> bool:
        """Whether it may be used: not closed, no answer left unread, not idle for longer than that, still logged in."""
        now = time.monotonic()
        return not self.closed and not self._asked and now - self.used < idle_s and now < self.ends

    def close(self) -> None:
        """Close; what was asked and not answered is lost."""
        self.closed = True
        self._socket.close()

    def _connected(self, deadline: float) -> socket.socket:
        tls = tls_context(self._line.security)
        plain = _reached(self._address, deadline)
        return plain if tls is None else shake_hands(plain, tls, self._address[0])

    def _log_in(self, deadline: float) -> None:
        def exchange(key: int, version: int, body: bytes, /) -> bytes:
            return self.ask(Api("log-in", key, version, throttled_at=None), body, deadline).rest()

        began = time.monotonic()  # the broker's count begins later, when it has heard us
        try:
            lifetime_ms = authenticate(exchange, self._line.security, str(self))
        except Unavailable as problem:  # which says nothing of what was asked before, on another connection
            raise self._lost(str(problem)) from None
        except BaseException:
            self.close()
            raise
        if lifetime_ms:
            self.ends = began + _RELOGIN_AFTER * lifetime_ms / 1000

    def _send(self, parts: list[Buffer], deadline: float) -> None:
        """Send all parts, without copying large ones together where the socket can do without."""
        if len(parts) <= FEW_PARTS or isinstance(self._socket, ssl.SSLSocket):
            parts = [b"".join(parts)]
        views: list[memoryview | Buffer] = [*parts]
        at = 0
        while at < len(views):
            self._socket.settimeout(_left(deadline))
            sent = self._socket.sendmsg(views[at : at + PARTS_MAX]) if len(views) > 1 else self._socket.send(views[at])
            while at < len(views) and sent >= len(views[at]):
                sent -= len(views[at])
                at += 1
            if sent:
                views[at] = memoryview(views[at])[sent:]

    def _exactly(self, size: int, deadline: float) -> bytes:
        buffer = bytearray(size)
        view, got = memoryview(buffer), 0
        while got < size:
            self._socket.settimeout(_left(deadline))
            if not (count := self._socket.recv_into(view[got:])):
                raise ConnectionResetError("closed by the broker")
            got += count
        return bytes(buffer)

    def _lost(self, text: str) -> ConnectionLost:
        self.close()
        throttled = time.monotonic() < self.throttled_until
        return ConnectionLost(f"{self}, {text}{', while a quota of the cluster holds us back' if throttled else ''}")


def _reached(address: tuple[str, int], deadline: float) -> socket.socket:
    """Return a socket to the first of the host's addresses that lets us in; its time-out is what is left then.

    One that says nothing uses up its share of the time alone: a name may stand for several, some of them never routed.
    """
    problem = OSError(f"{address[0]} has no address")
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    for waiting, (family, kind, protocol, _, place) in zip(range(len(found), 0, -1), found, strict=True):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(_left(deadline) / waiting)
            plain.connect(place)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Nagle would add up to 40 ms
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name in _KEEPALIVE_IDLE:
                if (option := getattr(socket, name, None)) is not None:
                    plain.setsockopt(socket.IPPROTO_TCP, option, KEEPALIVE_IDLE_S)
            plain.settimeout(_left(deadline))
        except OSError as error:
            plain.close()
            problem = error
        else:
            return plain
    raise problem


def _left(deadline: float) -> float:
    """Return the seconds left, as a socket's time-out. Raises TimeoutError when there are none."""
    left = min(deadline - time.monotonic(), LEFT_MAX_S)
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
