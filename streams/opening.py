"""Opening an epoch: what it takes of the records that wait, and which lanes it is for."""

from __future__ import annotations

from streams.admission import Admission
from streams.client import GroupMetadata
from streams.context import Context
from streams.epoch import ENDS_PROCESS, OpenEpoch
from streams.preparing import Judge, Preparer
from streams.stage import Batch
from streams.timers import due


class Opener:
    """Chooses what the next epoch takes: a suspect's records alone, or those of all others together."""

    def __init__(self, context: Context, admission: Admission, preparer: Preparer, judge: Judge) -> None:
        """`judge` is told what could not be prepared."""
        self._clock = context.clock
        self._record_bytes_max = context.options.record_bytes_max
        self._assignment = context.assignment
        self._intake = context.intake
        self._suspects = context.suspects
        self._mark = context.mark
        self._size = context.size
        self._admission = admission
        self._preparer = preparer
        self._judge = judge
        self._depth = {topic: depth for depth, stage in enumerate(context.stages) for topic in stage.sources}
        self._suspects_turn = False

    def open(self, metadata: GroupMetadata, number: int) -> OpenEpoch | None:
        """Return the next epoch, prepared: a suspect's and the others' in turn; None when there is nothing to do.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: end the process with their exit code.
        """
        try:
            epoch = self._next(metadata, number)
        except ENDS_PROCESS:
            self._mark(())
            raise
        if epoch is None:
            self._mark(())
        return epoch

    def _next(self, metadata: GroupMetadata, number: int) -> OpenEpoch | None:
        if self._suspects:
            self._suspects_turn = not self._suspects_turn
            if self._suspects_turn and (epoch := self._open_suspect(metadata, number)) is not None:
                return epoch
        epoch = self._open_common(metadata, number)
        if epoch is None and self._suspects:
            epoch = self._open_suspect(metadata, number)
        return epoch

    def _open_common(self, metadata: GroupMetadata, number: int) -> OpenEpoch | None:
        batches = self._preparer.before(self._take(), self._judge)
        now_ms = self._clock.now_ms()
        fresh = self._admission.fresh_lanes()
        timed = due(self._admission.timed_lanes(), now_ms)
        if not (batches or fresh or timed):
            return None
        epoch = OpenEpoch(number, now_ms, self._clock.monotonic_ms(), tuple(batches), metadata, due=tuple(timed))
        taking = [self._assignment.lane_of[batch.place] for batch in batches]
        epoch.let_in([*taking, *fresh, *timed], self._record_bytes_max)
        return epoch

    def _take(self) -> list[Batch]:
        """Take as many records as an epoch may, downstream first."""
        room = self._size.records
        batches: list[Batch] = []
        for place in sorted(self._intake.waiting(), key=lambda waiting: -self._depth[waiting[0]]):
            if room > 0 and self._admission.may_take(place):
                batches.append(self._intake.take(place, room))
                room -= len(batches[-1].messages)
        return batches

    def _open_suspect(self, metadata: GroupMetadata, number: int) -> OpenEpoch | None:
        """Open an epoch that holds records of one suspect partition alone, or its condemned record."""
        for partition in self._suspects.partitions():
            lane, head = self._assignment.lane_of.get(partition), self._intake.head(partition)
            if lane is None or head is None or lane.fresh or not self._admission.may_take_alone(partition):
                continue
            condemned = self._suspects.condemned(partition, head.offset) is not None
            batch = self._intake.take(partition, 1 if condemned else self._suspects.limit(partition) or 1)
            if not condemned and not self._preparer.before([batch], self._judge):
                continue
            times_ms = self._clock.now_ms(), self._clock.monotonic_ms()
            batches, aside = ((), batch) if condemned else ((batch,), None)
            epoch = OpenEpoch(number, *times_ms, batches, metadata, set_aside=aside)
            epoch.let_in([lane], self._record_bytes_max)
            return epoch
        return None
