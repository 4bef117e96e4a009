"""From assignment to work: co-partitioning, committed offsets, restore, and what is stopped.

The order binds (`stable committed offsets -> changelog end -> restore -> compare -> start`): the offsets are read
when no transaction of a former owner can change them any more, and everything that belongs to them lies below the
changelog's end as seen after that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from schemas.errors import NeedsPerson, PartitionStop, Poison, StateInDoubt, Unavailable
from schemas.records import Position
from streams.client import Client, Place
from streams.clock import Clock
from streams.epoch import ENDS_PROCESS
from streams.intake import Intake
from streams.lanes import KeptState, Lane, LaneStatus
from streams.positions import check_state, start_offset
from streams.restore import RestoreJob, Restorer, Token
from streams.stage import Stage, TopicPartition
from streams.stores import Decode, Store

log = logging.getLogger(__name__)
_ON_THE_WAY = (LaneStatus.ASKING, LaneStatus.RESTORING)


class Assignment:
    """All lanes of one worker; `on_assign` and `on_revoke` are the client's callbacks, run inside `poll` only."""

    #: First and longest pause between two questions for a lane's offsets while those of a dead owner are pending.
    _ASK_AGAIN_MS = 100
    _ASK_AGAIN_MAX_MS = 2000
    #: How often a stopped lane's committed offsets are looked at: whether a person has settled them.
    _LOOK_AGAIN_MS = 2000

    def __init__(
        self,
        client: Client,
        stages: Sequence[Stage],
        decode: Decode,
        clock: Clock,
        restorer: Restorer,
        intake: Intake,
        kept_state_ms: int,
    ) -> None:
        self._client = client
        self._decode = decode
        self._clock = clock
        self._restorer = restorer
        self._intake = intake
        self._kept_state_ms = kept_state_ms
        self._stage_of = {topic: stage for stage in stages for topic in stage.sources}
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._look_again_at_ms = 0
        self._given_at_ms = 0
        #: Lanes that run, rebuilt when one starts or ends; the hot path iterates over it.
        self.running: tuple[Lane, ...] = ()
        #: Source partitions of running lanes, with their lane.
        self.lane_of: dict[Place, Lane] = {}
        #: Called with each lane that begins to run (after a restore), stops or leaves.
        self.on_change: Callable[[Lane], None] = lambda lane: None

    def lanes(self) -> list[Lane]:
        """Return all lanes of which at least one source is owned."""
        return [lane for lane in list(self._lanes.values()) if lane.owned]

    @property
    def settling(self) -> bool:
        """Whether some lane is on its way to work: the next look should come soon."""
        return any(lane.status in _ON_THE_WAY for lane in self._lanes.values())

    def gathering(self, at_most_ms: int) -> bool:
        """Whether lanes that were given less than so long ago come in a moment; not those with pending offsets."""
        if not self.settling or self._clock.monotonic_ms() - self._given_at_ms >= at_most_ms:
            return False
        return any(lane.status in _ON_THE_WAY and not lane.ask_for_ms for lane in self._lanes.values())

    # --- the client's callbacks ---------------------------------------------------------------------------

    def on_assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Take note; offsets and state are fetched by `settle`, outside of the callback."""
        self._given_at_ms = self._clock.monotonic_ms()
        for partition in partitions:
            lane = self._lane(partition)
            if lane.status not in (LaneStatus.AWAY, LaneStatus.PARTIAL):
                self._leave(lane)
            lane.owned.add(partition)
            lane.status = LaneStatus.ASKING if len(lane.owned) == len(lane.sources) else LaneStatus.PARTIAL
            lane.token = Token()
            lane.ask_at_ms = lane.ask_for_ms = 0

    def on_revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Give up lanes. Their state is kept for a while, with the changelog offset up to which it is complete."""
        touched: dict[Lane, None] = {}
        for partition in partitions:
            lane = self._lane(partition)
            if partition in lane.owned:
                lane.owned.discard(partition)
                touched[lane] = None
        for lane in touched:
            self._leave(lane)
            lane.status = LaneStatus.PARTIAL if lane.owned else LaneStatus.AWAY
        if halves := [source for lane in touched for source in lane.owned]:
            self._client.pause(halves)

    def _lane(self, partition: TopicPartition) -> Lane:
        stage = self._stage_of[partition.topic]
        key = (stage.name, partition.partition)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(stage, partition.partition)
        return lane

    def _leave(self, lane: Lane) -> None:
        lane.token.cancel()
        for source in lane.sources:
            self._intake.drop(source)
        if lane.running:
            if lane.store is not None:
                lane.store.positions = {source.topic: offset for source, offset in lane.next.items()}
                lane.kept = KeptState(lane.store, lane.complete_to, self._clock.monotonic_ms())
            lane.stage.forget(lane.partition)
        lane.store, lane.job, lane.reason, lane.fresh = None, None, "", False
        lane.stopped_with = None
        lane.next.clear()
        self._changed(lane, LaneStatus.AWAY)

    # --- towards work -------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring lanes on: ask for offsets, start restores, install what has been restored."""
        self._drop_old_states()
        for job in self._restorer.finished():
            self._restored(job)
        now = self._clock.monotonic_ms()
        self._look_again(now)
        asking = [lane for lane in self._lanes.values() if lane.status is LaneStatus.ASKING]
        if due := [lane for lane in asking if lane.ask_at_ms <= now]:
            self._ask(due, together=len(due) == len(asking))

    def _ask(self, lanes: Sequence[Lane], together: bool) -> None:
        """Ask for all lanes at once; if offsets of one are pending, lane by lane, so that the others go on.

        A question for pending offsets blocks for a second. So only one such lane is asked at a time, less and less
        often: a dead worker's transaction may take its time-out to end.
        """
        if together and len(lanes) > 1:
            try:
                self._bring_on(lanes)
            except Unavailable:
                log.info("some offsets of %d lanes are pending: asking lane by lane", len(lanes))
            else:
                return
        for lane in lanes:
            try:
                self._bring_on([lane])
            except Unavailable as error:
                lane.ask_for_ms = min(self._ASK_AGAIN_MAX_MS, 2 * lane.ask_for_ms or self._ASK_AGAIN_MS)
                lane.ask_at_ms = self._clock.monotonic_ms() + lane.ask_for_ms
                log.info("%s asks again in %d ms: %s", lane, lane.ask_for_ms, error)
                return

    def _look_again(self, now_ms: int) -> None:
        """Take up stopped lanes whose committed offsets were changed: a person has settled them."""
        stopped = [lane for lane in self._lanes.values() if lane.stopped_with is not None]
        if not stopped or now_ms < self._look_again_at_ms:
            return
        self._look_again_at_ms = now_ms + self._LOOK_AGAIN_MS
        try:
            committed = self._client.committed([source for lane in stopped for source in lane.sources])
        except Unavailable:
            return
        for lane in stopped:
            if lane.stopped_with != {source: committed.get(source) for source in lane.sources}:
                log.warning("%s is taken up again: its committed offsets were changed", lane)
                lane.reason, lane.stopped_with, lane.ask_at_ms = "", None, 0
                self._changed(lane, LaneStatus.ASKING)

    def _bring_on(self, lanes: Sequence[Lane]) -> None:
        sources = [source for lane in lanes for source in lane.sources]
        committed = self._client.committed(sources)
        changelogs = [lane.changelog for lane in lanes if lane.stage.tables]
        bounds = self._client.log_bounds([*sources, *changelogs])
        for lane in lanes:
            lane.ask_for_ms = 0
            needed = [*lane.sources, *([lane.changelog] if lane.stage.tables else ())]
            if missing := [partition.topic for partition in needed if partition not in bounds]:
                self.stop(lane, f"{', '.join(missing)} missing: run `leadflow topics create`")
                continue
            lane.asked = {source: (committed.get(source), bounds[source]) for source in lane.sources}
            if lane.stage.tables:
                self._restore(lane, *bounds[lane.changelog])
            else:
                self._start(lane)

    def _restore(self, lane: Lane, start: int, end: int) -> None:
        store, kept = Store(lane.stage.tables, self._decode), lane.kept
        lane.kept = None
        if kept is not None and start <= kept.complete_to <= end:
            store, start = kept.store, kept.complete_to
        lane.job = RestoreJob(lane.changelog, start, end, store, lane.token, read_to=start)
        self._changed(lane, LaneStatus.RESTORING)
        self._restorer.start(lane.job)

    def _restored(self, job: RestoreJob) -> None:
        lane = next((lane for lane in self._lanes.values() if lane.job is job), None)
        if lane is None or job.token.cancelled():
            return
        lane.job = None
        if isinstance(job.error, ENDS_PROCESS):
            raise job.error
        if isinstance(job.error, Unavailable):
            self._changed(lane, LaneStatus.ASKING)
        elif isinstance(job.error, NeedsPerson):
            raise job.error
        elif job.error is not None or not job.done:
            raise StateInDoubt(f"the restore of {lane} failed: {type(job.error).__name__}") from job.error
        else:
            lane.store, lane.complete_to = job.store, job.end
            lane.complete_at_ms = self._clock.monotonic_ms()
            self._start(lane)

    def _start(self, lane: Lane) -> None:
        try:
            offsets = self._offsets(lane)
        except PartitionStop as error:
            self.stop(lane, str(error))
            lane.stopped_with = {source: committed for source, (committed, _) in lane.asked.items()}
            return
        except Unavailable as error:
            log.warning("%s starts over: %s", lane, error)
            lane.store = None
            lane.ask_at_ms = self._clock.monotonic_ms() + self._ASK_AGAIN_MAX_MS
            self._changed(lane, LaneStatus.ASKING)
            return
        lane.next, lane.fresh = offsets, type(lane.stage).restored is not Stage.restored
        for source, offset in offsets.items():
            self._intake.open(source, offset)
        self._changed(lane, LaneStatus.RUNNING)
        self._client.start(offsets)

    def _offsets(self, lane: Lane) -> dict[TopicPartition, int]:
        positions: dict[str, int] | None = None
        if lane.store is not None:
            positions = {topic: self._position(value) for topic, value in lane.store.positions.items()}
        offsets = {
            source: start_offset(source, committed, bounds, None if positions is None else positions.get(source.topic))
            for source, (committed, bounds) in lane.asked.items()
        }
        if positions is not None:
            check_state(lane.sources, offsets, positions)
        return offsets

    def _position(self, value: bytes | int) -> int:
        if isinstance(value, int):
            return value
        try:
            record = self._decode(value)
        except Poison as error:
            raise StateInDoubt("a position record cannot be read") from error
        if not isinstance(record, Position):
            raise StateInDoubt(f"a position record is a {type(record).__name__}")
        return record.to_offset

    # --- ends -----------------------------------------------------------------------------------------------

    def stop(self, lane: Lane, reason: str) -> None:
        """Stop one lane, say why, leave the others alone."""
        log.error("%s is stopped: %s", lane, reason)
        for source in lane.sources:
            self._intake.drop(source)
        if lane.running:
            lane.stage.forget(lane.partition)
        lane.reason, lane.stopped_with, lane.store, lane.fresh = reason, None, None, False
        lane.next.clear()
        self._client.pause(lane.owned)
        self._changed(lane, LaneStatus.STOPPED)

    def stop_partition(self, partition: TopicPartition, reason: str) -> None:
        """Stop the lane of a source partition that is outside its log; committed offsets inside of it cure the lane."""
        lane = self._lane(partition)
        committed: dict[TopicPartition, int | None] = dict(lane.next)
        self.stop(lane, reason)
        lane.stopped_with = committed

    def _changed(self, lane: Lane, status: LaneStatus) -> None:
        lane.status = status
        self.running = tuple(lane for lane in self._lanes.values() if lane.running)
        self.lane_of = {source: lane for lane in self.running for source in lane.sources}
        self.on_change(lane)

    def _drop_old_states(self) -> None:
        oldest_ms = self._clock.monotonic_ms() - self._kept_state_ms
        for lane in self._lanes.values():
            if lane.kept is not None and lane.kept.kept_at_ms < oldest_ms:
                lane.kept = None
