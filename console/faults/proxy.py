"""A proxy between clients and one broker: bad weather on all connections, or one request held and delivered late.

    frame      int32 size | int16 api key | int16 version | int32 correlation id | ...

It understands Kafka's request framing, plain text. What it cannot read (`readable` is false: TLS) it passes on as it
comes, for the weather alone. It runs in a thread of its own; all of its methods may be called
from another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from console.cluster.ports import HOST
from console.faults.failure import FaultFailed

PRODUCE, INIT_PRODUCER_ID = 0, 22
ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 24, 25, 26, 28
ANSWER_S = 10.0
READ_BYTES = 1 << 16
#: As a broker's `socket.request.max.bytes`: whatever says that it is longer is no request.
FRAME_BYTES_MAX = 100 << 20
PASSED_MAX = 10_000

Break = Literal["reset", "stall"]

Weather = Literal["fair", "slow", "silent", "half-open", "resets"]
"""What happens to what passes by.

slow        each piece is late by `SLOW_S`, both ways
silent      nothing passes either way, nothing is closed; it goes on when the weather is fair: packets were lost
half-open   requests reach the broker, answers are lost; such a connection is reset when the weather is fair
resets      each connection is reset at its next request; one that cannot be read within one of its next pieces,
            either way, each connection within another one: handshakes, log-ins and answers break at every point
