"""Fetched records that no committed epoch has taken yet, by source partition.

What an undone epoch gives back waits here, so that nothing is fetched twice; what was fetched for a partition that
is no longer ours, or lies below its position, is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.stage import Batch, Message, TopicPartition

_Key = tuple[str, int]


class Intake:
    """Queues of running partitions, each in offset order. Bounded: a partition with a rest is paused at the client."""

    def __init__(self) -> None:
        self._queues: dict[_Key, list[Message]] = {}
        self._fetched: dict[_Key, int] = {}

    def open(self, partition: TopicPartition, offset: int) -> None:
        """Take records of this partition from `offset` on."""
        self._queues[partition] = []
        self._fetched[partition] = offset

    def drop(self, partition: TopicPartition) -> None:
        """Take no more records of this partition and forget those that wait."""
        self._queues.pop(partition, None)
        self._fetched.pop(partition, None)

    def add(self, messages: Iterable[Message]) -> tuple[int, set[tuple[str, int]]]:
        """Queue what was fetched; runs of one partition cost one look-up.

        Returns how many were queued (not: copies of what was handed over), and the partitions that anything came from.
        """
        queued, came = 0, set[_Key]()
        key: _Key | None = None
        queue: list[Message] | None = None
        fetched = self._fetched
        at = 0
        for message in messages:
            if key is None or message.partition != key[1] or message.topic != key[0]:
                if queue is not None and key is not None:
                    fetched[key] = at
                key = (message.topic, message.partition)
                came.add(key)
                queue = self._queues.get(key)
                at = fetched.get(key, 0)
            if queue is not None and message.offset >= at:
                queue.append(message)
                queued += 1
                at = message.offset + 1
        if queue is not None and key is not None:
            fetched[key] = at
        return queued, came

    def put(self, batch: Batch) -> None:
        """Queue records of our own that stand at the next offset of their partition: they need not be fetched."""
        key = (batch.topic, batch.partition)
        queue = self._queues.get(key)
        if queue is not None:
            queue.extend(batch.messages)
            self._fetched[key] = batch.messages[-1].offset + 1

    def next_of(self, key: _Key) -> int:
        """Return the offset from which on nothing of a running partition has been queued."""
        return self._fetched[key]

    def skip(self, key: _Key, offset: int) -> None:
        """Take nothing below `offset` of a partition any more; nothing of it waits."""
        if key in self._fetched:
            self._fetched[key] = max(self._fetched[key], offset)

    def head(self, partition: TopicPartition) -> Message | None:
        """Return the next record of a partition without taking it."""
        queue = self._queues.get(partition)
        return queue[0] if queue else None

    def waiting(self) -> list[TopicPartition]:
        """Return the partitions that have records waiting."""
        return [TopicPartition(*key) for key, queue in self._queues.items() if queue]

    def count(self, partition: TopicPartition) -> int:
        """Return how many records of a partition wait."""
        return len(self._queues.get(partition, ()))

    def take(self, partition: TopicPartition, limit: int) -> Batch:
        """Take at most `limit` records of a partition that has some."""
        queue = self._queues[partition]
        self._queues[partition] = queue[limit:] if len(queue) > limit else []
        return Batch(partition.topic, partition.partition, queue[:limit] if len(queue) > limit else queue)

    def give_back(self, batches: Iterable[Batch]) -> None:
        """Put batches back in front, as if they had not been taken."""
        for batch in batches:
            queue = self._queues.get((batch.topic, batch.partition))
            if queue is not None:
                self._queues[batch.topic, batch.partition] = [*batch.messages, *queue]

    def ready(self, allowed: Callable[[TopicPartition], bool]) -> int:
        """Return how many records wait in partitions that may be taken now."""
        return sum(len(queue) for key, queue in self._queues.items() if queue and allowed(TopicPartition(*key)))
