"""Questions to the cluster: log ends, partition counts, whether a topic is there, what the broker's clock says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka.admin import AclOperation as _AclOperation  # type: ignore[attr-defined] # likewise
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin import OffsetSpec as _OffsetSpec  # type: ignore[attr-defined] # exported, says its page

from config.kafka import KafkaSettings, admin_options
from schemas.errors import LeadflowError, NeedsPerson, Unavailable
from streams.kafka.errors import log, unavailable
from streams.kafka.login import raise_if_refused
from streams.kafka.permissions import DESCRIBE, READ, TOPIC, WRITE, Forbidden
from streams.kafka.records import Names
from streams.stage import TopicPartition

ANSWER_TIMEOUT_S = 1.0
TOPICS_TIMEOUT_S = 2.0
"""Longer: it is a new handle's first question, and the connection is part of it."""

ATTEMPTS = 3
REFRESH_EVERY_S = 0.5
"""Topics and counts: an added buyer waits for this, then for its owner to look, and must sell within 3 s."""

CLOCK_EVERY_S = 1.0
ALLOWED_EVERY_S = 2.0
"""How often a topic that we may not write to is looked at again."""

OffsetSpec: Any = _OffsetSpec
AclOperation: Any = _AclOperation

_MOVED = frozenset(
    {
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)


class KafkaAdmin:
    """One admin handle, kept for as long as its futures may run. Safe from several threads."""

    def __init__(self, settings: KafkaSettings, names: Names) -> None:
        self._names = names
        self._settings = settings
        self._handle = AdminClient(admin_options(settings), logger=log)

    def log_bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return (log start, read-uncommitted end): open transactions count, as restore must see past them."""
        asked = list(partitions)
        starts = self.offsets(asked, OffsetSpec.earliest())
        ends = self.offsets(asked, OffsetSpec.latest())
        return {partition: (starts[partition][0], ends[partition][0]) for partition in asked}

    def offsets(self, partitions: list[TopicPartition], spec: Any) -> dict[TopicPartition, tuple[int, int]]:
        """Return (offset, timestamp) by the spec. A leader that has just restarted is asked again."""
        topics = {self._names.full(partition.topic) for partition in partitions}
        for _ in range(ATTEMPTS):
            with unavailable("log offsets", DESCRIBE, {TOPIC: topics}):
                try:
                    return self._list_offsets(partitions, spec)
                except KafkaException as problem:
                    if problem.args[0].code() not in _MOVED:
                        raise
                    self._handle.list_topics(timeout=ANSWER_TIMEOUT_S)  # learns the new leader and its epoch
        raise Unavailable("log offsets: the leaders are moving")

    def _list_offsets(self, partitions: list[TopicPartition], spec: Any) -> dict[TopicPartition, tuple[int, int]]:
        if not partitions:
            return {}
        raw = {self._raw(partition): spec for partition in partitions}
        futures = self._handle.list_offsets(
            raw, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ANSWER_TIMEOUT_S
        )
        try:
            answers = {(at.topic, at.partition): future.result(2 * ANSWER_TIMEOUT_S) for at, future in futures.items()}
        except TimeoutError:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
        return {p: self._pair(answers[self._names.full(p.topic), p.partition]) for p in partitions}

    def _pair(self, answer: Any) -> tuple[int, int]:
        return int(answer.offset), int(answer.timestamp)

    def full(self, topic: str) -> str:
        """Return the topic's name as the cluster knows it."""
        return self._names.full(topic)

    def _raw(self, partition: TopicPartition) -> Any:
        return RawPartition(self._names.full(partition.topic), partition.partition)

    def partition_counts(self) -> dict[str, int]:
        """Return the count of every topic of our prefix that is there and that we may see.

        Raises Unavailable, and NeedsPerson when that is because Kafka does not let us in.
        """
        try:
            with unavailable("topics"):
                topics = self._handle.list_topics(timeout=TOPICS_TIMEOUT_S).topics
        except Unavailable:
            raise_if_refused(self._settings.addresses, self._settings.security)
            raise
        prefix = self._names.prefix
        return {
            self._names.plain(name): len(topic.partitions)
            for name, topic in topics.items()
            if topic.error is None and name.startswith(prefix)
        }

    def raise_if_hidden(self, topics: Iterable[str]) -> None:
        """Raise Forbidden when some of these topics, which are not among `partition_counts`, may be there unseen.

        Raises Unavailable when there is no answer.
        """
        if hidden := [topic for topic, (error, _) in self.described(topics).items() if error == TOPIC]:
            raise Forbidden(TOPIC, READ, map(self._names.full, hidden))

    def described(self, topics: Iterable[str]) -> dict[str, tuple[int, bool]]:
        """Return the error code of each topic, 0 where it is shown to us, and whether we may write to it.

        Raises Unavailable.
        """
        names = {self._names.full(topic): topic for topic in topics}
        if not names:
            return {}
        futures = self._handle.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=TOPICS_TIMEOUT_S
        )
        found = {}
        for name, future in futures.items():
            try:
                operations = future.result(2 * TOPICS_TIMEOUT_S).authorized_operations or ()
            except TimeoutError:
                raise Unavailable("topics: no answer") from None
            except KafkaException as problem:
                found[names[name]] = problem.args[0].code(), False
            else:
                found[names[name]] = 0, AclOperation.WRITE in operations
        return found


