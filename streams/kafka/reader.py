"""Reading outside the group: a stretch of a log for restore, and topics that are followed for views."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError
from confluent_kafka import TopicPartition as RawPartition

from config.kafka import KafkaSettings, reader_options
from schemas.errors import NeedsPerson
from streams.client import Entries
from streams.kafka.errors import as_consumer_error, log
from streams.kafka.records import Names, RecordReader, entries, has_error
from streams.kafka.waking import wake
from streams.stage import Message, TopicPartition

CHUNK_RECORDS = 5000
LOOK_S = 0.1
READERS_KEPT = 4
END_WAIT_MS = 10
"""A log's end is told when a fetch has found nothing for so long; with 100 ms each of 24 logs took that."""


class LogReader:
    """Reads stretches of single partitions. Each call takes a handle for itself; a few are kept for the next ones."""

    def __init__(self, settings: KafkaSettings, names: Names, records: RecordReader) -> None:
        self._options = {**reader_options(settings, "reader"), "fetch.wait.max.ms": END_WAIT_MS}
        self._names = names
        self._records = records
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self._closed = False

    def read(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterator[list[Message]]:
        """Yield the committed records of [start, end); an empty chunk about every 0.1 s while there is nothing."""
        for _, raws in self._chunks(partition, start, end, cancelled):
            yield self._records.read(raws)

    def read_entries(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, Entries]]:
        """Yield the offset behind each chunk, and key and value of its records."""
        for position, raws in self._chunks(partition, start, end, cancelled):
            yield position, entries(raws)

    def _chunks(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, list[Any]]]:
        """Yield the offset behind each chunk, and its records as librdkafka has them."""
        if start >= end:
            return
        handle = self._take()
        try:
            raw = RawPartition(self._names.full(partition.topic), partition.partition, start)
            handle.assign([raw])
            wake(handle, [raw])
            position = start
            while position < end and not cancelled():
                raws = handle.consume(1, LOOK_S)
                raws += handle.consume(CHUNK_RECORDS, 0) if raws else []
                if has_error(raws):
                    position = max(position, *map(self._after, raws))
                    raws = [raw for raw in raws if raw.error() is None]
                elif raws:
                    position = int(raws[-1].offset()) + 1
                yield position, raws if position <= end else [raw for raw in raws if raw.offset() < end]
        finally:
            self._give_back(handle)

    def _after(self, raw: Any) -> int:
        """Return the position that a record, or the news of the log's end, shows."""
        error: KafkaError | None = raw.error()
        if error is None:
            return int(raw.offset()) + 1
        if error.code() == KafkaError._PARTITION_EOF:
            return int(raw.offset())
        if problem := as_consumer_error(error, raw.topic(), str(self._options["group.id"])):
            raise problem
        log.info("reader: %s %s", error.name(), error.str())
        return 0

    def _take(self) -> Any:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Consumer(self._options, logger=log)

    def _give_back(self, handle: Any) -> None:
        handle.unassign()
        with self._lock:
            if not self._closed and len(self._idle) < READERS_KEPT:
                self._idle.append(handle)
                return
        handle.close()

    def close(self) -> None:
        """Close the kept handles; one that is at work closes when its read ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for handle in idle:
            handle.close()


class Follower:
    """Reads whole topics from their start, for views. Used from one thread, never waits after `follow`."""

    def __init__(self, settings: KafkaSettings, names: Names, records: RecordReader) -> None:
        self._options = reader_options(settings, "follower")
        self._names = names
        self._records = records
        self._handle: Any = None
        self._behind: set[TopicPartition] = set()

    def follow(self, counts: dict[str, int], topics: Iterable[str]) -> None:
        """Start; waits for the leaders' first answers. Raises NeedsPerson for a topic that is not there."""
        wanted = list(topics)
        if missing := sorted(topic for topic in wanted if topic not in counts):
            raise NeedsPerson(f"topics {', '.join(missing)} do not exist; run `leadflow topics create`")
        partitions = [TopicPartition(topic, number) for topic in wanted for number in range(counts[topic])]
        self.close()
        self._handle = Consumer(self._options, logger=log)
        self._behind = set(partitions)
        raws = [RawPartition(self._names.full(t), n, OFFSET_BEGINNING) for t, n in partitions]
        self._handle.assign(raws)
        wake(self._handle, raws)

    def followed(self, max_records: int) -> tuple[list[Message], bool]:
        """Return what is there, and whether each partition's end was reached once."""
        if self._handle is None:
            return [], True
        raws = self._handle.consume(max_records, 0)
        for raw in raws:
            if raw.error() is not None:
                self._note(raw.error(), raw)
        return self._records.read([raw for raw in raws if raw.error() is None]), not self._behind

    def _note(self, error: KafkaError, raw: Any) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(self._records.source(raw))
        elif problem := as_consumer_error(error, raw.topic(), str(self._options["group.id"])):
            raise problem
        else:
            log.info("follower: %s %s", error.name(), error.str())

    def close(self) -> None:
        """Drop the handle."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None
