"""The broker in memory with two things that only a simulation does to it: topics that go away and come back."""

from __future__ import annotations

from collections.abc import Iterable

from streams.memory.broker import MemoryBroker
from streams.memory.log import PartitionLog


class Broker(MemoryBroker):
    """A broker whose topics can be out of reach for a while, as when rights are taken away or a leader is missing."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # handed on as they came
        self._hidden: dict[str, list[PartitionLog]] = {}

    def hide(self, topic: str) -> bool:
        """Put a topic out of reach; False when it is not there, or a transaction has records in it now."""
        logs = self._topics.get(topic)
        if logs is None or any(log.last_stable < log.end for log in logs):
            return False
        self._hidden[topic] = self._topics.pop(topic)
        del self._counts[topic]
        return True

    def show(self, topic: str) -> None:
        """Put it within reach again, with all that is in it; a topic that is not hidden stays as it is."""
        if topic in self._hidden:
            self._topics[topic] = self._hidden.pop(topic)
            self._counts[topic] = len(self._topics[topic])

    def show_all(self) -> None:
        """Put every topic within reach again."""
        for topic in list(self._hidden):
            self.show(topic)

    def hides(self, topic: str) -> bool:
        """Whether a topic is out of reach now."""
        return topic in self._hidden

    def waiting(self, topic: str, group: str = "leadflow") -> int:
        """Return how many committed records of a topic the group has not taken."""
        done = self.group(group).offsets
        return sum(len(log.committed(done.get(log.partition, 0), log.end, log.end)[0]) for log in self._topics[topic])

    def send_together(self, transactional_id: str, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Commit records (topic, key, value) in one transaction; where markers are late they may be seen apart."""
        epoch = self.init_producer(transactional_id)
        for topic, key, value in records:
            self.append(transactional_id, epoch, self.place(topic, key, None), key, value, ())
        self.end(transactional_id, epoch, commit=True)

    @property
    def owes_markers(self) -> bool:
        """Whether a transaction is decided and its markers are not all written."""
        return bool(self._decided)
