"""One epoch: what it took, what it wrote, and what a running stage may see of it.

Nothing is sent while the stages of its first round run, nor of later ones while it is known where their records will
stand (`streams.rounds`): an epoch that fails there costs no abort, and the transaction holds nothing but I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from schemas.errors import Fenced, NeedsPerson, Poison, StateInDoubt
from streams.client import GroupMetadata, Output, Place
from streams.events import RecordSetAside
from streams.handover import Handover
from streams.lanes import Lane
from streams.outbox import Outbox
from streams.stage import Batch, Stage, TopicPartition
from streams.stores import StoreTable

#: Errors that end the process, wherever they come from: never judged, never blamed on a record.
ENDS_PROCESS = (StateInDoubt, Fenced, NeedsPerson)

_NO_HEADERS: tuple[tuple[str, bytes], ...] = ()


class TooLarge(Poison):
    """A record would be larger than the broker takes; refused inside a transaction it would cost two aborts."""

    reason = "TOO_LARGE"


class StageEpoch:
    """An open epoch as one stage sees it; implements `streams.stage.Epoch`."""

    __slots__ = ("_bytes_max", "_outputs", "_stage", "_tables", "now_ms")

    def __init__(self, stage: Stage, now_ms: int, outputs: list[Output], bytes_max: int) -> None:
        self.now_ms = now_ms
        self._stage = stage
        self._outputs = outputs
        self._bytes_max = bytes_max
        self._tables: dict[tuple[str, int], StoreTable] = {}

    def emit(
        self,
        topic: str,
        value: bytes,
        key: str,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = _NO_HEADERS,
        known: object = None,
    ) -> None:
        """Produce inside the transaction; see `streams.stage.Epoch`."""
        if len(value) > self._bytes_max:
            raise TooLarge(f"a record of {len(value)} bytes for {topic}, {self._bytes_max} are allowed")
        self._outputs.append((topic, value, key.encode(), partition, headers, known))

    def table(self, name: str, partition: int) -> StoreTable:
        """Return the partition's table; raises KeyError when the running stage does not declare or own it."""
        try:
            return self._tables[name, partition]
        except KeyError:
            raise KeyError(f"stage {self._stage.name} has no table {name} of partition {partition} now") from None

    def give_tables(self, lane: Lane) -> None:
        """Let the stage see the tables of a lane that runs."""
        if lane.store is not None:
            for name, table in lane.store.tables.items():
                self._tables[name, lane.partition] = table


@dataclass(frozen=True)
class Failure:
    """Why an epoch cannot be: the error, the lanes it is about, and the batches to blame (none: a hook without any)."""

    error: Exception
    lanes: tuple[Lane, ...] = ()
    batches: tuple[Batch, ...] = ()


class TransactionState(Enum):
    """How far the transaction of an open epoch has come."""

    #: A failure is undone in memory.
    NONE = "not begun"
    #: A failure is one of the cluster's, and has cost time.
    BEGINNING = "was to begin"
    #: A failure has to abort it as well.
    OPEN = "has begun"


@dataclass(eq=False)
class OpenEpoch:
    """An epoch between `Engine.open` and `Engine.close`. The driver delivers each of `batches` once, then closes."""

    number: int
    now_ms: int
    #: When it was opened, monotonic.
    opened_ms: int
    batches: tuple[Batch, ...]
    metadata: GroupMetadata
    #: A condemned record that the engine itself sets aside; alone in its epoch.
    set_aside: Batch | None = None
    #: Lanes whose timers are due at `now_ms`.
    due: tuple[Lane, ...] = ()
    #: Every lane that the epoch touches, with or without records.
    lanes: dict[Lane, None] = field(default_factory=dict)
    #: What it writes, and what of that its own worker knows of.
    outbox: Outbox = field(default_factory=Outbox)
    handover: Handover = field(default_factory=Handover)
    rounds: int = 1
    failure: Failure | None = None
    transaction: TransactionState = TransactionState.NONE
    #: What is to be told once a condemned record's epoch is committed.
    aside: RecordSetAside | None = None
    #: Batches not yet delivered: closing before all are is a fault of the driver.
    undelivered: set[Place] = field(default_factory=set)
    views: dict[str, StageEpoch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.undelivered = {batch.place for batch in self.batches}

    @property
    def taken(self) -> tuple[Batch, ...]:
        """All that the epoch took: what the driver delivers, or the record to set aside."""
        return self.batches if self.set_aside is None else (self.set_aside,)

    @property
    def records(self) -> int:
        """How many records the epoch took."""
        return sum(len(batch.messages) for batch in self.taken)

    @property
    def processed(self) -> int:
        """How many records its stages processed: those taken and those handed over."""
        return self.records + sum(len(batch.messages) for batch in self.handover.batches)

    def let_in(self, lanes: Iterable[Lane], record_bytes_max: int) -> None:
        """Let the stages of these lanes run, each with its view of the epoch, tables included; again does nothing."""
        for lane in lanes:
            if lane in self.lanes:
                continue
            self.lanes[lane] = None
            view = self.views.get(lane.stage.name)
            if view is None:
                view = StageEpoch(lane.stage, self.now_ms, self.outbox.emitted, record_bytes_max)
                self.views[lane.stage.name] = view
            view.give_tables(lane)

    def fail(self, failure: Failure) -> None:
        """Remember the first failure; what comes after it is its consequence."""
        if self.failure is None:
            self.failure = failure

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset of each source partition that moved; of a lane that did not move, all of its own.

        So every epoch carries offsets, also one that only a timer opened: without them Kafka does not fence it.
        """
        batches = (*self.taken, *self.handover.batches)
        offsets = {TopicPartition(b.topic, b.partition): b.messages[-1].offset + 1 for b in batches}
        for lane in self.lanes:
            if not any(source in offsets for source in lane.sources):
                offsets.update(lane.next)
        return offsets
