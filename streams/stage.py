"""What a stage of the pipeline is to the engine: the hooks of an epoch, in the order in which they run.

prepare   before the transaction: I/O (bounded by 500 ms); may be repeated for the same records
process   inside: reads and writes tables, emits; synchronous, no I/O, no clock but `epoch.now_ms`
tick      inside: timers of one partition that are due
confirm   after flush, before commit: last chance to refuse the epoch
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from schemas.records import Record as AvroRecord

V = TypeVar("V")


class TopicPartition(NamedTuple):
    """A partition of a topic, by the topic's name without prefix: what is owned, and what the client is told of.

    Inside an epoch partitions are named by the batch, and by the record that is written: there by the plain pair
    (`streams.client.Place`), which takes a fifth of the time to make. The two are equal and hash alike, so that either
    finds what is kept by the other; a mapping that both ask is typed by the pair.
    """

    topic: str
    partition: int


class Message(NamedTuple):
    """A consumed record. `timestamp_ms` is the broker's append time where the topic uses LogAppendTime.

    `known`: what `value` says, where a stage of this very worker wrote it and said so; None: read it.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    known: Any = None

    def __repr__(self) -> str:
        return f"Message({self.topic}-{self.partition}@{self.offset})"


class Batch(NamedTuple):
    """The records of one source partition in one epoch, in offset order, never empty."""

    topic: str
    partition: int
    messages: Sequence[Message]

    @property
    def place(self) -> tuple[str, int]:
        """The partition, as a plain pair."""
        return self[:2]


class Table(Protocol[V]):
    """One partition of a stage's table. Values are frozen and replaced, never mutated (undo keeps the old one).

    Iteration is by the order of first insertion since restore; a removal that was undone puts its key at the end.
    """

    def get(self, key: str) -> V | None:
        """Return the value, or None."""
        ...

    def put(self, key: str, value: V) -> None:
        """Set; written to the changelog once an epoch, at its end, however often it is set."""
        ...

    def delete(self, key: str) -> None:
        """Remove; a tombstone in the changelog. Removing an absent key does nothing."""
        ...

    def __len__(self) -> int: ...

    def keys(self) -> Iterator[str]:
        """Iterate over a snapshot of the keys."""
        ...


class Epoch(Protocol):
    """One open transaction as a stage sees it."""

    now_ms: int

    def emit(
        self,
        topic: str,
        value: bytes,
        key: str,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        known: object = None,
    ) -> None:
        """Produce inside the transaction; without `partition`, murmur2 of the key decides, as Java's clients do.

        `known`: what reading `value` would give, and never changed any more; a stage of this worker need not read it.
        """
        ...

    def table(self, name: str, partition: int) -> Table[Any]:
        """Return the partition's table; raises KeyError when the running stage does not declare it."""
        ...


class Stage:
    """Base of the stages: no-op hooks. One instance a worker; the engine calls it from one thread at a time.

    `sources` are co-partitioned topics (same key, same count). `tables` maps a table's name to the record type of
    its values; all tables of a stage share one changelog topic, `internal.<name>.changelog`.
    `waits` is read before each poll: a text says why the stage's partitions must rest now (shown by readiness).
    """

    name: str = ""
    sources: tuple[str, ...] = ()
    tables: Mapping[str, type[AvroRecord]] = {}
    #: Whether `prepare` waits for something outside; if not, records may reach it inside an open transaction.
    reaches_out: bool = False

    @property
    def waits(self) -> str | None:
        """Why this stage cannot work now (no plan applied yet ...), or None. Must be cheap."""
        return None

    def prepare(self, batches: Sequence[Batch]) -> None:
        """Do the I/O for these batches. Raises Unavailable: this stage's partitions rest and are tried again."""

    def process(self, batch: Batch, epoch: Epoch) -> None:
        """Decide and emit. Raising Poison, or anything else, aborts the epoch and sets the bisecting in motion."""
        raise NotImplementedError

    def confirm(self) -> None:
        """Refuse the epoch by raising Unavailable: it is aborted, undone and tried again later."""

    def restored(self, partition: int, epoch: Epoch) -> None:
        """Run once in the first epoch after the partition's tables were restored."""

    def due_at(self, partition: int) -> int | None:
        """When `tick` wants to run next for this partition, as `now_ms`; None: no timer. Must be cheap."""
        return None

    def tick(self, partition: int, epoch: Epoch) -> None:
        """Run the timers of this partition that are due at `epoch.now_ms`."""

    def forget(self, partition: int) -> None:
        """Drop what is kept in memory for a partition: it was revoked, or its epoch was aborted and undone."""

    def give_up(self, message: Message, error: Exception, epoch: Epoch) -> bool:
        """End a poison record in the stage's own way. False: the engine may dead-letter it; raise: halt."""
        return False


def stages_by_source(stages: Sequence[Stage]) -> dict[str, Stage]:
    """Return the stage of each source topic. Raises ValueError: a topic belongs to one stage only."""
    found: dict[str, Stage] = {}
    for stage in stages:
        for topic in stage.sources:
            if topic in found:
                raise ValueError(f"{topic} is a source of both {found[topic].name} and {stage.name}")
            found[topic] = stage
    return found
