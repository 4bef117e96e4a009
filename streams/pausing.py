"""What is paused at the client: partitions that are full here and may not run, and those that need no fetching."""

from __future__ import annotations

import logging
from collections.abc import Container

from schemas.errors import EpochLost
from streams.context import Context
from streams.lanes import Lane
from streams.stage import TopicPartition

log = logging.getLogger(__name__)


class Pauses:
    """Pauses and resumes running partitions; the client is told only what changes."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._stages = context.stages
        self._assignment = context.assignment
        self._intake = context.intake
        self._suspects = context.suspects
        self._bypass = context.bypass
        self._full = context.options.epoch_records_max
        self._paused: set[TopicPartition] = set()
        self._bypassed: set[TopicPartition] = set()

    def started(self, lane: Lane) -> None:
        """A lane begins to run: the client has it unpaused."""
        self._paused.difference_update(lane.sources)
        self._bypass.end(lane.sources)
        self._bypassed.difference_update(lane.sources)

    def update(self, halted: Container[str], now_ms: int) -> None:
        """Pause what is to rest now, resume the others.

        Args:
            halted: names of the stages that may not run.
            now_ms: monotonic.
        """
        if halted or self._suspects or self._paused or self._bypass:
            self._pause(self._overfull(halted) | self._still_bypassed(now_ms))

    def _pause(self, paused: set[TopicPartition]) -> None:
        """Pause exactly these of the running partitions."""
        before, running = self._paused, self._assignment.lane_of
        if paused != before:
            if more := [partition for partition in paused if partition not in before]:
                self._client.pause(more)
            if less := [partition for partition in before if partition not in paused and partition in running]:
                self._client.resume(less)
            self._paused = paused

    def _overfull(self, halted: Container[str]) -> set[TopicPartition]:
        """Return the partitions that may not run, once an epoch's worth of their stage waits here.

        Not earlier: what a pause makes the client drop it has to fetch again, and most rests are short.
        """
        full: set[TopicPartition] = set()
        for stage in self._stages:
            lanes = [lane for lane in self._assignment.running if lane.stage is stage]
            sources = [source for lane in lanes for source in lane.sources]
            if stage.name in halted:
                if sum(map(self._intake.count, sources)) >= self._full:
                    full.update(sources)
            elif self._suspects:
                suspects = self._suspects.partitions()
                full.update(s for s in suspects if s in sources and self._intake.count(s) >= self._full)
        return full

    def _still_bypassed(self, now_ms: int) -> set[TopicPartition]:
        """Return the partitions bypassed now; of those that no longer are, what is known is not fetched any more."""
        lanes, before = self._assignment.lane_of, self._bypassed
        now = {TopicPartition(*place) for place in self._bypass.at(now_ms, lanes)}
        if ended := [source for source in before if source not in now and source in lanes]:
            try:
                self._client.seek({source: self._intake.next_of(source) for source in ended})
            except EpochLost as lost:  # a revoke is on its way, or it was just assigned: they rest until the next look
                log.info("asking again for a seek: %s", lost)
                now.update(ended)
        self._bypassed = now
        return now
