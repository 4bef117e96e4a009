"""A partition's log in memory, with what makes read-committed reading hard: markers, open transactions, LSO."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from streams.client import Headers
from streams.stage import Message, TopicPartition


class TransactionStatus(Enum):
    """What a transaction's coordinator has decided."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False)
class Transaction:
    """One transaction: decided first, made visible partition by partition with its markers."""

    transactional_id: str
    epoch: int
    began_ms: int
    status: TransactionStatus = TransactionStatus.OPEN
    partitions: dict[TopicPartition, None] = field(default_factory=dict)
    #: Consumed offsets by group; pending until the transaction is complete.
    offsets: dict[str, dict[TopicPartition, int]] = field(default_factory=dict)

    @property
    def committed(self) -> bool:
        """Whether its records are to be seen."""
        return self.status is TransactionStatus.COMMITTED


class Entry(NamedTuple):
    """A record, or with `value` and `key` None and `marker` set, the marker that ends a transaction here."""

    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    transaction: Transaction | None
    marker: bool = False


class PartitionLog:
    """Offsets without gaps, each a record or a marker."""

    def __init__(self, partition: TopicPartition) -> None:
        self.partition = partition
        self.start = 0
        self._entries: list[Entry] = []
        self._open: dict[Transaction, int] = {}

    @property
    def end(self) -> int:
        """The read-uncommitted end: the next offset to be written."""
        return self.start + len(self._entries)

    @property
    def last_stable(self) -> int:
        """Below this offset every transaction has its marker."""
        return min(self._open.values(), default=self.end)

    def append(
        self,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        transaction: Transaction | None = None,
    ) -> int:
        """Write a record; returns its offset."""
        offset = self.end
        if transaction is not None:
            self._open.setdefault(transaction, offset)
        self._entries.append(Entry(timestamp_ms, key, value, tuple(headers), transaction))
        return offset

    def mark(self, transaction: Transaction, timestamp_ms: int) -> None:
        """Write the marker of a decided transaction; it takes an offset."""
        self._open.pop(transaction, None)
        self._entries.append(Entry(timestamp_ms, None, None, (), transaction, marker=True))

    def cut(self, start: int) -> None:
        """Delete everything below `start`, as retention does."""
        keep = max(0, min(start, self.end) - self.start)
        self._entries = self._entries[keep:]
        self.start += keep

    def committed(self, start: int, end: int, records_max: int) -> tuple[list[Message], int]:
        """Return committed records of [start, end) below the last stable offset, and the offset to go on from."""
        found: list[Message] = []
        offset = max(start, self.start)
        stop = min(end, self.last_stable)
        topic, number = self.partition
        while offset < stop and len(found) < records_max:
            entry = self._entries[offset - self.start]
            if not entry.marker and (entry.transaction is None or entry.transaction.committed):
                found.append(Message(topic, number, offset, entry.timestamp_ms, entry.key, entry.value, entry.headers))
            offset += 1
        return found, offset
