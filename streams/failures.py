"""What a failure means, and what follows from it: of a stage that could not prepare, and of an epoch to be undone.

    what has failed                                          what follows
    the transaction                  (EpochLost)             the epoch is redone, smaller and, from the second on, later
    a stage's world                  (Unavailable)           the stage rests, the others go on without it
    a lane, or a hook of no record   (PartitionStop, any)    the lane stops and says why
    some record                      (anything else)         it is looked for, and set aside once it fails alone

Where an epoch had handed records over (`streams.rounds`), the last two wait: the record behind such a failure has no
offset that will last. The epoch is redone hop by hop, and meets it again as a committed one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import Enum, auto

from schemas.errors import EpochLost, Overtaken, PartitionStop, Unavailable
from streams.context import Context
from streams.crash_file import Crashes
from streams.dead_letters import describe
from streams.epoch import Failure, OpenEpoch, TransactionState
from streams.events import EpochUndone, StageRests
from streams.lanes import Lane
from streams.rounds import Rounds
from streams.stage import TopicPartition

log = logging.getLogger(__name__)

#: Epochs that go hop by hop after one that handed over and failed: the record behind it is to be met as a committed
#: one, and a cluster that does not take a transaction is given smaller ones.
PLAIN_EPOCHS = 16
#: The same after two deaths at the same records: one that kills is to be met, and marked, as a committed one.
EPOCHS_AFTER_A_CRASH = 1000


class Meaning(Enum):
    """What has failed."""

    TRANSACTION = auto()
    WORLD = auto()
    LANE = auto()
    RECORD = auto()


def meaning_of(failure: Failure) -> Meaning:
    """Tell what has failed; nothing that ends the process comes here."""
    if isinstance(failure.error, EpochLost):
        return Meaning.TRANSACTION
    if isinstance(failure.error, Unavailable):
        return Meaning.WORLD
    if isinstance(failure.error, PartitionStop) or not failure.batches:
        return Meaning.LANE
    return Meaning.RECORD


class Failures:
    """Undoes epochs, and draws the consequences."""

    def __init__(self, context: Context, rounds: Rounds) -> None:
        self._clock = context.clock
        self._on_event = context.on_event
        self._assignment = context.assignment
        self._intake = context.intake
        self._suspects = context.suspects
        self._rests = context.rests
        self._losses = context.losses
        self._size = context.size
        self._rounds = rounds

    def undo(self, epoch: OpenEpoch, failure: Failure) -> None:
        """Go back to before an epoch, whose records wait to be taken again, and do what follows from its failure."""
        self._go_back(epoch)
        error, meaning = failure.error, meaning_of(failure)
        sent = epoch.transaction is not TransactionState.NONE
        self._on_event(EpochUndone(type(error).__name__, sent))
        if sent or meaning is Meaning.TRANSACTION:
            self._size.shrink()
            self._losses.lost(self._clock.monotonic_ms())
        if isinstance(error, Overtaken):  # handing over goes on: offsets that are told skip nothing
            self._rounds.overtaken(error.place, epoch)
        elif epoch.handover.batches:
            self._rounds.go_hop_by_hop(PLAIN_EPOCHS)
        if epoch.handover.batches and meaning in (Meaning.LANE, Meaning.RECORD):
            log.warning("an epoch failed in a later round and is redone hop by hop: %s", describe(error))
        else:
            self.judge(failure, alone=len(epoch.taken) == 1)

    def _go_back(self, epoch: OpenEpoch) -> None:
        for lane in epoch.lanes:
            if lane.store is not None:
                lane.store.undo()
            lane.stage.forget(lane.partition)
        self._intake.give_back(epoch.taken)
        self._rounds.undone(epoch)

    def judge(self, failure: Failure, alone: bool) -> None:
        """Do what follows from a failure; `alone`: it can only be about its one batch."""
        error = failure.error
        match meaning_of(failure):
            case Meaning.TRANSACTION:
                log.warning("an epoch is lost and redone: %s", error)
            case Meaning.WORLD:
                self._rest(failure)
            case Meaning.LANE:
                for lane in failure.lanes:
                    self._assignment.stop(lane, str(error) if isinstance(error, PartitionStop) else describe(error))
            case Meaning.RECORD:
                log.warning("looking for the record that fails: %s", describe(error))
                self._suspects.blame(failure.batches, error, alone)

    def _rest(self, failure: Failure) -> None:
        reason = str(failure.error)
        for stage in {lane.stage.name for lane in failure.lanes}:
            log.warning("stage %s rests: %s", stage, reason)
            self._rests.rest(stage, reason, self._clock.monotonic_ms())
            self._on_event(StageRests(stage, reason))

    def after_crashes(self, crashes: Iterable[Crashes], lane: Lane) -> None:
        """Do what follows from deaths of former lives over the same records, now that a lane begins to run."""
        for crash in crashes:
            self._rounds.go_hop_by_hop(EPOCHS_AFTER_A_CRASH)
            self._suspects.after_crash(crash, lane.next.get(TopicPartition(crash.topic, crash.partition)))
