"""The epoch engine: exactly-once epochs over any client of the seam, for any number of stages of one worker.

A driver (the Faust app, or a plain loop) calls, from one thread at a time:

    epoch = engine.open(timeout_s)             1 poll, settle the assignment, collect, prepare; one `now_ms`
    batches = epoch.batches
    while batches:
        for batch in batches:
            engine.process(batch)              2 the stage decides
        batches = engine.next_round(epoch)       what it wrote for stages of this worker, at once (`streams.rounds`)
    engine.close(epoch)                        3 timers, 4 changelog and positions, 5 begin, produce, flush (and see
                                               that offsets are as foretold), 6 confirm, 7 offsets, 8 commit,
                                               9 keep the state and advance

A step that fails before the transaction has begun is undone in memory; after that it is aborted and undone. Records
given back wait in process and are not fetched again. An outcome that nobody knows ends the process (StateInDoubt,
exit 70).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from schemas.codec import Codec
from schemas.errors import EpochLost, PartitionStop, StateInDoubt, Unavailable
from streams.assignment import Assignment
from streams.backoff import Losses, Rests
from streams.checks import Checks
from streams.client import Client
from streams.clock import Clock
from streams.closing import Closer
from streams.cpu import COMMITTING, Cpu
from streams.crash_file import CrashFile
from streams.dead_letters import DeadLetterState, describe, reason_of
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch
from streams.events import EpochUndone, LaneChanged, LanesGiven, Listener, RecordSetAside, StageRests, ignore
from streams.followers import Followers
from streams.hooks import Hooks
from streams.intake import Intake
from streams.lanes import Lane
from streams.opening import Opener
from streams.options import EngineOptions
from streams.poison import Suspects
from streams.readiness import Counters, Readiness
from streams.restore import Restorer, ThreadRestorer
from streams.rounds import EPOCHS_AFTER_A_CRASH, Rounds
from streams.stage import Batch, Message, Stage, TopicPartition, stages_by_source
from streams.state import EngineState
from streams.timers import pace

log = logging.getLogger(__name__)


class Engine:
    """All epochs of one worker. Not thread-safe, but `state()` may be called from any thread."""

    def __init__(
        self,
        client: Client,
        stages: Sequence[Stage],
        codec: Codec,
        clock: Clock,
        options: EngineOptions | None = None,
        *,
        partition_counts: Mapping[str, int] | None = None,
        restorer: Restorer | None = None,
        crash_file: CrashFile | None = None,
        on_event: Listener = ignore,
    ) -> None:
        """Put the parts together; nothing is asked of the client before `start`.

        Args:
            client: this worker's client; the engine closes it.
            stages: upstream first; their sources must not overlap.
            codec: encodes table values and positions.
            clock: the only source of time.
            options: limits and waits.
            partition_counts: pinned number of partitions by topic; empty: nothing is checked.
            restorer: who restores; threads by default.
            crash_file: where to mark what is being processed; none in simulations without real processes.
            on_event: called for each event, in the engine's thread; must not raise.
        """
        self._client = client
        self._stage_of = stages_by_source(stages)
        self._options = options = options or EngineOptions()
        self._clock = clock
        self._on_event = on_event
        self._crash_file = crash_file
        self._mark: Callable[[Sequence[Batch]], object] = _unmarked if crash_file is None else crash_file.mark
        self._suspects = Suspects()
        self._rests = Rests(options.rest_ms_min, options.rest_ms_max)
        self._intake = Intake()
        self._restorer = restorer or ThreadRestorer(client)
        self._assignment = Assignment(
            client, stages, codec.decode, clock, self._restorer, self._intake, options.kept_state_ms
        )
        self._assignment.on_change = self._lane_changed
        self._checks = Checks(client, clock, options, partition_counts or {})
        self._dead = {topic: DeadLetterState(options.dead_letters) for topic in self._stage_of}
        self._followers = Followers(client)
        parts = (self._assignment, self._intake, self._suspects, self._rests)
        self._cpu = Cpu()
        self._opener = Opener(client, stages, clock, options, *parts, on_event, self._mark, self._cpu)
        confirm, running = self._checks.confirm_clock, lambda: self._assignment.running
        self._closer = Closer(
            client, codec.encode, clock, options, on_event, confirm, running, self._cpu, self._stage_of
        )
        self._hooks = Hooks(self._cpu, self._closer, self._mark)
        own = (self._assignment, self._intake, self._opener, self._closer, self._hooks, self._cpu)
        self._rounds = Rounds(stages, *own, clock, options, self._mark)
        self._epoch: OpenEpoch | None = None
        self._losses = Losses(options.rest_ms_min, options.rest_ms_max)
        self._counters = Counters()
        shown = (self._checks, self._followers, self._opener, self._closer, self._rests, self._losses)
        self._readiness = Readiness(stages, self._assignment, *shown)

    # --- life -----------------------------------------------------------------------------------------------

    def follow(self, topic: str, follower: Callable[[Message], None]) -> None:
        """Hand every record of a topic, from its start, to `follower`; before `start`.

        Nothing is processed until all followed topics were read to their ends once.
        """
        self._followers.add(topic, follower)

    def start(self) -> None:
        """Check the pinned counts, follow views, join the group."""
        self._checks.run()
        self._followers.start()
        topics = list(self._stage_of)
        self._client.subscribe(topics, self._on_assign, self._on_revoke)

    def stop(self) -> None:
        """Leave the group; an open epoch is dropped as if the process had died."""
        for lane in self._assignment.lanes():
            lane.token.cancel()
        self._restorer.close()
        if self._crash_file is not None:
            self._crash_file.close()
        self._client.close()

    # --- an epoch -------------------------------------------------------------------------------------------

    def open(self, timeout_s: float) -> OpenEpoch | None:
        """Poll, and open an epoch if there is anything to do.

        Waits at most `timeout_s` for records (less when a timer is due). None: nothing to do, call again soon;
        membership lives from being called.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: end the process with their exit code.
        """
        if self._epoch is not None:
            raise StateInDoubt("an epoch was opened before the last one was closed")
        self._checks.run()
        followed = self._followers.read()
        may_open = followed and not self._assignment.gathering(self._options.gather_ms_max)
        self._opener.regulate(may_open)
        hold_s = self._losses.left_ms(self._clock.monotonic_ms()) / 1000
        self._opener.poll(min(timeout_s, hold_s) if hold_s else timeout_s, patient=hold_s > 0)
        metadata = self._client.group_metadata()
        self._readiness.member = metadata.is_member
        self._checks.membership(metadata.is_member)
        self._assignment.settle()
        if not followed or not metadata.is_member or self._losses.left_ms(self._clock.monotonic_ms()):
            return None
        if self._assignment.gathering(self._options.gather_ms_max):
            return None
        if not may_open:
            self._opener.regulate(may_open=True)
        try:
            epoch = self._opener.open(metadata, self._counters.epochs + 1, self._judge)
        except ENDS_PROCESS:
            self._mark(())
            raise
        if epoch is None:
            self._mark(())
            return None
        self._counters.epochs += 1
        self._epoch = epoch
        self._begin_lanes(epoch)
        return epoch

    def process(self, batch: Batch) -> None:
        """Let the batch's stage decide. A failure is kept in the epoch and judged by `close`.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from the stage, or for a batch that is not of the open epoch.
        """
        epoch = self._epoch
        key = (batch.topic, batch.partition)
        if epoch is None or key not in epoch.undelivered:
            raise StateInDoubt(f"a batch of {batch.topic}-{batch.partition} was delivered outside of its epoch")
        epoch.undelivered.discard(key)
        if epoch.failure is not None:
            return
        lane = self._assignment.lane_of[TopicPartition(*key)]
        view = epoch.views[lane.stage.name]
        self._hooks.call(epoch, lambda: lane.stage.process(batch, view), (lane,), (batch,))

    def next_round(self, epoch: OpenEpoch) -> Sequence[Batch]:
        """Return what was just written for stages of this worker, to be processed next; empty: close the epoch.

        Raises: as `close`; any other failure is kept in the epoch.
        """
        if self._suspects or epoch.undelivered or not self._rounds.may(epoch):
            return ()
        return self._rounds.next(epoch)

    def close(self, epoch: OpenEpoch) -> bool:
        """Run timers, commit, and advance; or undo. Returns whether the epoch was committed.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: end the process with their exit code.
        """
        if epoch is not self._epoch:
            raise StateInDoubt("an epoch was closed that is not open")
        if epoch.failure is None and epoch.undelivered:
            raise StateInDoubt(f"an epoch was closed before its batches were delivered: {sorted(epoch.undelivered)}")
        self._tick(epoch)
        if epoch.failure is None:
            self._cpu.of(COMMITTING, partial(self._closer.write_changes, epoch))
        self._mark(())
        if epoch.failure is None:
            self._cpu.of(COMMITTING, partial(self._closer.transact, epoch))
        else:
            self._closer.abort(epoch)
        self._epoch = None
        if epoch.failure is not None:
            self._undo(epoch, epoch.failure)
            return False
        self._advance(epoch)
        return True

    def run_once(self, timeout_s: float = 0.0) -> bool | None:
        """Open, process and close one epoch: the plain driver. None: there was nothing to do."""
        epoch = self.open(timeout_s)
        if epoch is None:
            return None
        batches: Sequence[Batch] = epoch.batches
        while batches:
            for batch in batches:
                self.process(batch)
            batches = self.next_round(epoch)
        return self.close(epoch)

    def state(self) -> EngineState:
        """Return a snapshot; may be called from any thread."""
        return self._readiness.state(self._counters)

    # --- inside an epoch --------------------------------------------------------------------------------------

    def _begin_lanes(self, epoch: OpenEpoch) -> None:
        for lane in list(epoch.lanes):
            if lane.fresh and epoch.failure is None:
                restored = partial(lane.stage.restored, lane.partition, epoch.views[lane.stage.name])
                self._hooks.call(epoch, restored, (lane,))
        if epoch.set_aside is not None and epoch.failure is None:
            self._set_aside(epoch, epoch.set_aside)

    def _tick(self, epoch: OpenEpoch) -> None:
        for lane in epoch.due:
            if epoch.failure is None:
                tick = partial(lane.stage.tick, lane.partition, epoch.views[lane.stage.name])
                self._hooks.call(epoch, tick, (lane,))

    def _set_aside(self, epoch: OpenEpoch, batch: Batch) -> None:
        """End a condemned record: in its stage's own way, or as a dead letter."""
        message = batch.messages[0]
        partition = TopicPartition(batch.topic, batch.partition)
        error = self._suspects.condemned(partition, message.offset)
        if error is None:
            raise StateInDoubt(f"{message!r} is set aside without a cause")
        self._dead[batch.topic].check(batch.topic, batch.partition)
        lane = self._assignment.lane_of[partition]
        view = epoch.views[lane.stage.name]
        try:
            ended = lane.stage.give_up(message, error, view)
            if not ended:
                self._closer.dead_letter(epoch, lane, message, error)
        except ENDS_PROCESS:
            raise
        except Unavailable as away:
            epoch.fail(Failure(away, (lane,)))
            return
        except Exception as refusal:
            stop = PartitionStop(f"{message!r} fails and cannot be set aside: {describe(error)}; {describe(refusal)}")
            epoch.fail(Failure(stop, (lane,)))
            return
        log.error("%r is set aside (%s): %s", message, "by its stage" if ended else "dead letter", describe(error))
        epoch.aside = RecordSetAside(lane.stage.name, partition, message.offset, reason_of(error), not ended)

    # --- after an epoch ---------------------------------------------------------------------------------------

    def _advance(self, epoch: OpenEpoch) -> None:
        """Make the committed epoch final: the state is kept, positions move on."""
        offsets = epoch.offsets()
        for lane in epoch.lanes:
            lane.fresh = False
            if lane.store is not None:
                lane.store.keep()
        for partition, offset in offsets.items():
            self._assignment.lane_of[partition].next[partition] = offset
            if self._suspects:
                self._suspects.committed(partition, offset)
            if self._crash_file is not None:
                self._crash_file.committed(partition, offset)
        self._rounds.committed(epoch, self._clock.monotonic_ms())
        for batch in (*epoch.batches, *epoch.handover.batches):
            self._dead[batch.topic].committed(batch.partition, len(batch.messages))
        self._rests.through({lane.stage.name for lane in epoch.lanes})
        if epoch.due:
            pace(epoch.due, epoch.now_ms, self._clock.monotonic_ms())
        self._counters.commits += 1
        self._losses.in_a_row = 0
        self._opener.size.committed(self._closer.last_ms)
        self._opener.await_own(epoch.outbox.last)
        if epoch.aside is not None:
            self._dead[epoch.aside.partition.topic].set_aside(epoch.aside.partition.partition)
            self._counters.dead += 1
            self._on_event(epoch.aside)

    def _undo(self, epoch: OpenEpoch, failure: Failure) -> None:
        """Go back to before the epoch; its records wait to be taken again."""
        for lane in epoch.lanes:
            if lane.store is not None:
                lane.store.undo()
            lane.stage.forget(lane.partition)
        self._intake.give_back(epoch.taken)
        self._rounds.undone(epoch)
        self._counters.undone += 1
        self._on_event(EpochUndone(type(failure.error).__name__, epoch.sent))
        if epoch.sent or isinstance(failure.error, EpochLost):
            self._opener.size.shrink()
            self._losses.lost(self._clock.monotonic_ms())
        if epoch.handover.batches and not isinstance(failure.error, (EpochLost, Unavailable)):
            log.warning("an epoch failed in a later round and is redone hop by hop: %s", describe(failure.error))
        else:
            self._judge(failure, alone=len(epoch.taken) == 1)

    def _judge(self, failure: Failure, alone: bool) -> None:
        """Decide what follows from a failure: rest, redo, stop lanes, or look for the record that fails."""
        error = failure.error
        if isinstance(error, EpochLost):
            log.warning("an epoch is lost and redone: %s", error)
        elif isinstance(error, Unavailable):
            for stage in {lane.stage.name for lane in failure.lanes}:
                log.warning("stage %s rests: %s", stage, error)
                self._rests.rest(stage, str(error), self._clock.monotonic_ms())
                self._on_event(StageRests(stage, str(error)))
        elif isinstance(error, PartitionStop) or not failure.batches:
            for lane in failure.lanes:
                self._assignment.stop(lane, str(error) if isinstance(error, PartitionStop) else describe(error))
        else:
            log.warning("looking for the record that fails: %s", describe(error))
            self._suspects.blame(failure.batches, error, alone)

    # --- the group's callbacks, and their consequences ----------------------------------------------------------

    def _on_assign(self, partitions: list[TopicPartition]) -> None:
        self._checks.soon()
        self._assignment.on_assign(partitions)
        self._on_event(LanesGiven(tuple((lane.stage.name, lane.partition) for lane in self._assignment.lanes())))

    def _on_revoke(self, partitions: list[TopicPartition], lost: bool) -> None:
        log.info("%d partitions are %s", len(partitions), "lost" if lost else "revoked")
        self._suspects.drop(partitions)
        self._assignment.on_revoke(partitions)

    def _lane_changed(self, lane: Lane) -> None:
        if lane.running:
            self._opener.started(lane)
            self._blame_crashes(lane)
        self._on_event(LaneChanged(lane.stage.name, lane.partition, lane.status.value, lane.reason))

    def _blame_crashes(self, lane: Lane) -> None:
        for crash in self._crash_file.blamed() if self._crash_file is not None else ():
            self._rounds.rest(EPOCHS_AFTER_A_CRASH)
            self._suspects.after_crash(crash, lane.next.get(TopicPartition(crash.topic, crash.partition)))


def _unmarked(_: Sequence[Batch]) -> None:
    """Where no crash file is, nothing is marked."""
