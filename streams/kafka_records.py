"""Topic names with and without prefix, and librdkafka's records turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaException

from streams.stage import Message, TopicPartition


class Names:
    """The prefix goes on and comes off here, and nowhere else."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._full: dict[str, str] = {}
        self._plain: dict[str, str] = {}

    def full(self, topic: str) -> str:
        """Return the name as the cluster knows it."""
        try:
            return self._full[topic]
        except KeyError:
            return self._full.setdefault(topic, f"{self.prefix}{topic}")

    def plain(self, name: str) -> str:
        """Return the name as leadflow knows it; raises ValueError for a topic of someone else."""
        try:
            return self._plain[name]
        except KeyError:
            if not name.startswith(self.prefix):
                raise ValueError(f"topic {name} does not begin with {self.prefix}") from None
            return self._plain.setdefault(name, name[len(self.prefix) :])


class RecordReader:
    """Turns consumed records into Messages; `map_ms` maps a broker timestamp to pretended time, None keeps it."""

    def __init__(self, names: Names, map_ms: Callable[[int], int] | None) -> None:
        self._plain = names.plain
        self._map_ms = map_ms

    def partition(self, raw: Any) -> TopicPartition:
        """Return librdkafka's TopicPartition as ours."""
        return TopicPartition(self._plain(raw.topic), raw.partition)

    def source(self, raw: Any) -> TopicPartition:
        """Return where a consumed record, or an error about a partition, comes from."""
        return TopicPartition(self._plain(raw.topic()), raw.partition())

    def read(self, raws: Iterable[Any]) -> list[Message]:
        """Return the records. Raises KafkaException when one of them is an error in a record's clothes."""
        plain, make, messages = self._plain, Message._make, []
        for raw in raws:
            if raw.error() is not None:
                raise KafkaException(raw.error())
            messages.append(
                make(
                    (
                        plain(raw.topic()),
                        raw.partition(),
                        raw.offset(),
                        raw.timestamp()[1],
                        raw.key(),
                        raw.value(),
                        tuple(raw.headers() or ()),
                    )
                )
            )
        return messages if self._map_ms is None else self._mapped(messages, self._map_ms)

    def _mapped(self, messages: list[Message], map_ms: Callable[[int], int]) -> list[Message]:
        return [message._replace(timestamp_ms=map_ms(message.timestamp_ms)) for message in messages]
