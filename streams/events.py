"""What the engine tells: one frozen record a fact, for metrics and logs; never a key or a value of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.stage import TopicPartition


@dataclass(frozen=True, slots=True)
class EpochCommitted:
    """An epoch's transaction is committed. `took_ms` from begin to commit; `slow`: that is too long, take less.

    `records` were processed, `handed_over` of them within the epoch that wrote them (`streams.rounds`).
    `cpu_s` is the CPU of the engine's work by part (stages, fetching, committing) since the epoch committed before.
    """

    records: int
    handed_over: int
    outputs: int
    took_ms: int
    slow: bool
    cpu_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EpochUndone:
    """An epoch did not happen. `cause` is an error's type name; `sent`: a transaction had to be aborted."""

    cause: str
    sent: bool


@dataclass(frozen=True, slots=True)
class RecordSetAside:
    """A record that failed alone left its topic, as a dead letter or in its stage's own way."""

    stage: str
    partition: TopicPartition
    offset: int
    reason: str
    dead_letter: bool


@dataclass(frozen=True, slots=True)
class LanesGiven:
    """The group has given partitions: each (stage, partition) that is to run with them."""

    lanes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LaneChanged:
    """A partition number of a stage has a new status (the values of `LaneStatus`)."""

    stage: str
    partition: int
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class StageRests:
    """A stage's world is in the way; it is tried again."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class PrepareSlow:
    """A `prepare` took longer than its limit."""

    stage: str
    took_ms: int


Event = EpochCommitted | EpochUndone | RecordSetAside | LanesGiven | LaneChanged | StageRests | PrepareSlow
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listen to nothing."""
