"""A frozen look at an engine, for readiness, metrics and status pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.stage import TopicPartition


@dataclass(frozen=True)
class RestoreProgress:
    """Changelog offsets: from `start` to `end`, read up to `read_to`."""

    stage: str
    partition: int
    start: int
    read_to: int
    end: int


@dataclass(frozen=True)
class EngineState:
    """How an engine stands. Mappings are snapshots."""

    #: Source partitions owned, whatever their status.
    owned: tuple[TopicPartition, ...] = ()
    #: Source partitions whose records run.
    running: tuple[TopicPartition, ...] = ()
    restoring: tuple[RestoreProgress, ...] = ()
    #: (stage, partition) that are stopped, each with the reason for a person.
    stopped: Mapping[tuple[str, int], str] = field(default_factory=dict)
    #: Stages that rest or wait, each with the reason.
    resting: Mapping[str, str] = field(default_factory=dict)
    #: Stages held back, each with the later stage whose backlog it waits for.
    held: Mapping[str, str] = field(default_factory=dict)
    #: Offsets between position and log end, by running source partition; an estimate.
    lag: Mapping[TopicPartition, int] = field(default_factory=dict)
    #: Table entries in memory by (stage, partition).
    entries: Mapping[tuple[str, int], int] = field(default_factory=dict)
    member: bool = False
    followed: bool = False
    epochs: int = 0
    commits: int = 0
    undone: int = 0
    dead: int = 0
    last_epoch_ms: int = 0
    clock_off_ms: int | None = None
    #: Why the worker is not ready, in words; empty: it is.
    not_ready: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether everything that is owned runs."""
        return not self.not_ready