"""

CUT_WITHIN_MAX = 12
"""So many pieces go both ways until a client is in by TLS and SCRAM and has asked its first question."""

SLOW_S = 0.3
LOOK_S = 0.02


@dataclass(frozen=True)
class Request:
    """A request as it passed by."""

    at_s: float
    api: int
    frame: bytes


@dataclass
class Trap:
    """Holds the first request that `wants` and breaks its connection."""

    wants: Callable[[Request], bool]
    how: Break
    held: Request | None = None


@dataclass
class _Cut:
    """Says within which of its pieces a connection is reset, when the weather is so."""

    depths: Iterator[int]
    left: int = 0

    def comes(self, weather: Weather) -> bool:
        """Whether it is the piece that passes now."""
        if weather != "resets":
            self.left = 0
            return False
        self.left = (self.left or next(self.depths)) - 1
        return self.left == 0


@dataclass
class Proxy:
    """Passes everything between its port and the broker's, but for what a trap catches."""

    port: int
    broker_port: int
    passed: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=PASSED_MAX))
    """When which kind of request passed by, the latest of them."""
    trap: Trap | None = None
    weather: Weather = "fair"
    readable: bool = True

    def start(self) -> None:
        """Listen; returns when connections are accepted."""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        if not self._ready.wait(ANSWER_S):
            raise FaultFailed(f"the proxy does not listen on port {self.port}")

    def stop(self) -> None:
        """Close all connections and end the thread."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(ANSWER_S)

    def hold(self, api: int, how: Break, wants: Callable[[bytes], bool] = lambda frame: True) -> Trap:
        """Catch the next request of this kind."""
        self.trap = Trap(lambda request: request.api == api and wants(request.frame), how)
        return self.trap

    def deliver(self, trap: Trap) -> bytes:
        """Send the held request on a connection of its own, as a network does late; returns the broker's answer."""
        if trap.held is None:
            raise FaultFailed("nothing was held")
        with socket.create_connection((HOST, self.broker_port), ANSWER_S) as late:
            late.sendall(trap.held.frame)
            size = struct.unpack(">i", _exactly(late, 4))[0]
            return _exactly(late, size)

    def behind(self, trap: Trap) -> list[int]:
        """Return the kinds of the requests that passed by after the one that was held, in their order."""
        if (held := trap.held) is None:
            raise FaultFailed("nothing was held")
        return [api for at_s, api in list(self.passed) if at_s > held.at_s]

    # --- in the loop -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._depths = itertools.cycle(range(1, CUT_WITHIN_MAX + 1))
        server = await asyncio.start_server(self._connected, HOST, self.port)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            from_broker, to_broker = await asyncio.open_connection(HOST, self.broker_port)
        except OSError:
            writer.close()
            return
        cut = _Cut(self._depths)
        answers = asyncio.create_task(
            self._answers(from_broker, writer)
            if self.readable
            else self._pass(from_broker, writer, writer, cut, "half-open")
        )
        try:
            if self.readable:
                await self._requests(reader, writer, to_broker, answers)
            else:
                await self._pass(reader, to_broker, writer, cut)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client left, or the proxy stops
        finally:
            answers.cancel()
            for end in (writer, to_broker):
                end.close()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        to_broker: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        """Pass requests on until one is caught or the client leaves."""
        while True:
            head = await reader.readexactly(4)
            size = struct.unpack(">i", head)[0]
            if not 0 < size <= FRAME_BYTES_MAX:
                _reset(writer)
                return
            frame = head + await reader.readexactly(size)
            request = Request(time.monotonic(), struct.unpack_from(">h", frame, 4)[0], frame)
            self.passed.append((request.at_s, request.api))
            trap = self.trap
            if trap is not None and trap.held is None and trap.wants(request):
                trap.held = request
                await self._break(trap.how, reader, writer, answers)
                return
            if self.weather == "resets":
                _reset(writer)
                return
            await self._wait("slow", "silent")
            to_broker.write(frame)
            await to_broker.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass answers on as the weather allows."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                lost = self.weather == "half-open"
                await self._wait("slow", "silent", "half-open")
                if lost:
                    _reset(writer)
                    return
                writer.write(data)
                await writer.drain()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        cut: _Cut,
        *more: Weather,
    ) -> None:
        """Pass pieces on one way as the weather allows; `more`: weathers that hold them back, but never return them."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                lost = self.weather in more
                await self._wait("slow", "silent", *more)
                if within := cut.comes(self.weather):
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                if lost or within:
                    _reset(client)
                    return
                writer.write(data)
                await writer.drain()
            await self._wait("silent", *more)
            writer.close()

    async def _wait(self, *weathers: Weather) -> None:
        """Wait as the weather says, if it is one of these."""
        if self.weather == "slow" and "slow" in weathers:
            await asyncio.sleep(SLOW_S)
        while self.weather != "slow" and self.weather in weathers:  # noqa: ASYNC110 - it is set from another thread
            await asyncio.sleep(LOOK_S)

    async def _break(
        self,
        how: Break,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        if how == "reset":
            _reset(writer)
            return
        answers.cancel()
        while await reader.read(READ_BYTES):  # silence: nothing is answered until the client gives up
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a firewall does: RST, nothing more is sent."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            raise FaultFailed("the broker closed the late connection")
        found += more
    return found


def commits(frame: bytes) -> bool:
    """Whether an EndTxn request commits: its last byte says so (version 1)."""
    return frame[-1] == 1


def aborts(frame: bytes) -> bool:
    """Whether an EndTxn request aborts."""
    return frame[-1] == 0


def end_txn_error(answer: bytes) -> int:
    """Return the error code of an EndTxn answer: correlation id, throttle time, code."""
    code: int = struct.unpack_from(">h", answer, 8)[0]
    return code


def offset_commit_error(answer: bytes) -> int:
    """Return the first partition's error code of a TxnOffsetCommit answer, version 3, one topic, one partition.

    correlation id, tags, throttle time, topics + 1, name length + 1, name, partitions + 1, partition, code
    """
    at = 4 + 1 + 4 + 1
    name = answer[at] - 1
    code: int = struct.unpack_from(">h", answer, at + 1 + name + 1 + 4)[0]
    return code


def produce_error(answer: bytes) -> int:
    """Return the first partition's error code of a Produce answer, version 7.

    correlation id, topics, name length, name, partitions, partition, code
    """
    at = 4 + 4
    name: int = struct.unpack_from(">h", answer, at)[0]
    code: int = struct.unpack_from(">h", answer, at + 2 + name + 4 + 4)[0]
    return code
