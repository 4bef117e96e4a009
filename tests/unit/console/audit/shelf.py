"""Records in memory behind the questions that an audit asks of Kafka: bounds, offsets by time, ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from console.reading import Bounds, Reader
from streams.stage import Message, TopicPartition


class Shelf(Reader):
    """A reader whose topics are these records; it remembers what was asked of it."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.logs: dict[TopicPartition, list[Message]] = defaultdict(list)
        for message in messages:
            self.logs[TopicPartition(message.topic, message.partition)].append(message)
        self.reads: list[int] = []

    rate = 1.0

    def topics(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for at in self.logs:
            counts[at.topic] = max(counts.get(at.topic, 0), at.partition + 1)
        return counts

    def hidden(self, topics: Iterable[str]) -> list[str]:
        return []

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Bounds]:
        return {at: Bounds(0, self._end(at)) for at in partitions}

    def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {at: self._end(at) for at in partitions}

    def offsets_at(self, partitions: Iterable[TopicPartition], since_ms: int) -> dict[TopicPartition, int]:
        found = {}
        for at in partitions:
            later = (message.offset for message in self.logs[at] if message.timestamp_ms >= since_ms)
            found[at] = next(later, self._end(at))
        return found

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> Iterator[Message]:
        chosen = [m for at, (start, end) in ranges.items() for m in self.logs[at] if start <= m.offset < end]
        self.reads.append(len(chosen))
        yield from chosen

    def _end(self, at: TopicPartition) -> int:
        log = self.logs[at]
        return log[-1].offset + 1 if log else 0
