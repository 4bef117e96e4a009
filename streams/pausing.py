"""What is paused at the client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.client import Client
from streams.lanes import Lane
from streams.stage import TopicPartition


class Pauses:
    """What is paused at the client, told to it only when it changes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._paused: set[TopicPartition] = set()

    def __bool__(self) -> bool:
        return bool(self._paused)

    def set(self, paused: set[TopicPartition], running: Mapping[TopicPartition, Lane]) -> None:
        """Pause exactly these of the running partitions."""
        before = self._paused
        if paused != before:
            if more := [partition for partition in paused if partition not in before]:
                self._client.pause(more)
            if less := [partition for partition in before if partition not in paused and partition in running]:
                self._client.resume(less)
            self._paused = paused

    def started(self, partitions: Iterable[TopicPartition]) -> None:
        """A partition that starts anew is not paused."""
        self._paused.difference_update(partitions)
