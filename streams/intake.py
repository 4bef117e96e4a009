"""Fetched records that no committed epoch has taken yet, by source partition.

What an undone epoch gives back waits here, so that nothing is fetched twice; what was fetched for a partition that
is no longer ours, or lies below its position, is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.client import Place
from streams.stage import Batch, Message, TopicPartition


class Intake:
    """Queues of running partitions, each in offset order. Bounded: a partition with a rest is paused at the client."""

    def __init__(self) -> None:
        self._queues: dict[Place, list[Message]] = {}
        self._fetched: dict[Place, int] = {}

    def open(self, partition: TopicPartition, offset: int) -> None:
        """Take records of this partition from `offset` on."""
        self._queues[partition] = []
        self._fetched[partition] = offset

    def drop(self, partition: TopicPartition) -> None:
        """Take no more records of this partition and forget those that wait."""
        self._queues.pop(partition, None)
        self._fetched.pop(partition, None)

    def add(self, messages: Iterable[Message]) -> tuple[int, set[Place]]:
        """Queue what was fetched; runs of one partition cost one look-up.

        Returns how many were queued (not: copies of what was handed over), and the partitions that anything came from.
        """
        queued, came = 0, set[Place]()
        place: Place | None = None
        queue: list[Message] | None = None
        fetched = self._fetched
        at = 0
        for message in messages:
            if place is None or message.partition != place[1] or message.topic != place[0]:
                if queue is not None and place is not None:
                    fetched[place] = at
                place = (message.topic, message.partition)
                came.add(place)
                queue = self._queues.get(place)
                at = fetched.get(place, 0)
            if queue is not None and message.offset >= at:
                queue.append(message)
                queued += 1
                at = message.offset + 1
        if queue is not None and place is not None:
            fetched[place] = at
        return queued, came

    def put(self, batch: Batch) -> None:
        """Queue records of our own that stand at the next offset of their partition: they need not be fetched."""
        place = batch.place
        queue = self._queues.get(place)
        if queue is not None:
            queue.extend(batch.messages)
            self._fetched[place] = batch.messages[-1].offset + 1

    def next_of(self, place: Place) -> int:
        """Return the offset from which on nothing of a running partition has been queued."""
        return self._fetched[place]

    def skip(self, place: Place, offset: int) -> None:
        """Take nothing below `offset` of a partition any more; nothing of it waits."""
        if place in self._fetched:
            self._fetched[place] = max(self._fetched[place], offset)

    def head(self, place: Place) -> Message | None:
        """Return the next record of a partition without taking it."""
        queue = self._queues.get(place)
        return queue[0] if queue else None

    def waiting(self) -> list[Place]:
        """Return the partitions that have records waiting."""
        return [place for place, queue in self._queues.items() if queue]

    def count(self, place: Place) -> int:
        """Return how many records of a partition wait."""
        return len(self._queues.get(place, ()))

    def take(self, place: Place, limit: int) -> Batch:
        """Take at most `limit` records of a partition that has some."""
        queue = self._queues[place]
        self._queues[place] = queue[limit:] if len(queue) > limit else []
        return Batch(*place, queue[:limit] if len(queue) > limit else queue)

    def give_back(self, batches: Iterable[Batch]) -> None:
        """Put batches back in front, as if they had not been taken."""
        for batch in batches:
            queue = self._queues.get(batch.place)
            if queue is not None:
                self._queues[batch.place] = [*batch.messages, *queue]

    def ready(self, allowed: Callable[[Place], bool]) -> int:
        """Return how many records wait in partitions that may be taken now."""
        return sum(len(queue) for place, queue in self._queues.items() if queue and allowed(place))
