"""Sees what comes out while a trial runs: how many records have ended, and when each partition last moved on.

What moves a source partition on is written down by whoever read it: facts of dedup name the received record, a
scored lead lies in the partition of its unique one, and the other stages write their positions to their changelogs.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from console.reach import Reach
from console.reading import Unreachable
from schemas.records import DeadLetter, LeadRejected, LeadUnique, Position
from schemas.registry import open_codec
from schemas.topics import CLOSED, RECEIVED, REJECTED, SCORED, UNIQUE, changelog_topic, dead_topic
from streams.positions import SEPARATOR
from streams.stage import Message, TopicPartition

_CHANGELOGS = tuple(changelog_topic(stage) for stage in ("routing", "delivery", "settlement"))
_DEAD = dead_topic(RECEIVED)
#: Moves remembered for each partition; a fault is looked at within seconds.
_MOVES_MAX = 2000
#: Between two looks at a broker that is away.
_AWAY_S = 0.5
#: A read that has begun waits at most `reading.SILENCE_S` for its broker.
_END_LIMIT_S = 20.0


class Move(NamedTuple):
    """A source partition has moved on: when the broker appended the output, and when it was seen here (monotonic)."""

    appended_ms: int
    seen_s: float


class Watch:
    """Reads what is committed, in a thread of its own; everything is safe to read from another one."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._codec = open_codec(way.settings)  # the load encodes with the other one, in its own thread
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._moves: dict[TopicPartition, deque[Move]] = defaultdict(lambda: deque(maxlen=_MOVES_MAX))
        self.error: Exception | None = None
        self.unique = 0
        self.closed = 0
        #: Received records refused or set aside, by reason.
        self.refused: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_END_LIMIT_S)

    @property
    def ended(self) -> int:
        """How many received records have come to their end."""
        return self.closed + self.refused.total() + self.dead.total()

    def moves(self) -> dict[TopicPartition, list[Move]]:
        """Return what is remembered of each source partition, oldest first."""
        return {at: list(moves) for at, moves in list(self._moves.items())}

    def _run(self) -> None:
        try:
            for messages in self._chunks():
                now = time.monotonic()
                for message in messages:
                    self._see(message, now)
                if self._stopped.is_set():
                    return
        except Exception as error:
            self.error = error

    def _chunks(self) -> Iterator[list[Message]]:
        """Yield what is new, over brokers that come and go."""
        reader = self._way.reader
        starts = dict.fromkeys(reader.partitions(CLOSED, REJECTED, UNIQUE, SCORED, _DEAD, *_CHANGELOGS), 0)
        while not self._stopped.is_set():
            try:
                for messages in reader.follow(starts):
                    for message in messages:
                        starts[TopicPartition(message.topic, message.partition)] = message.offset + 1
                    yield messages
            except Unreachable:
                self._stopped.wait(_AWAY_S)

    def _see(self, message: Message, now_s: float) -> None:
        moved = TopicPartition(message.topic, message.partition)
        if message.topic == SCORED:
            moved = TopicPartition(UNIQUE, message.partition)
        elif message.topic == CLOSED:
            self.closed += 1
            return
        elif message.topic in _CHANGELOGS:
            if not (message.key or b"").startswith(SEPARATOR):
                return
            moved = TopicPartition(self._codec.decode_as(message.value or b"", Position).source, message.partition)
        else:
            moved = TopicPartition(RECEIVED, self._end(message))
        self._moves[moved].append(Move(message.timestamp_ms, now_s))

    def _end(self, message: Message) -> int:
        """Count an end of a received record; return its partition."""
        record = self._codec.decode(message.value or b"")
        if isinstance(record, LeadUnique):
            self.unique += 1
            return record.slip.received_partition
        if isinstance(record, LeadRejected):
            self.refused[record.reason] += 1
            return record.received_partition
        if not isinstance(record, DeadLetter):
            raise TypeError(f"{message!r} is no end of a received record")
        self.dead[record.reason] += 1
        return record.partition


def silence_s(moves: Iterable[Move], since_ms: int, since_s: float) -> float | None:
    """Return the seconds between a partition's last move before a moment and the first one appended after it.

    None: it has not moved since. `since_ms` and `since_s` are the same moment, by the broker's and our clock.
    """
    before, after = since_s, None
    for move in moves:
        if move.appended_ms > since_ms and move.seen_s > since_s:
            after = move.seen_s
            break
        before = min(move.seen_s, since_s)
    return None if after is None else after - before
