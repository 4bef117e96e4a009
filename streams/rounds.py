"""Rounds: what an epoch wrote for stages of the same worker is handed to them at once, within the same transaction.

A lead whose partitions belong to one worker so passes all its stages in one epoch instead of one a hop. To the
cluster it is the same: the record is in the log, its consumer's offset is committed with it, and it stands before any
other reader once the transaction is committed. It is only not waited for.

Nothing need be written for that while it is known where it will stand (`streams.following`): then all rounds are
written and flushed once, as the epoch ends. Where that is not known a round begins the transaction, is flushed, and its
records are handed over if they follow what was taken of their partition; the others wait for their consumer.
Decision 0011.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, repeat

from schemas.errors import Overtaken
from streams.assignment import Assignment
from streams.client import Output, Place, Placed
from streams.clock import Clock
from streams.closing import Closer
from streams.cpu import COMMITTING, Cpu
from streams.epoch import OpenEpoch
from streams.following import Following
from streams.hooks import Hooks
from streams.intake import Intake
from streams.lanes import Lane
from streams.opening import Opener
from streams.options import EngineOptions
from streams.stage import Batch, Message, Stage, TopicPartition

#: More than the stages of a lead's way, because a declined offer goes to its next owner.
ROUNDS_MAX = 8
#: Epochs that go without after one that handed over and failed: the record behind it is to be met as a committed one,
#: and a cluster that does not take a transaction is given smaller ones.
PLAIN_EPOCHS = 16
#: The same after two deaths at the same records: one that kills is to be met, and marked, as a committed one.
EPOCHS_AFTER_A_CRASH = 1000


class Rounds:
    """Chooses what is handed over, and what of it need not be written first."""

    def __init__(
        self,
        stages: Sequence[Stage],
        assignment: Assignment,
        intake: Intake,
        opener: Opener,
        closer: Closer,
        hooks: Hooks,
        cpu: Cpu,
        clock: Clock,
        options: EngineOptions,
        mark: Callable[[Sequence[Batch]], object],
    ) -> None:
        """Put the parts together; `mark` is told what is being prepared and processed."""
        self._mark = mark
        self._assignment = assignment
        self._intake = intake
        self._opener = opener
        self._closer = closer
        self._hooks = hooks
        self._cpu = cpu
        self._clock = clock
        self._records_max = options.handed_over_records_max
        #: Of a stage of which more wait, further ones stay with the consumer, which can rest.
        self._kept_max = options.epoch_records_max
        self._ms_max = options.handed_over_ms_max
        #: What is left of the time of a transaction must do for its end.
        self._transaction_ms_max = options.epoch_slow_ms // 4
        #: Sources of the stages that can take records inside a transaction.
        self._takers = frozenset(topic for stage in stages if not stage.reaches_out for topic in stage.sources)
        self._own = Following()
        self._plain = 0

    def next(self, epoch: OpenEpoch) -> Sequence[Batch]:
        """Return what was just emitted and is to be processed now, prepared and let in; it is written if it must be.

        Empty: nothing can be handed over, or the epoch has failed.
        """
        placed = self._cpu.of(COMMITTING, partial(self._closer.place, epoch))
        if epoch.failure is None and not self._foretell(epoch, placed):
            self._mark(())
            self._cpu.of(COMMITTING, partial(self._closer.send_round, epoch))
            self._mark(epoch.taken)
        if epoch.failure is not None:
            return ()
        epoch.rounds += 1
        batches = self._following(epoch, self._in_time(epoch))
        self._opener.let_in(epoch, batches)
        self._prepare(epoch, batches)
        return batches if epoch.failure is None else ()

    def _prepare(self, epoch: OpenEpoch, batches: Sequence[Batch]) -> None:
        by_stage: dict[Stage, list[Batch]] = {}
        for batch in batches:
            by_stage.setdefault(self._lane(batch[:2]).stage, []).append(batch)
        for stage, own in by_stage.items():
            lanes = tuple(self._lane(batch[:2]) for batch in own)
            if epoch.failure is None:
                self._hooks.call(epoch, partial(stage.prepare, own), lanes, tuple(own))

    def _lane(self, place: Place) -> Lane:
        return self._assignment.lane_of[TopicPartition(*place)]

    def may(self, epoch: OpenEpoch) -> bool:
        """Whether the epoch is small, sound and quick enough, and wrote something since its last round."""
        return (
            self._plain == 0
            and epoch.failure is None
            and epoch.set_aside is None
            and epoch.rounds < ROUNDS_MAX
            and epoch.records <= self._records_max
            and self._in_time(epoch)
            and any(output[0] in self._takers for output in epoch.outbox.unplaced())
        )

    def _in_time(self, epoch: OpenEpoch) -> bool:
        open_ms = self._clock.monotonic_ms() - epoch.opened_ms
        return open_ms < self._ms_max and self._closer.open_ms(epoch) < self._transaction_ms_max

    def _foretell(self, epoch: OpenEpoch, placed: Placed) -> bool:
        """Tell where records will stand that go to partitions of this worker, if it is known of all of them."""
        lanes, first = self._assignment.lane_of, dict[Place, int]()
        for place in placed:
            if place in epoch.handover.left_behind or TopicPartition(*place) not in lanes:
                continue
            at = self._foretold(epoch, place)
            if at is None:
                return False
            first[place] = at
        epoch.outbox.foretell(first, placed)
        return True

    def _foretold(self, epoch: OpenEpoch, place: Place) -> int | None:
        if self._own.shared(place, epoch.number):
            return None
        end = epoch.handover.end(place)
        return self._own.foretold(place, self._intake.next_of(place)) if end is None else end

    def _following(self, epoch: OpenEpoch, in_time: bool) -> list[Batch]:
        """Sort what was just appended: handed over now (returned, a batch a partition), kept, or left behind."""
        may_run = self._opener.may_run() if in_time else ()
        handover, found, rooms = epoch.handover, list[Batch](), dict[Stage, bool]()
        handover.leave(epoch.outbox.untold)
        for place, (first, last, outputs) in epoch.outbox.appended.items():
            partition = TopicPartition(*place)
            lane = self._assignment.lane_of.get(partition)
            if lane is None or place in handover.left_behind:
                continue
            waiting = self._intake.count(partition)
            end = handover.end(place)
            at = self._intake.next_of(place) if end is None else end
            follows = self._own.follows(place, at, (first, last), len(outputs))
            if not follows:
                self._own.apart(place, at, epoch.number)
            at_once = lane.stage.name in may_run and place[0] in self._takers and not (lane.fresh or waiting)
            if not follows or not (at_once or self._has_room(lane.stage, rooms)):
                handover.leave((place,))
                continue
            batch = Batch(*place, _messages(place, first, outputs, epoch.now_ms))
            if handover.add(batch, at_once=at_once):
                found.append(batch)
        return found

    def _has_room(self, stage: Stage, known: dict[Stage, bool]) -> bool:
        """Whether no more than an epoch takes wait for a stage; what is `known` already is not counted again."""
        if stage not in known:
            sources = [source for source, lane in self._assignment.lane_of.items() if lane.stage is stage]
            known[stage] = sum(map(self._intake.count, sources)) <= self._kept_max
        return known[stage]

    def committed(self, epoch: OpenEpoch, now_ms: int) -> None:
        """Remember where our records end now; copies of what is known already are not taken from the consumer.

        Args:
            epoch: was committed.
            now_ms: monotonic.
        """
        self._following(epoch, in_time=False)
        handover = epoch.handover
        for batch in handover.batches:
            self._intake.skip((batch.topic, batch.partition), batch.messages[-1].offset + 1)
        for batch in handover.kept:
            self._intake.put(batch)
        self._own.committed(epoch.outbox.last)
        self._opener.bypass.committed(handover.counts(), handover.left_behind, now_ms)
        self._plain = max(0, self._plain - 1)

    def undone(self, epoch: OpenEpoch) -> None:
        """Do without for a while after an epoch that handed over and failed.

        Not after one that was overtaken: told offsets skip nothing, and of that partition none is foretold now.
        """
        self._opener.bypass.end_all()
        self._own.undone(epoch.outbox.last)
        if epoch.failure is not None and isinstance(error := epoch.failure.error, Overtaken):
            self._own.overtaken(error.place, epoch.number)
        elif epoch.handover.batches:
            self.rest(PLAIN_EPOCHS)

    def rest(self, epochs: int) -> None:
        """Hand nothing over for that many committed epochs."""
        self._plain = max(self._plain, epochs)


def _messages(place: Place, first: int, outputs: Sequence[Output], now_ms: int) -> list[Message]:
    """Return records as their consumer would get them; column by column, at half of a loop's cost."""
    _, values, keys, _, headers = zip(*outputs, strict=True)
    topic, number = place
    columns = zip(
        repeat(topic), repeat(number), count(first), repeat(now_ms), keys, values, map(tuple, headers), strict=False
    )
    return list(map(tuple.__new__, repeat(Message), columns))
