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

Here is the order of the steps; what a step does is in a module of its own (a table of them: docs/architecture.md).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from schemas.codec import Codec
from schemas.errors import StateInDoubt
from streams.admission import Admission
from streams.advancing import Advancer
from streams.checks import Checks
from streams.client import Client
from streams.clock import Clock
from streams.closing import Closer
from streams.context import context_of
from streams.cpu import COMMITTING
from streams.crash_file import CrashFile
from streams.epoch import OpenEpoch
from streams.events import LaneChanged, LanesGiven, Listener, ignore
from streams.failures import Failures
from streams.fetching import Fetcher
from streams.followers import Followers
from streams.hooks import Hooks
from streams.lanes import Lane
from streams.opening import Opener
from streams.options import EngineOptions
from streams.pausing import Pauses
from streams.preparing import Preparer
from streams.readiness import Counters, Readiness
from streams.restore import Restorer, ThreadRestorer
from streams.rounds import Rounds
from streams.setting_aside import SettingAside
from streams.stage import Batch, Message, Stage, TopicPartition, stages_by_source
from streams.state import EngineState

log = logging.getLogger(__name__)


class Engine:
    """All epochs of one worker. Not thread-safe, but `state()` may be called from any thread.

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
        """Put the parts together; nothing is asked of the client before `start`."""
        options = options or EngineOptions()
        mark = _unmarked if crash_file is None else crash_file.mark
        self._sources = list(stages_by_source(stages))
        self._client = client
        self._on_event = on_event
        self._crash_file = crash_file
        self._restorer = restorer or ThreadRestorer(client)
        self._context = context = context_of(
            client, stages, clock, options, decode=codec.decode, restorer=self._restorer, on_event=on_event, mark=mark
        )
        self._assignment = context.assignment
        self._assignment.on_change = self._lane_changed
        self._checks = Checks(client, clock, options, partition_counts or {})
        self._followers = Followers(client)
        self._closer = Closer(context, codec.encode, self._checks.confirm_clock)
        self._hooks = Hooks(context, self._closer)
        self._pauses = Pauses(context)
        self._admission = Admission(context, self._followers, self._pauses)
        self._fetcher = Fetcher(context, self._admission)
        self._preparer = Preparer(context, self._admission, self._hooks)
        self._rounds = Rounds(context, self._admission, self._preparer, self._closer)
        self._failures = Failures(context, self._rounds)
        self._opener = Opener(context, self._admission, self._preparer, self._failures.judge)
        self._setting_aside = SettingAside(context, self._closer)
        self._advancer = Advancer(
            context,
            crash_file=crash_file,
            rounds=self._rounds,
            closer=self._closer,
            setting_aside=self._setting_aside,
            fetcher=self._fetcher,
        )
        self._readiness = Readiness(
            context, checks=self._checks, followers=self._followers, admission=self._admission, closer=self._closer
        )
        self._counters = Counters()
        self._epoch: OpenEpoch | None = None

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
        self._client.subscribe(self._sources, self._on_assign, self._on_revoke)

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
        self._followers.read()
        self._admission.decide()
        self._fetcher.poll(timeout_s)
        metadata = self._client.group_metadata()
        self._readiness.member = metadata.is_member
        self._checks.membership(metadata.is_member)
        self._assignment.settle()
        if not metadata.is_member or not self._admission.may_open():
            return None
        self._epoch = epoch = self._opener.open(metadata, self._counters.epochs + 1)
        if epoch is not None:
            self._counters.epochs += 1
            self._hooks.restored(epoch)
            self._setting_aside.begin(epoch)
        return epoch

    def process(self, batch: Batch) -> None:
        """Let the batch's stage decide. A failure is kept in the epoch and judged by `close`.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from the stage, or for a batch that is not of the open epoch.
        """
        epoch = self._epoch
        place = batch.place
        if epoch is None or place not in epoch.undelivered:
            raise StateInDoubt(f"a batch of {batch.topic}-{batch.partition} was delivered outside of its epoch")
        epoch.undelivered.discard(place)
        if epoch.failure is not None:
            return
        self._hooks.process(epoch, self._assignment.lane_of[place], batch)

    def next_round(self, epoch: OpenEpoch) -> Sequence[Batch]:
        """Return what was just written for stages of this worker, to be processed next; empty: close the epoch.

        Raises: as `close`; any other failure is kept in the epoch.
        """
        batches = self.round_at_once(epoch)
        return self.round_once_written(epoch) if batches is None else batches

    def round_at_once(self, epoch: OpenEpoch) -> Sequence[Batch] | None:
        """Do what `next_round` does as far as nothing is waited for; None: go on with `round_once_written`."""
        if not self._rounds.may(epoch):
            return ()
        return self._rounds.hand_over(epoch) if self._rounds.foretell(epoch) else None

    def round_once_written(self, epoch: OpenEpoch) -> Sequence[Batch]:
        """Write the round that `round_at_once` could not hand over, wait for it, and return it. Raises: as `close`."""
        self._rounds.write(epoch)
        return self._rounds.hand_over(epoch)

    def close(self, epoch: OpenEpoch) -> bool:
        """Run timers, commit, and advance; or undo. Returns whether the epoch was committed.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: end the process with their exit code.
        """
        if epoch is not self._epoch:
            raise StateInDoubt("an epoch was closed that is not open")
        if epoch.failure is None and epoch.undelivered:
            raise StateInDoubt(f"an epoch was closed before its batches were delivered: {sorted(epoch.undelivered)}")
        self._hooks.tick(epoch)
        self._commit(epoch)
        self._epoch = None
        if epoch.failure is not None:
            self._counters.undone += 1
            self._failures.undo(epoch, epoch.failure)
            return False
        self._counters.commits += 1
        self._counters.dead += epoch.aside is not None
        self._advancer.advance(epoch)
        return True

    def _commit(self, epoch: OpenEpoch) -> None:
        """Write and commit, if the stages got through; see that no transaction stays open if not."""
        if epoch.failure is None:
            self._context.cpu.of(COMMITTING, partial(self._closer.write_changes, epoch))
        self._context.mark(())
        if epoch.failure is None:
            self._context.cpu.of(COMMITTING, partial(self._closer.transact, epoch))
        else:
            self._closer.abort(epoch)

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

    # --- the group's callbacks, and their consequences ----------------------------------------------------------

    def _on_assign(self, partitions: list[TopicPartition]) -> None:
        self._checks.soon()
        self._assignment.on_assign(partitions)
        self._on_event(LanesGiven(tuple((lane.stage.name, lane.partition) for lane in self._assignment.lanes())))

    def _on_revoke(self, partitions: list[TopicPartition], lost: bool) -> None:
        log.info("%d partitions are %s", len(partitions), "lost" if lost else "revoked")
        self._context.suspects.drop(partitions)
        self._assignment.on_revoke(partitions)

    def _lane_changed(self, lane: Lane) -> None:
        if lane.running:
            self._pauses.started(lane)
            if self._crash_file is not None:
                self._failures.after_crashes(self._crash_file.blamed(), lane)
        self._on_event(LaneChanged(lane.stage.name, lane.partition, lane.status.value, lane.reason))


def _unmarked(_: Sequence[Batch]) -> None:
    """Where no crash file is, nothing is marked."""
