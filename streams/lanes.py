"""Lanes: one partition number across all sources of a stage, with its tables.

A lane is what is owned, restored, run and stopped as a whole: records of co-partitioned sources change the same
tables, so none of them may run while another worker has one of its sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from streams.positions import changelog_topic
from streams.restore import RestoreJob, Token
from streams.stage import Stage, TopicPartition
from streams.stores import Store


class LaneStatus(Enum):
    """Where a lane is between assignment and work."""

    AWAY = "not owned"
    PARTIAL = "waits for its other sources"
    ASKING = "asks for its committed offsets"
    RESTORING = "restores"
    RUNNING = "runs"
    STOPPED = "stopped"


@dataclass(frozen=True)
class KeptState:
    """State kept over a revoke: every committed changelog record below `complete_to` is in it."""

    store: Store
    complete_to: int
    kept_at_ms: int


@dataclass(eq=False)
class Lane:
    """One partition number of one stage on this worker."""

    stage: Stage
    partition: int
    sources: tuple[TopicPartition, ...] = ()
    owned: set[TopicPartition] = field(default_factory=set)
    status: LaneStatus = LaneStatus.AWAY
    #: Why it is stopped; "" otherwise.
    reason: str = ""
    #: Committed offsets with which it was stopped; others may cure it. None: offsets have nothing to do with it.
    stopped_with: dict[TopicPartition, int | None] | None = None
    token: Token = field(default_factory=Token)
    job: RestoreJob | None = None
    store: Store | None = None
    kept: KeptState | None = None
    #: Changelog offset below which everything committed is in `store`.
    complete_to: int = 0
    #: When `complete_to` was last moved, monotonic ms.
    complete_at_ms: int = 0
    #: Stable committed offset and log bounds of each source, as asked for at the assignment.
    asked: dict[TopicPartition, tuple[int | None, tuple[int, int]]] = field(default_factory=dict)
    #: When to ask for the offsets (again), and how long the last pause was; monotonic ms.
    ask_at_ms: int = 0
    ask_for_ms: int = 0
    #: The next offset of each source; equal to the committed one whenever no epoch is open.
    next: dict[TopicPartition, int] = field(default_factory=dict)
    #: The `restored` hook has still to run.
    fresh: bool = False
    #: Timers are asked again from here on, monotonic ms.
    timer_from_ms: int = 0

    def __post_init__(self) -> None:
        self.sources = tuple(TopicPartition(topic, self.partition) for topic in self.stage.sources)

    @property
    def changelog(self) -> TopicPartition:
        """The changelog partition of the lane's tables."""
        return TopicPartition(changelog_topic(self.stage.name), self.partition)

    @property
    def running(self) -> bool:
        """Whether records and timers of this lane may run."""
        return self.status is LaneStatus.RUNNING

    def __repr__(self) -> str:
        return f"Lane({self.stage.name}-{self.partition}, {self.status.value})"
