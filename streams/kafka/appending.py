"""Appending records to the partitions of a transaction: one request a leader if they fit, and where they stand then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from confluent_kafka import KafkaError

from streams.client import Output
from streams.kafka import wire
from streams.kafka.batches import RecordBatch, after, batches_of
from streams.kafka.brokers import Address, Brokers, NotKnown, Place
from streams.kafka.coordinators import pauses

REQUEST_BYTES_MAX = 16 * 1024 * 1024
"""A broker takes 100 MiB by default; what is more goes in several requests."""

LEADER_TIMEOUT_S = 2.0
"""How long a partition without a leader is waited for; a topic that is gone must fail within the deadline."""

#: A partition whose leader is being chosen, or a topic that this broker has not heard of yet.
_NO_LEADER = frozenset({KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART})

Queued = Mapping[Place, Sequence[Output]]
#: To whom, and one batch for each of these partitions.
_Request = tuple[Address, dict[Place, RecordBatch]]


class Refused(Exception):
    """Records of some partitions were not appended, those of others may have been; Kafka's first error of each."""

    def __init__(self, errors: Mapping[Place, int]) -> None:
        causes = sorted({(topic, error) for (topic, _), error in errors.items()})
        super().__init__(", ".join(f"{topic} ({KafkaError(error).name()})" for topic, error in causes))
        self.errors = errors


class Appender:
    """Writes for one transactional id, and numbers what it writes: brokers refuse what is missing or comes twice."""

    def __init__(self, brokers: Brokers, name: str, batch_bytes: Callable[[str], int], timeout_ms: int) -> None:
        """`batch_bytes` tells how large a batch a topic takes, `timeout_ms` how long a leader may wait for replicas."""
        self._brokers = brokers
        self._name = name
        self._batch_bytes = batch_bytes
        self._timeout_ms = timeout_ms
        self._sequences: dict[Place, int] = {}
        #: A broker's append time of what was appended last, ms UTC; 0 where none was told: topics may keep the maker's.
        self.stamp_ms = 0

    def begin_again(self) -> None:
        """Number from 0: the producer's epoch is a new one."""
        self._sequences.clear()

    def leaders(self, places: Queued, deadline: float) -> Mapping[Place, Address]:
        """Return who leads these partitions; waits a while where nobody does. Raises NotKnown, ConnectionLost."""
        until = min(deadline, time.monotonic() + LEADER_TIMEOUT_S)
        for pause_s in pauses():
            try:
                return self._brokers.leaders(places, deadline)
            except NotKnown as problem:
                if problem.code not in _NO_LEADER or time.monotonic() + pause_s >= until:
                    raise
                time.sleep(pause_s)
        raise AssertionError("pauses do not end")

    def append(
        self, queued: Queued, leaders: Mapping[Place, Address], producer: wire.Producer, deadline: float
    ) -> dict[Place, tuple[int, int]]:
        """Return the offsets of the first and the last record of each partition. Raises Refused, ConnectionLost."""
        requests = list(self._requests(queued, leaders, producer))
        bodies = [(leader, self._body(batches)) for leader, batches in requests]
        appended: dict[Place, tuple[int, int]] = {}
        refused: dict[Place, int] = {}
        self.stamp_ms = 0
        for (_, batches), answer in zip(requests, self._brokers.ask_all(wire.PRODUCE, bodies, deadline), strict=True):
            taken = wire.produce_answer(answer)
            for place, batch in batches.items():
                error, offset, stamp_ms = taken.get(place, _NOT_TAKEN)
                if error:
                    refused.setdefault(place, error)
                    continue
                first = appended[place][0] if place in appended else offset
                appended[place] = first, offset + batch.records - 1
                self.stamp_ms = max(stamp_ms, self.stamp_ms)
        if refused:
            self._brokers.forget()
            raise Refused(refused)
        return appended

    def _body(self, batches: Mapping[Place, RecordBatch]) -> Sequence[bytes | bytearray]:
        contents = {place: batch.content for place, batch in batches.items()}
        return wire.produce(self._name, self._timeout_ms, contents)

    def _requests(
        self, queued: Queued, leaders: Mapping[Place, Address], producer: wire.Producer
    ) -> Iterator[_Request]:
        """Yield what to send to whom: a request holds one batch of a partition at most, and has a limit."""
        now_ms = time.time_ns() // 1_000_000
        begun: dict[Address, dict[Place, RecordBatch]] = {}
        sizes: dict[Address, int] = {}
        for place, outputs in queued.items():
            sequence, leader = self._sequences.get(place, 0), leaders[place]
            for batch in batches_of(outputs, producer, sequence, now_ms, self._batch_bytes(place[0])):
                request, size = begun.setdefault(leader, {}), sizes.get(leader, 0) + len(batch.content)
                if place in request or (request and size > REQUEST_BYTES_MAX):
                    yield leader, request
                    request, size = {}, len(batch.content)
                begun[leader], sizes[leader] = request, size
                request[place] = batch
            self._sequences[place] = after(sequence, len(outputs))
        yield from begun.items()


_NOT_TAKEN = wire.Appended(KafkaError.UNKNOWN, -1, -1)
