"""Topic names with and without prefix, and librdkafka's records turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka import Message as RawMessage

from streams.client import Entries
from streams.stage import Message, TopicPartition

_raw: Any = RawMessage
_error, _topic, _partition, _offset = _raw.error, _raw.topic, _raw.partition, _raw.offset
_timestamp, _key, _value, _headers = _raw.timestamp, _raw.key, _raw.value, _raw.headers
_second = itemgetter(1)


class _Full(dict[str, str]):
    """Names with prefix by names without; a look-up costs no call once it is known."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, topic: str) -> str:
        return self.setdefault(topic, f"{self._prefix}{topic}")


class _Plain(_Full):
    """Names without prefix by names with it; raises ValueError for a topic of someone else."""

    def __missing__(self, name: str) -> str:
        if not name.startswith(self._prefix):
            raise ValueError(f"topic {name} does not begin with {self._prefix}")
        return self.setdefault(name, name[len(self._prefix) :])


class Names:
    """The prefix goes on and comes off here, and nowhere else. `full_of` and `plain_of` are for hot paths."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.full_of: Mapping[str, str] = _Full(prefix)
        self.plain_of: Mapping[str, str] = _Plain(prefix)

    def full(self, topic: str) -> str:
        """Return the name as the cluster knows it."""
        return self.full_of[topic]

    def plain(self, name: str) -> str:
        """Return the name as leadflow knows it; raises ValueError for a topic of someone else."""
        return self.plain_of[name]


def has_error(raws: Iterable[Any]) -> bool:
    """Whether one of what was consumed is an error in a record's clothes."""
    return any(map(_error, raws))


def entries(raws: Iterable[Any]) -> Entries:
    """Return key and value of records that are no errors."""
    return zip(map(_key, raws), map(_value, raws), strict=True)


class RecordReader:
    """Turns consumed records into Messages; `map_ms` maps a broker timestamp to pretended time, None keeps it."""

    def __init__(self, names: Names, map_ms: Callable[[int], int] | None) -> None:
        self._plain = names.plain_of
        self._map_ms = map_ms

    def partition(self, raw: Any) -> TopicPartition:
        """Return librdkafka's TopicPartition as ours."""
        return TopicPartition(self._plain[raw.topic], raw.partition)

    def source(self, raw: Any) -> TopicPartition:
        """Return where a consumed record, or an error about a partition, comes from."""
        return TopicPartition(self._plain[raw.topic()], raw.partition())

    def read(self, raws: Sequence[Any]) -> list[Message]:
        """Return the records. Raises KafkaException when one of them is an error in a record's clothes."""
        if has_error(raws):
            raise KafkaException(next(error for error in map(_error, raws) if error))
        columns = zip(
            map(self._plain.__getitem__, map(_topic, raws)),
            map(_partition, raws),
            map(_offset, raws),
            self._times(raws),
            map(_key, raws),
            map(_value, raws),
            [tuple(headers) if headers else () for headers in map(_headers, raws)],
            repeat(None, len(raws)),
            strict=True,
        )
        return list(map(tuple.__new__, repeat(Message), columns))  # column by column: half of a loop's cost

    def _times(self, raws: Sequence[Any]) -> Iterator[int]:
        """Return the broker's times, in pretended time where it is pretended."""
        times = map(_second, map(_timestamp, raws))
        return times if self._map_ms is None else map(self._map_ms, times)
