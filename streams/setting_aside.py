"""Setting a condemned record aside: in its stage's own way, or as a dead letter, in an epoch of its own."""

from __future__ import annotations

import logging

from schemas.errors import PartitionStop, StateInDoubt, Unavailable
from streams.closing import Closer
from streams.context import Context
from streams.dead_letters import DeadLetterState, describe, reason_of
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch
from streams.events import RecordSetAside
from streams.lanes import Lane
from streams.stage import Message, TopicPartition

log = logging.getLogger(__name__)


class SettingAside:
    """Sets records aside within the limits that are kept for each source topic."""

    def __init__(self, context: Context, closer: Closer) -> None:
        limits = context.options.dead_letters
        self._assignment = context.assignment
        self._suspects = context.suspects
        self._on_event = context.on_event
        self._closer = closer
        self._limits = {topic: DeadLetterState(limits) for stage in context.stages for topic in stage.sources}

    def begin(self, epoch: OpenEpoch) -> None:
        """Let the epoch end the condemned record that it was opened for. A failure is kept in the epoch.

        Raises:
            NeedsPerson: too many were set aside. StateInDoubt, Fenced: from the stage.
        """
        if epoch.set_aside is None or epoch.failure is not None:
            return
        message = epoch.set_aside.messages[0]
        partition = TopicPartition(message.topic, message.partition)
        error = self._suspects.condemned(partition, message.offset)
        if error is None:
            raise StateInDoubt(f"{message!r} is set aside without a cause")
        self._limits[message.topic].check(message.topic, message.partition)
        lane = self._assignment.lane_of[partition]
        try:
            ended = self._end(epoch, lane, message, error)
        except ENDS_PROCESS:
            raise
        except Unavailable as away:
            epoch.fail(Failure(away, (lane,)))
        except Exception as refusal:
            stop = PartitionStop(f"{message!r} fails and cannot be set aside: {describe(error)}; {describe(refusal)}")
            epoch.fail(Failure(stop, (lane,)))
        else:
            log.error("%r is set aside (%s): %s", message, "by its stage" if ended else "dead letter", describe(error))
            epoch.aside = RecordSetAside(lane.stage.name, partition, message.offset, reason_of(error), not ended)

    def _end(self, epoch: OpenEpoch, lane: Lane, message: Message, error: Exception) -> bool:
        """Return whether the stage has ended the record; if not, its dead letter has."""
        ended = lane.stage.give_up(message, error, epoch.views[lane.stage.name])
        if not ended:
            self._closer.dead_letter(epoch, lane, message, error)
        return ended

    def committed(self, epoch: OpenEpoch) -> None:
        """Count what a committed epoch processed, or set aside; that is told as well."""
        for batch in (*epoch.batches, *epoch.handover.batches):
            self._limits[batch.topic].committed(batch.partition, len(batch.messages))
        if epoch.aside is not None:
            topic, partition = epoch.aside.partition
            self._limits[topic].set_aside(partition)
            self._on_event(epoch.aside)
