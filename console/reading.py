"""Reads topics for a person: committed records only, outside any group, to the end as it was when asked.

Nothing here joins a group or commits an offset, so looking never disturbs a worker. Every wait is bounded: a broker
that does not answer is said after `SILENCE_S`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # the public module does not name it for type checkers

from config.kafka import KafkaSettings
from schemas.errors import LeadflowError
from streams.clock import Clock
from streams.kafka.errors import not_allowed
from streams.kafka.group_offsets import GroupOffsets
from streams.kafka.login import raise_if_refused
from streams.kafka.permissions import DESCRIBE, GROUP, PERMISSIONS, READ, TOPIC, Forbidden
from streams.stage import Message, TopicPartition

#: No answer for this long means that the broker is not there. A restarted one is back within 3 s, seldom 12 s.
SILENCE_S = 15.0
#: One fetch waits at most this long for something new: what `--follow` feels like.
FETCH_WAIT_MS = 100
#: Records taken from the client at once; bounds memory to some megabytes.
CHUNK_RECORDS = 1_000

_EARLIEST: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # untyped in the package
_LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # untyped in the package
#: What goes wrong is said by our own errors, once; the client's log would say it again in its own words.
_SILENT = logging.getLogger("leadflow.console.kafka")
_SILENT.setLevel(logging.CRITICAL + 1)
#: Pass by themselves: a leader is being chosen, or the broker has not heard of a new topic yet.
_PASSING = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._NOENT,  # list_offsets while a new topic has no leader yet
    }
)
_LEADERLESS = frozenset({KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION})
_SILENCE = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE})
_PAUSE_S = 0.1
_REAL = Clock()
T = TypeVar("T")


class Unreachable(LeadflowError):
    """Kafka does not answer, or lacks what was asked for; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the topics are: bootstrap servers, the prefix of all names, further client options (security)."""

    bootstrap: str
    prefix: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def client(self, **options: Any) -> dict[str, Any]:
        """Return a client's configuration; librdkafka is kept from writing to standard error."""
        return {"bootstrap.servers": self.bootstrap, "logger": _SILENT, **self.options, **options}


class Bounds(NamedTuple):
    """Offsets of a partition: the first one kept, and the next one to be committed."""

    start: int
    end: int


class Member(NamedTuple):
    """A process in a consumer group: its slot (the end of its name there), its host, how many partitions it has."""

    name: str
    host: str
    partitions: int