@dataclass(frozen=True)
class _Seen:
    """One look at a topic's end: when (our monotonic s, our wall clock ms), and the offset of each partition."""

    at_s: float
    wall_ms: int
    ends: dict[TopicPartition, int]


ClockSample = tuple[int, int]
"""Our clock and the broker's append time of the same moment, as near as it is known; ms UTC."""

EPOCH_SAMPLE_OLD_MS = 60_000


class ClusterWatch:
    """What must be known without waiting, kept fresh by a daemon thread of its own.

    Counts are pinned when a topic is first seen; one that differs later is remembered as `changed`. The broker's
    clock is read from a topic with LogAppendTime: whatever was appended between two looks bears the broker's time of
    a moment between them.
    """

    def __init__(self, admin: KafkaAdmin, clock_topic: str | None) -> None:
        self._admin = admin
        self._clock_topic = clock_topic
        self._pinned: dict[str, int] = {}
        #: Topics whose counts were asked for: keys were placed by them.
        self._placed: set[str] = set()
        self._known: frozenset[str] = frozenset()
        self._changed: dict[str, tuple[int, int]] = {}
        #: Topics that work goes on without, and those of them that we may not write to; two threads change these.
        self._dispensable: set[str] = set()
        self._forbidden: set[str] = set()
        self._sample: tuple[int, int] | None = None
        self._seen: _Seen | None = None
        self._problem: LeadflowError | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadflow-cluster-watch", daemon=True)

    def start(self) -> None:
        """Look once, then go on in the background. Raises Unavailable when there is no answer."""
        self.refresh()
        self._thread.start()

    def refresh(self) -> None:
        """Ask for the topics now."""
        counts = self._admin.partition_counts()
        pinned = {topic: self._pinned.setdefault(topic, count) for topic, count in counts.items()}
        self._changed = {topic: (pinned[topic], now) for topic, now in counts.items() if pinned[topic] != now}
        self._known = frozenset(counts)

    def count(self, topic: str) -> int | None:
        """Return the pinned count, by which keys are placed; a topic not heard of yet is asked for once, now."""
        self._placed.add(topic)
        if topic not in self._pinned:
            self.refresh()
        return self._pinned.get(topic)

    def takes(self, topic: str) -> bool:
        """Whether the topic was there at the last look (at most 10 s ago unless the cluster is away) and not forbidden.

        Who asks can do without it: that we may not write to it is no reason to end.
        """
        self._dispensable.add(topic)
        return topic in self._known and topic not in self._forbidden

    def forbid(self, topics: Collection[str]) -> bool:
        """Note that we may not write to these topics, and look at them again now and then.

        Returns False when work cannot go on without one of them; nothing is noted then.
        """
        if not self._dispensable.issuperset(topics):
            return False
        for topic in topics:
            self._forbid(topic)
        return True

    def _forbid(self, topic: str) -> None:
        if topic not in self._forbidden:
            log.error("%s; it is left out until then", Forbidden(TOPIC, WRITE, (self._admin.full(topic),)))
            self._forbidden.add(topic)

    def raise_if_changed(self) -> None:
        """Raise NeedsPerson when a topic has another partition count than the one its keys were placed by."""
        for topic, (pinned, now) in self._changed.items():
            if topic in self._placed:
                raise NeedsPerson(
                    f"topic {topic} has {now} partitions, its keys were placed by {pinned}; counts never change: "
                    "make the topic anew and replay, or restore the old count"
                )

    def sample(self) -> tuple[int, int] | None:
        """Return (our clock, broker's append time) of a recent record, ms UTC."""
        return self._sample

    def close(self) -> None:
        """Let the thread end."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * TOPICS_TIMEOUT_S)

    def _run(self) -> None:
        next_clock = time.monotonic() + CLOCK_EVERY_S
        next_allowed = time.monotonic() + ALLOWED_EVERY_S
        while not self._stopped.wait(REFRESH_EVERY_S):
            self._try(self.refresh)
            if time.monotonic() >= next_allowed:
                self._try(self._look_whether_allowed)
                next_allowed = time.monotonic() + ALLOWED_EVERY_S
            if self._clock_topic is not None and time.monotonic() >= next_clock:
                self._try(self._look_at_clock)
                next_clock = time.monotonic() + CLOCK_EVERY_S

    def _try(self, look: Callable[[], None]) -> None:
        try:
            look()
        except LeadflowError as problem:
            log.debug("cluster watch: %s", problem)

    def _look_whether_allowed(self) -> None:
        """Look at the dispensable topics that are forbidden, and at those that are not there: they may be hidden."""
        doubtful = [each for each in tuple(self._dispensable) if each in self._forbidden or each not in self._known]
        for topic, (error, may_write) in self._admin.described(doubtful).items():
            if error == TOPIC:
                self._forbid(topic)
            elif may_write and topic in self._forbidden:
                log.warning("topic %s may be written to again", topic)
                self._forbidden.discard(topic)

    def _look_at_clock(self) -> None:
        before, self._seen = self._seen, None
        if self._clock_topic is None or not (count := self._pinned.get(self._clock_topic, 0)):
            return
        partitions = [TopicPartition(self._clock_topic, number) for number in range(count)]
        ends = {p: at for p, (at, _) in self._admin.offsets(partitions, OffsetSpec.latest()).items()}
        now = self._seen = _Seen(time.monotonic(), time.time_ns() // 1_000_000, ends)
        grown = [p for p in partitions if before and ends[p] > before.ends.get(p, ends[p])]
        if before and grown and now.at_s - before.at_s < 2 * CLOCK_EVERY_S + REFRESH_EVERY_S:
            newest = max(stamp for _, stamp in self._admin.offsets(grown, OffsetSpec.max_timestamp()).values())
            self._sample = (closest(newest, before.wall_ms, time.time_ns() // 1_000_000), newest)


def closest(stamp_ms: int, from_ms: int, to_ms: int) -> int:
    """Return the moment of [from, to] that is nearest to the stamp: only a difference that is certain counts."""
    return min(max(stamp_ms, from_ms), to_ms)


def sharper(epoch: ClockSample | None, watched: ClockSample | None) -> ClockSample | None:
    """Return the sample to go by: that of an epoch, unless it is old.

    An epoch's lies in a window of milliseconds; the watch's in one of `CLOCK_EVERY_S`, in which a clock that is ahead
    by less cannot be told from a right one.
    """
    if epoch is None or (watched is not None and watched[1] - epoch[1] > EPOCH_SAMPLE_OLD_MS):
        return watched
    return epoch
