"""The seam on a real cluster: a group consumer, a transactional producer and what goes with them.

KafkaConsumer   membership, assignment, positions, records       streams/kafka/consumer.py   librdkafka
KafkaProducer   transactions                                     streams/kafka/producer.py   our own, over
                  Brokers, Connection, batches, wire             streams/kafka/brokers.py and its neighbours
LogReader       stretches of logs, for restore                   streams/kafka/reader.py
Follower        whole topics, for views                          streams/kafka/reader.py
ClusterWatch    topics, counts and the broker's clock            streams/kafka/admin.py
Watchdog        ends the process when a call hangs               streams/watchdog.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from config.kafka import KafkaSettings
from schemas.errors import EpochLost, StateInDoubt
from streams.client import Entries, GroupMetadata, Headers, Output, Place, Placed
from streams.kafka.admin import ClusterWatch, KafkaAdmin, sharper
from streams.kafka.consumer import KafkaConsumer, OnAssign, OnRevoke
from streams.kafka.name_taking import NameTaking
from streams.kafka.permissions import Forbidden, named
from streams.kafka.producer import Cause, KafkaProducer
from streams.kafka.reader import Follower, LogReader
from streams.kafka.records import Names, RecordReader
from streams.partitioning import partition_of
from streams.stage import Message, TopicPartition
from streams.watchdog import Watchdog, die

RECORD_OVERHEAD = 128
"""Bytes that the record batch adds to a record's key, value and headers, generously."""