class Reader:
    """Reads the topics at one address; topic names are without prefix, as everywhere.

    All times, of records and asked for, are in the time that leadflow lives in, as `clock` maps it.
    Not for use from two threads at once.
    """

    def __init__(self, address: Address, clock: Clock = _REAL) -> None:
        self._address = address
        self._clock = clock
        self._admin = AdminClient(address.client())
        self._tried = False
        self._offsets_of: GroupOffsets | None = None

    @property
    def rate(self) -> float:
        """How fast the time passes that leadflow lives in."""
        return self._clock.rate

    def topics(self) -> dict[str, int]:
        """Return our topics, by name without prefix, with the number of their partitions."""
        return self._ask("list the topics", self._listed)

    def _listed(self) -> dict[str, int]:
        """A topic without a leader for a moment is asked for again: left out, it would pass for one that is empty."""
        prefix = self._address.prefix
        found = {}
        for name, topic in self._admin.list_topics(timeout=SILENCE_S).topics.items():
            if not name.startswith(prefix) or name.startswith("__"):
                continue
            if topic.error is None:
                found[name.removeprefix(prefix)] = len(topic.partitions)
            elif topic.error.code() in _LEADERLESS:
                raise KafkaException(topic.error)
        return found

    def partitions(self, *topics: str) -> list[TopicPartition]:
        """Return all partitions of these topics, in order; a topic that does not exist has none.

        Raises NeedsPerson when one is left out because we may not see it.
        """
        counts = self.topics()
        if hidden := self.hidden([topic for topic in topics if topic not in counts]):
            raise Forbidden(TOPIC, READ, hidden)
        return [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]

    def hidden(self, topics: Iterable[str]) -> list[str]:
        """Return the full names of those topics that we may not see; asked for by name, they are told apart."""
        names = [self._address.prefix + topic for topic in topics]
        if not names:
            return []

        def ask() -> list[str]:
            futures = self._admin.describe_topics(TopicCollection(names), request_timeout=SILENCE_S)
            return [name for name, future in futures.items() if _error_of(future) == TOPIC]

        return self._ask("look for topics", ask)

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """Return the bounds of what is committed now."""
        partitions = list(partitions)
        starts = self._offsets(partitions, _EARLIEST)
        ends = self._offsets(partitions, _LATEST)
        return {partition: Bounds(starts[partition], ends[partition]) for partition in partitions}

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the committed end of each partition: cheap, one request a broker."""
        return self._offsets(list(partitions), _LATEST)

    def offsets_at(self, partitions: Iterable[TopicPartition], since_ms: int) -> dict[TopicPartition, int]:
        """Return the first offset at or after a time in each partition; its end when nothing is as new."""
        partitions = list(partitions)
        clock = self._clock
        real_ms = clock.anchor_ms + (since_ms - clock.start_ms) / clock.rate
        found = self._offsets(partitions, OffsetSpec.for_timestamp(max(0, int(real_ms))))
        late = [partition for partition, offset in found.items() if offset < 0]
        return found | self.ends(late)

    def _offsets(self, partitions: list[TopicPartition], spec: Any) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        request = {self._raw(partition): spec for partition in partitions}

        def ask() -> dict[TopicPartition, int]:
            futures = self._admin.list_offsets(
                request, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=SILENCE_S
            )
            return {self._own(raw): future.result(SILENCE_S).offset for raw, future in futures.items()}

        return self._ask("read the bounds of its topics", ask, {TOPIC: [raw.topic for raw in request]})

    def committed(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the offsets that a group has committed; None where it has not. The group's name gets no prefix."""
        raw = [self._raw(partition) for partition in partitions]
        if not raw:
            return {}

        if self._offsets_of is None or self._offsets_of.group != group:
            if self._offsets_of is not None:
                self._offsets_of.close()
            self._offsets_of = GroupOffsets(self._address.client(), group)
        asked = self._offsets_of
        names = {TOPIC: [each.topic for each in raw], GROUP: [group]}
        answer = self._ask(f"read the offsets of group {group}", lambda: asked.committed(raw, SILENCE_S), names)
        return {self._own(found): found.offset if found.offset >= 0 else None for found in answer}

    def members(self, group: str) -> list[Member]:
        """Return who is in a group now, by name; a group that does not exist has nobody."""

        def ask() -> list[Member]:
            asked = self._admin.describe_consumer_groups([group], request_timeout=SILENCE_S)
            try:
                found = asked[group].result(SILENCE_S).members
            except KafkaException as error:
                if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                    return []
                raise
            return [
                Member(
                    (each.group_instance_id or each.member_id).removeprefix(f"{group}-"),
                    each.host.lstrip("/"),
                    len(each.assignment.topic_partitions) if each.assignment else 0,
                )
                for each in found
            ]

        return sorted(self._ask(f"describe the group {group}", ask, {GROUP: [group]}))

    def scan(self, *topics: str) -> Iterator[Message]:
        """Yield every committed record of these topics, each partition in its order."""
        return self.read(self.bounds(self.partitions(*topics)))

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> Iterator[Message]:
        """Yield the committed records of [start, end) of each partition, each in its order; then end.

        Raises:
            Unreachable: the broker fell silent, or a start lies outside its log.
        """
        open_ends = {partition: end for partition, (start, end) in ranges.items() if start < end}
        if not open_ends:
            return
        starts = {partition: ranges[partition][0] for partition in open_ends}
        with self._consumer(starts) as consumer:
            heard = time.monotonic()
            while open_ends:
                for raw in consumer.consume(CHUNK_RECORDS, FETCH_WAIT_MS / 1000):
                    partition, offset = self._where(raw)
                    if partition not in open_ends:
                        continue
                    heard = time.monotonic()
                    if offset < open_ends[partition] and raw.error() is None:
                        yield self._message(raw)
                    if offset + (raw.error() is None) >= open_ends[partition]:
                        del open_ends[partition]
                        consumer.pause([self._raw(partition)])
                if time.monotonic() - heard > SILENCE_S:
                    raise self._silent("read its topics")

    def follow(self, starts: Mapping[TopicPartition, int]) -> Iterator[list[Message]]:
        """Yield what is committed from these offsets on, for ever: a chunk about every 100 ms, empty when quiet."""
        with self._consumer(starts) as consumer:
            while True:
                raws = consumer.consume(CHUNK_RECORDS, FETCH_WAIT_MS / 1000)
                yield [self._message(raw) for raw in raws if self._where(raw)[0] and raw.error() is None]

    def last(self, topic: str, count: int) -> list[Message]:
        """Return the last `count` committed records of a topic, oldest first by the broker's time.

        Transactions leave marks that take offsets, so it looks a little further back than `count`, twice as far each
        time.
        """
        bounds = self.bounds(self.partitions(topic))
        back = max(count, 1) * 2
        while True:
            ranges = {at: (max(found.start, found.end - back), found.end) for at, found in bounds.items()}
            found = sorted(self.read(ranges), key=lambda message: (message.timestamp_ms, message.offset))
            if len(found) >= count or all(start == bounds[at].start for at, (start, _) in ranges.items()):
                return found[-count:] if count else []
            back *= 2

    def at(self, partition: TopicPartition, offset: int) -> Message | None:
        """Return the committed record at an offset; None when there is none (cut off, aborted, not yet written)."""
        if partition not in self.partitions(partition.topic):
            return None
        bounds = self.bounds([partition])[partition]
        if not bounds.start <= offset < bounds.end:
            return None
        return next(iter(self.read({partition: (offset, offset + 1)})), None)

    @contextmanager
    def _consumer(self, starts: Mapping[TopicPartition, int]) -> Iterator[Consumer]:
        consumer = Consumer(
            self._address.client(
                **{
                    "group.id": "leadflow-console",  # demanded by the client, never joined
                    "isolation.level": "read_committed",
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "error",
                    "fetch.wait.max.ms": FETCH_WAIT_MS,
                    "queued.max.messages.kbytes": 16_384,
                }
            )
        )
        try:
            consumer.assign([self._raw(partition, offset) for partition, offset in starts.items()])
            yield consumer
        finally:
            consumer.close()

    def _where(self, raw: Any) -> tuple[TopicPartition | None, int]:
        """Return where a record, or the end of a partition, stands; None for news of the group that nobody joins.

        Raises Unreachable for any other event, NeedsPerson when we may not read.
        """
        error = raw.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if error.code() == GROUP:
                return None, -1
            if error.code() == TOPIC and raw.topic():
                raise Forbidden(TOPIC, READ, (raw.topic(),))
            raise Unreachable(
                f"Kafka at {self._address.bootstrap} cannot read {raw.topic() or 'a topic'}: {error.str()}"
            )
        return TopicPartition(raw.topic().removeprefix(self._address.prefix), raw.partition()), raw.offset()

    def _message(self, raw: Any) -> Message:
        return Message(
            raw.topic().removeprefix(self._address.prefix),
            raw.partition(),
            raw.offset(),
            self._clock.map(raw.timestamp()[1]),
            raw.key(),
            raw.value(),
            tuple(raw.headers() or ()),
        )

    def _raw(self, partition: TopicPartition, offset: int = OFFSET_INVALID) -> RawPartition:
        return RawPartition(self._address.prefix + partition.topic, partition.partition, offset)

    def _own(self, raw: RawPartition) -> TopicPartition:
        return TopicPartition(raw.topic.removeprefix(self._address.prefix), raw.partition)

    def _ask(self, what: str, call: Callable[[], T], names: Mapping[int, Iterable[str]] = MappingProxyType({})) -> T:
        """Call until the answer is not one that passes by itself, at most for `SILENCE_S`.

        Before the first call a connection of our own tries to log in: its refusal is told at once and in words, that of
        the client is silence. `names`: what is asked for, by the code that says that it is forbidden.
        Raises Unreachable, NeedsPerson.
        """
        if not self._tried:
            raise_if_refused(KafkaSettings(self._address.bootstrap).addresses, self._address.options)
            self._tried = True
        deadline = time.monotonic() + SILENCE_S
        while True:
            try:
                return call()
            except TimeoutError:
                raise self._silent(what) from None
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if cause.code() in PERMISSIONS:
                    raise not_allowed(cause, what, DESCRIBE, names) from None
                if time.monotonic() > deadline or cause.code() in _SILENCE:
                    raise self._silent(what) from None
                if not (cause.retriable() or cause.code() in _PASSING):
                    raise Unreachable(f"Kafka at {self._address.bootstrap} could not {what}: {cause.str()}") from None
                time.sleep(_PAUSE_S)
                self._refresh()

    def _refresh(self) -> None:
        """Learn who leads which partition now; the next answer says if that failed."""
        with suppress(KafkaException):
            self._admin.list_topics(timeout=1)

    def _silent(self, what: str) -> Unreachable:
        return Unreachable(
            f"Kafka at {self._address.bootstrap} did not answer within {SILENCE_S:.0f} s when asked to {what}; "
            "is it running? `leadflow status` shows the one of `leadflow up`, LEADFLOW_KAFKA names another"
        )


def _error_of(future: Future[Any]) -> int:
    """Return the code of what an answer says is wrong, 0 for nothing."""
    try:
        future.result(SILENCE_S)
    except KafkaException as problem:
        code: int = problem.args[0].code()
        return code
    return 0
