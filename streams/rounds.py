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

from collections.abc import Sequence
from functools import partial

from streams.admission import Admission
from streams.client import Place, Placed
from streams.closing import Closer
from streams.context import Context
from streams.cpu import COMMITTING
from streams.epoch import OpenEpoch
from streams.following import Following
from streams.preparing import Preparer
from streams.stage import Batch
from streams.triage import Triage

#: More than the stages of a lead's way, because a declined offer goes to its next owner.
ROUNDS_MAX = 8


class Rounds:
    """Chooses whether an epoch has another round, and whether what it hands over need be written first."""

    def __init__(self, context: Context, admission: Admission, preparer: Preparer, closer: Closer) -> None:
        options = context.options
        self._clock = context.clock
        self._mark = context.mark
        self._cpu = context.cpu
        self._assignment = context.assignment
        self._intake = context.intake
        self._suspects = context.suspects
        self._bypass = context.bypass
        self._preparer = preparer
        self._closer = closer
        self._records_max = options.handed_over_records_max
        self._record_bytes_max = options.record_bytes_max
        self._ms_max = options.handed_over_ms_max
        #: What is left of the time of a transaction must do for its end.
        self._transaction_ms_max = options.epoch_slow_ms // 4
        self._own = Following()
        self._triage = Triage(context, admission, self._own)
        #: How many epochs are to be committed before one hands anything over again.
        self._plain = 0

    def foretell(self, epoch: OpenEpoch) -> bool:
        """Place what was just emitted, and tell where it will stand; False: nobody can, it has to be written first.

        Never waits. A failure is kept in the epoch.
        """
        placed = self._cpu.of(COMMITTING, partial(self._closer.place, epoch))
        return epoch.failure is not None or self._foretell(epoch, placed)

    def write(self, epoch: OpenEpoch) -> None:
        """Write what was placed, in a transaction that begins with it. A failure is kept in the epoch."""
        self._mark(())
        self._cpu.of(COMMITTING, partial(self._closer.send_round, epoch))
        self._mark(epoch.taken)

    def hand_over(self, epoch: OpenEpoch) -> Sequence[Batch]:
        """Return what was just foretold or written and is to be processed now, prepared and let in.

        Empty: nothing can be handed over, or the epoch has failed. Never waits.
        """
        if epoch.failure is not None:
            return ()
        epoch.rounds += 1
        batches = self._triage.sort(epoch, in_time=self._in_time(epoch))
        epoch.let_in([self._assignment.lane_of[batch.place] for batch in batches], self._record_bytes_max)
        epoch.undelivered.update(batch.place for batch in batches)
        self._preparer.within(epoch, batches)
        return batches if epoch.failure is None else ()

    def may(self, epoch: OpenEpoch) -> bool:
        """Whether the epoch is small, sound and quick enough, and wrote something since its last round."""
        return (
            self._plain == 0
            and not self._suspects
            and not epoch.undelivered
            and epoch.failure is None
            and epoch.set_aside is None
            and epoch.rounds < ROUNDS_MAX
            and epoch.records <= self._records_max
            and self._in_time(epoch)
            and any(output[0] in self._triage.takers for output in epoch.outbox.unplaced())
        )

    def _in_time(self, epoch: OpenEpoch) -> bool:
        open_ms = self._clock.monotonic_ms() - epoch.opened_ms
        return open_ms < self._ms_max and self._closer.open_ms(epoch) < self._transaction_ms_max

    def _foretell(self, epoch: OpenEpoch, placed: Placed) -> bool:
        """Tell where records will stand that go to partitions of this worker, if it is known of all of them."""
        lanes, first = self._assignment.lane_of, dict[Place, int]()
        for place in placed:
            if place in epoch.handover.left_behind or place not in lanes:
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

    def committed(self, epoch: OpenEpoch, now_ms: int) -> None:
        """Remember where our records end now; copies of what is known already are not taken from the consumer.

        Args:
            epoch: was committed.
            now_ms: monotonic.
        """
        self._triage.sort(epoch, in_time=False)
        handover = epoch.handover
        for batch in handover.batches:
            self._intake.skip(batch.place, batch.messages[-1].offset + 1)
        for batch in handover.kept:
            self._intake.put(batch)
        self._own.committed(epoch.outbox.last)
        self._bypass.committed(handover.counts(), handover.left_behind, now_ms)
        self._plain = max(0, self._plain - 1)

    def undone(self, epoch: OpenEpoch) -> None:
        """Forget what an undone epoch may have written, and fetch everything again."""
        self._bypass.end_all()
        self._own.undone(epoch.outbox.last)

    def overtaken(self, place: Place, epoch: OpenEpoch) -> None:
        """Foretell nothing for a while of a partition to which someone else wrote before us."""
        self._own.overtaken(place, epoch.number)

    def go_hop_by_hop(self, epochs: int) -> None:
        """Hand nothing over for that many committed epochs."""
        self._plain = max(self._plain, epochs)
