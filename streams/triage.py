"""Triage: of what was just appended, what is handed over now, what is kept for the next epochs, what is left behind.

    it follows what was taken, its stage may run now, nothing waits there     handed over, in the next round
    it follows, and no more than an epoch takes wait for its stage            kept, and queued after the commit
    else                                                                      left behind, for the consumer to fetch

Decision 0011.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, repeat

from streams.admission import Admission
from streams.client import Output, Place
from streams.context import Context
from streams.epoch import OpenEpoch
from streams.following import Following
from streams.lanes import Lane
from streams.stage import Batch, Message, Stage


class Triage:
    """Sorts what was written to partitions of this worker; `Handover` holds what came of it."""

    def __init__(self, context: Context, admission: Admission, own: Following) -> None:
        """`own` knows where our records stand, and is told who else writes there."""
        self._assignment = context.assignment
        self._intake = context.intake
        self._admission = admission
        self._own = own
        #: Of a stage of which more wait, further ones stay with the consumer, which can rest.
        self._kept_max = context.options.epoch_records_max
        #: Sources of the stages that can take records inside a transaction.
        self.takers = frozenset(topic for stage in context.stages if not stage.reaches_out for topic in stage.sources)

    def sort(self, epoch: OpenEpoch, *, in_time: bool) -> list[Batch]:
        """Sort what an epoch has just appended, or is foretold to; return what is handed over, a batch a partition.

        Args:
            epoch: open, or just committed.
            in_time: whether anything may be handed over at all; if not, it is kept or left behind.
        """
        handover, found, rooms = epoch.handover, list[Batch](), dict[Stage, bool]()
        for place, (first, last, outputs) in epoch.outbox.appended.items():
            lane = self._assignment.lane_of.get(place)
            if lane is None or place in handover.left_behind:
                continue
            waiting = self._intake.count(place)
            end = handover.end(place)
            at = self._intake.next_of(place) if end is None else end
            follows = self._own.follows(place, at, (first, last), len(outputs))
            if not follows:
                self._own.apart(place, at, epoch.number)
            at_once = in_time and not waiting and self._takes_at_once(lane, place)
            if not follows or not (at_once or self._has_room(lane.stage, rooms)):
                handover.leave((place,))
                continue
            batch = Batch(*place, _messages(place, first, outputs, epoch.now_ms))
            if handover.add(batch, at_once=at_once):
                found.append(batch)
        return found

    def _takes_at_once(self, lane: Lane, place: Place) -> bool:
        return place[0] in self.takers and self._admission.may_run(lane.stage) and not lane.fresh

    def _has_room(self, stage: Stage, known: dict[Stage, bool]) -> bool:
        """Whether no more than an epoch takes wait for a stage; what is `known` already is not counted again."""
        if stage not in known:
            sources = [source for source, lane in self._assignment.lane_of.items() if lane.stage is stage]
            known[stage] = sum(map(self._intake.count, sources)) <= self._kept_max
        return known[stage]


def _messages(place: Place, first: int, outputs: Sequence[Output], now_ms: int) -> list[Message]:
    """Return records as their consumer would get them; column by column, at half of a loop's cost."""
    _, values, keys, _, headers, known = zip(*outputs, strict=True)
    topic, number = place
    here = repeat(topic), repeat(number), count(first), repeat(now_ms)
    return list(map(tuple.__new__, repeat(Message), zip(*here, keys, values, map(tuple, headers), known, strict=False)))