class KafkaClient:
    """`streams.client.Client` on confluent-kafka, which reads, and on a producer of our own, which writes.

    Making it takes the transactional id: leftovers of a predecessor are aborted before any offset is read. It
    raises Unavailable while the cluster does not answer; make it again.

    `map_ms` maps a broker timestamp (ms UTC) to pretended time, None keeps it. `renewed(cause)` is told whenever the
    name was taken. `die(code, reason)` ends the process when a call hangs. `clock_topic` has LogAppendTime. `taking`
    has begun to take the id already; its maker keeps it for the next attempt when this one fails.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        map_ms: Callable[[int], int] | None = None,
        renewed: Callable[[Cause], None] = lambda _: None,
        die: Callable[[int, str], None] = die,
        clock_topic: str | None = None,
        taking: NameTaking | None = None,
    ) -> None:
        self.settings = settings
        self._names = names = Names(settings.prefix)
        records = RecordReader(names, map_ms)
        self._full_names = names.full_of
        self._admin = KafkaAdmin(settings, names)
        self._watch = ClusterWatch(self._admin, clock_topic)
        try:
            self._watch.start()
            self._producer, self._watchdog = _taken(taking, settings, renewed, die)
        except BaseException:
            self._watch.close()
            raise
        self._consumer = KafkaConsumer(settings, names, records)
        self._reader = LogReader(settings, names, records)
        self._follower = Follower(settings, names, records)
        self._counts: dict[str, int] = {}
        self._limits = {topic: limit - RECORD_OVERHEAD for topic, limit in settings.record_bytes_max.items()}
        self._limit = settings.default_record_bytes - RECORD_OVERHEAD
        self._least_limit = min(self._limit, *self._limits.values()) if self._limits else self._limit

    # --- consuming -------------------------------------------------------------------------------------------

    def subscribe(self, topics: Iterable[str], on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        """See the seam."""
        self._consumer.subscribe(topics, on_assign, on_revoke)

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See the seam."""
        self._consumer.start(offsets)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """See the seam."""
        self._consumer.pause(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """See the seam."""
        self._consumer.resume(partitions)

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See the seam."""
        self._consumer.seek(offsets)

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """See the seam."""
        return self._consumer.poll(max_records, timeout_s)

    def waiting(self, known: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """See the seam."""
        return self._consumer.waiting(known)

    def group_metadata(self) -> GroupMetadata:
        """See the seam."""
        return self._consumer.metadata()

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """See the seam."""
        self._producer.end_what_hangs()  # else it would be waited for, and by the restore that follows as well
        return self._consumer.committed(partitions)

    # --- the transaction -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """See the seam. Raises NeedsPerson when a topic's partition count has changed."""
        self._watch.raise_if_changed()
        self._producer.begin()

    def place(self, outputs: Sequence[Output]) -> Placed:
        """See the seam."""
        placed: dict[Place, list[Output]] = {}
        counts, least = self._counts, self._least_limit
        for output in outputs:
            topic, value, key, partition, headers, _ = output
            size = (len(value) if value else 0) + (len(key) if key else 0)
            if headers or size > least:
                self._check_size(topic, size, headers)
            if partition is None:
                count = counts.get(topic)
                partition = partition_of(key, count) if count and key is not None else self._place(topic, key)
            place = (topic, partition)
            if place in placed:
                placed[place].append(output)
            else:
                placed[place] = [output]
        return placed

    def produce(self, placed: Placed) -> None:
        """See the seam."""
        for (topic, partition), own in placed.items():
            self._producer.produce(self._full_names[topic], partition, own)

    def _check_size(self, topic: str, size: int, headers: Headers) -> None:
        """A record that the broker refuses inside a transaction costs two aborts; refuse it here."""
        size += sum(len(name) + len(content) + 8 for name, content in headers)
        if size > (limit := self._limits.get(topic, self._limit)):
            raise EpochLost(f"a record of {size} bytes for {topic}, which takes {limit}")

    def _place(self, topic: str, key: bytes | None) -> int:
        count = self._counts.get(topic)
        if count is None:
            if (count := self._watch.count(topic)) is None:
                raise EpochLost(f"topic {topic} does not exist")
            self._counts[topic] = count  # pinned: it never changes
        return partition_of(key, count) if key is not None else 0

    def flush(self) -> Mapping[Place, tuple[int, int]]:
        """See the seam. A topic that we may not write to is not known from now on, if anybody asks for it."""
        try:
            offsets = self._producer.flush()
        except Forbidden as refusal:
            forbidden = {self._names.plain(topic) for topic in refusal.topics}
            if not forbidden or not self._watch.forbid(forbidden):
                raise
            raise EpochLost(f"may not write to {named(forbidden)}") from None
        return {(self._names.plain(topic), partition): ends for (topic, partition), ends in offsets.items()}

    def send_offsets(self, offsets: Mapping[TopicPartition, int], metadata: GroupMetadata) -> None:
        """See the seam."""
        if not metadata.is_member:
            raise StateInDoubt("offsets were to be sent without a membership, which Kafka would accept unfenced")
        full = self._full_names
        self._producer.send_offsets({(full[topic], number): at for (topic, number), at in offsets.items()}, metadata)

    def commit(self) -> None:
        """See the seam."""
        self._producer.commit()

    def abort(self) -> None:
        """See the seam."""
        self._producer.abort()

    # --- questions -------------------------------------------------------------------------------------------

    def log_bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """See the seam."""
        return self._admin.log_bounds(partitions)

    def read(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[list[Message]]:
        """See the seam."""
        return self._reader.read(partition, start, end, cancelled)

    def read_entries(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[tuple[int, Entries]]:
        """See the seam."""
        return self._reader.read_entries(partition, start, end, cancelled)

    def follow(self, topics: Iterable[str]) -> None:
        """See the seam. Raises NeedsPerson for a topic that is not there."""
        self._follower.follow(self._admin.partition_counts(), topics)

    def followed(self, max_records: int) -> tuple[list[Message], bool]:
        """See the seam."""
        return self._follower.followed(max_records)

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """See the seam. Raises NeedsPerson for topics that are left out because we may not see them."""
        wanted, counts = list(topics), self._admin.partition_counts()
        self._admin.raise_if_hidden(topic for topic in wanted if topic not in counts)
        return {topic: counts[topic] for topic in wanted if topic in counts}

    def topic_known(self, topic: str) -> bool:
        """See the seam."""
        return self._watch.takes(topic)

    def append_time_ms(self) -> tuple[int, int] | None:
        """Return (our clock, broker's append time) of a record appended in the last seconds, the nearer the better."""
        return sharper(self._producer.clock_sample, self._watch.sample())

    def close(self) -> None:
        """See the seam."""
        self._producer.close()
        self._consumer.close()
        self._follower.close()
        self._reader.close()
        self._watch.close()
        self._watchdog.close()


def _taken(
    taking: NameTaking | None,
    settings: KafkaSettings,
    renewed: Callable[[Cause], None],
    die: Callable[[int, str], None],
) -> tuple[KafkaProducer, Watchdog]:
    """Wait for the name: for an attempt that runs already, which its maker keeps if it fails, or for one made here."""
    if taking is not None:
        return taking.finish(renewed), taking.watchdog
    taking = NameTaking(settings, die)
    try:
        return taking.finish(renewed), taking.watchdog
    except BaseException:
        taking.close()
        raise
