"""Opening an epoch: what is polled, who may run, what is taken and prepared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from schemas.errors import EpochLost, StateInDoubt, Unavailable
from streams.assignment import Assignment
from streams.backlog import Backlog
from streams.backoff import Rests
from streams.bypass import Bypass
from streams.client import Client, GroupMetadata, OffsetGone
from streams.clock import Clock
from streams.cpu import FETCHING, Cpu
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch, view_of
from streams.epoch_size import EpochSize
from streams.events import Listener, PrepareSlow
from streams.intake import Intake
from streams.lanes import Lane
from streams.options import EngineOptions
from streams.pausing import Pauses
from streams.poison import Suspects
from streams.stage import Batch, Stage, TopicPartition
from streams.timers import due, has_timers, next_due

log = logging.getLogger(__name__)
Judge = Callable[[Failure, bool], None]

#: How often backlogs are weighed: 40 partitions cost more than a small epoch.
_WEIGH_EVERY_MS = 20
#: Longest poll while a lane is on its way to work: what it waits for comes from elsewhere.
_SETTLING_S = 0.01
#: Polls of one linger; each returns at once when something is there.
_LINGER_POLLS_MAX = 8


class Opener:
    """Chooses what the next epoch takes."""

    def __init__(
        self,
        client: Client,
        stages: Sequence[Stage],
        clock: Clock,
        options: EngineOptions,
        assignment: Assignment,
        intake: Intake,
        suspects: Suspects,
        rests: Rests,
        on_event: Listener,
        mark: Callable[[Sequence[Batch]], object],
        cpu: Cpu,
    ) -> None:
        """Put the parts together; `mark` is told what is about to be prepared and processed."""
        self._mark = mark
        self._cpu = cpu
        self._client = client
        self._stages = tuple(stages)
        self._clock = clock
        self._options = options
        self._assignment = assignment
        self._intake = intake
        self._suspects = suspects
        self._rests = rests
        self._on_event = on_event
        self._pauses = Pauses(client)
        #: Partitions of which nothing is fetched, because all of it is known.
        self.bypass = Bypass(options.bypass_records_min)
        self._were_bypassed: set[TopicPartition] = set()
        self.size = EpochSize(options.epoch_records_max, options.epoch_slow_ms)
        self._backlog = Backlog(stages, options.backlog_epochs * options.epoch_records_max)
        self._timed = {stage.name for stage in stages if has_timers(stage)}
        self._prepared = {stage.name for stage in stages if type(stage).prepare is not Stage.prepare}
        self._idle: set[str] = set()
        self._depth = {topic: depth for depth, stage in enumerate(stages) for topic in stage.sources}
        self._weigh_at_ms = 0
        self._suspects_turn = False
        #: Partitions of ours to which the last epoch wrote, until something came from them.
        self._own: set[tuple[str, int]] = set()
        #: Stages held back, with the later stage they wait for; for readers of the state.
        self.held: dict[str, str] = {}
        #: Offsets waiting by running source partition; for readers of the state.
        self.lag: dict[TopicPartition, int] = {}

    def started(self, lane: Lane) -> None:
        """A lane begins to run: the client has it unpaused."""
        self._pauses.started(lane.sources)
        self.bypass.end(lane.sources)
        self._were_bypassed.difference_update(lane.sources)

    # --- who may run ----------------------------------------------------------------------------------------

    def regulate(self, may_open: bool) -> None:
        """Decide which stages may run now, none where no epoch may be opened; tell the client what to pause."""
        now = self._clock.monotonic_ms()
        resting = self._rests.resting
        idle = {s.name for s in self._stages if not may_open or s.waits is not None or resting(s.name, now)}
        held = self.held
        if now >= self._weigh_at_ms:
            self._weigh_at_ms = now + _WEIGH_EVERY_MS
            held = self._backlog.held(self._waiting(idle), now)
        self._idle, self.held = idle, held
        if idle or held or self._suspects or self._pauses or self.bypass:
            self._pauses.set(self._overfull() | self._bypassed(now), self._assignment.lane_of)

    def _bypassed(self, now_ms: int) -> set[TopicPartition]:
        """Return the partitions bypassed now; of those that no longer are, what is known is not fetched any more."""
        lanes, before = self._assignment.lane_of, self._were_bypassed
        now = {TopicPartition(*place) for place in self.bypass.at(now_ms, lanes)}
        if ended := [source for source in before if source not in now and source in lanes]:
            try:
                self._client.seek({source: self._intake.next_of(source) for source in ended})
            except EpochLost as lost:  # a revoke is on its way, or it was just assigned: they rest until the next look
                log.info("asking again for a seek: %s", lost)
                now.update(ended)
        self._were_bypassed = now
        return now

    def _overfull(self) -> set[TopicPartition]:
        """Return the partitions to pause: those that may not run, once an epoch's worth of their stage waits here.

        Not earlier: what a pause makes the client drop it has to fetch again, and most rests are short.
        """
        full: set[TopicPartition] = set()
        most = self._options.epoch_records_max
        for stage in self._stages:
            lanes = [lane for lane in self._assignment.running if lane.stage is stage]
            sources = [source for lane in lanes for source in lane.sources]
            if not self._may_run(stage.name):
                if sum(map(self._intake.count, sources)) >= most:
                    full.update(sources)
            elif self._suspects:
                full.update(s for s in self._suspects.partitions() if s in sources and self._intake.count(s) >= most)
        return full

    def _waiting(self, idle: set[str]) -> dict[str, int]:
        """Return how many records wait for each stage that is not idle."""
        lanes = self._assignment.lane_of
        self.lag = lag = self._client.waiting({source: self._intake.next_of(source) for source in lanes})
        waiting: dict[str, int] = {}
        for lane in self._assignment.running:
            name = lane.stage.name
            if name not in idle:
                count = sum(lag.get(source, 0) + self._intake.count(source) for source in lane.sources)
                waiting[name] = waiting.get(name, 0) + count
        return waiting

    def _may_run(self, stage: str) -> bool:
        return stage not in self._idle and stage not in self.held

    def _may_take_alone(self, partition: TopicPartition) -> bool:
        lane = self._assignment.lane_of.get(partition)
        return lane is not None and self._may_run(lane.stage.name)

    def _may_take(self, partition: TopicPartition) -> bool:
        return self._may_take_alone(partition) and self._suspects.limit(partition) is None

    # --- what comes -----------------------------------------------------------------------------------------

    def poll(self, timeout_s: float, patient: bool) -> None:
        """Fetch records into the intake; at once when there is other work, unless `patient`.

        Lingers when many are coming: few are not worth a wait.
        """
        room = max(1, self.size.records - self._intake.ready(self._may_take))
        found = self._fetch(room, timeout_s if patient else self._patience_s(timeout_s))
        found += self._fetch_own(room - found)
        if not self._options.linger_from_records <= found < room:
            return
        until_ms = self._clock.monotonic_ms() + self._options.linger_ms_max
        for _ in range(_LINGER_POLLS_MAX):
            left_ms = until_ms - self._clock.monotonic_ms()
            if found >= room or left_ms <= 0:
                break
            found += self._fetch(room - found, left_ms / 1000)

    def _fetch(self, records_max: int, timeout_s: float) -> int:
        try:
            messages = self._cpu.of(FETCHING, partial(self._client.poll, records_max, timeout_s))
        except OffsetGone as gone:
            self._assignment.stop_partition(gone.partition, str(gone))
            return 0
        if not messages:
            return 0
        queued, came = self._intake.add(messages)
        self._own -= came
        return queued

    def await_own(self, written: Iterable[tuple[str, int]]) -> None:
        """Wait in the next `poll` for what a committed epoch wrote to partitions of this worker that may run.

        It is in the log, but reaches the consumer some milliseconds later. An epoch opened at once would go without it,
        so that a hop takes two; and its transaction would begin while the broker still writes the last one's markers,
        which librdkafka answers with a wait of 20 ms (engine.md, section 5).
        """
        lanes = self._assignment.lane_of
        self._own = {
            place
            for place in written
            if place in lanes and place not in self.bypass and self._may_take_alone(TopicPartition(*place))
        }

    def _fetch_own(self, room: int) -> int:
        """Fetch until something came from each partition awaited, or the time for it is over; return how much came."""
        found, until_ms = 0, self._clock.monotonic_ms() + self._options.own_output_ms_max
        for _ in range(_LINGER_POLLS_MAX):
            left_ms = until_ms - self._clock.monotonic_ms()
            if not self._own or found >= room or left_ms <= 0:
                break
            found += self._fetch(room - found, left_ms / 1000)
        self._own = set()
        return found

    def _patience_s(self, timeout_s: float) -> float:
        if self._intake.ready(self._may_take_alone) or self._fresh_lanes():
            return 0.0
        if self._assignment.settling:
            timeout_s = min(timeout_s, _SETTLING_S)
        at = next_due(self._timed_lanes())
        return timeout_s if at is None else min(timeout_s, self._clock.seconds_until(at))

    def _fresh_lanes(self) -> list[Lane]:
        return [lane for lane in self._assignment.running if lane.fresh and self._may_run(lane.stage.name)]

    def _timed_lanes(self) -> list[Lane]:
        may = {name for name in self._timed if self._may_run(name)}
        if not may:
            return []
        now = self._clock.monotonic_ms()
        return [lane for lane in self._assignment.running if lane.stage.name in may and lane.timer_from_ms <= now]

    # --- what is taken --------------------------------------------------------------------------------------

    def open(self, metadata: GroupMetadata, number: int, judge: Judge) -> OpenEpoch | None:
        """Return the next epoch: a suspect's and the others' in turn; None when there is nothing to do."""
        if self._suspects:
            self._suspects_turn = not self._suspects_turn
            if self._suspects_turn and (epoch := self._open_suspect(metadata, number, judge)) is not None:
                return epoch
        epoch = self._open_common(metadata, number, judge)
        if epoch is None and self._suspects:
            epoch = self._open_suspect(metadata, number, judge)
        return epoch

    def _open_common(self, metadata: GroupMetadata, number: int, judge: Judge) -> OpenEpoch | None:
        room = self.size.records
        batches: list[Batch] = []
        for partition in sorted(self._intake.waiting(), key=lambda waiting: -self._depth[waiting.topic]):
            if room > 0 and self._may_take(partition):
                batches.append(self._intake.take(partition, room))
                room -= len(batches[-1].messages)
        batches = self._prepare(batches, judge)
        now_ms = self._clock.now_ms()
        fresh = self._fresh_lanes()
        timed = due(self._timed_lanes(), now_ms)
        if not (batches or fresh or timed):
            return None
        epoch = OpenEpoch(number, now_ms, self._clock.monotonic_ms(), tuple(batches), metadata, due=tuple(timed))
        lane_of = self._assignment.lane_of
        self._let_in(epoch, [lane_of[batch.topic, batch.partition] for batch in batches])  # type: ignore[index]  # equal tuples
        self._let_in(epoch, [*fresh, *timed])
        return epoch

    def _open_suspect(self, metadata: GroupMetadata, number: int, judge: Judge) -> OpenEpoch | None:
        """Open an epoch that holds records of one suspect partition alone, or its condemned record."""
        for partition in self._suspects.partitions():
            lane, head = self._assignment.lane_of.get(partition), self._intake.head(partition)
            if lane is None or head is None or lane.fresh or not self._may_take_alone(partition):
                continue
            condemned = self._suspects.condemned(partition, head.offset) is not None
            batch = self._intake.take(partition, 1 if condemned else self._suspects.limit(partition) or 1)
            if not condemned and not self._prepare([batch], judge):
                continue
            times_ms = self._clock.now_ms(), self._clock.monotonic_ms()
            batches, aside = ((), batch) if condemned else ((batch,), None)
            epoch = OpenEpoch(number, *times_ms, batches, metadata, set_aside=aside)
            self._let_in(epoch, [lane])
            return epoch
        return None

    def may_run(self) -> frozenset[str]:
        """Return the names of the stages that may run now."""
        return frozenset(stage.name for stage in self._stages if self._may_run(stage.name))

    def let_in(self, epoch: OpenEpoch, batches: Iterable[Batch]) -> None:
        """Let the stages of more batches into an open epoch; these are to be delivered as well."""
        lane_of = self._assignment.lane_of
        self._let_in(epoch, [lane_of[TopicPartition(*batch[:2])] for batch in batches])
        epoch.undelivered.update((batch.topic, batch.partition) for batch in batches)

    def _let_in(self, epoch: OpenEpoch, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            view_of(epoch, lane, self._options.record_bytes_max)

    # --- what is prepared -----------------------------------------------------------------------------------

    def _prepare(self, batches: list[Batch], judge: Judge) -> list[Batch]:
        """Let each stage do its I/O; return the batches of those that got through. The others' are given back."""
        by_stage: dict[Stage, list[Batch]] = {}
        for batch in batches:
            by_stage.setdefault(self._assignment.lane_of[TopicPartition(*batch[:2])].stage, []).append(batch)
        self._mark(batches)
        self._backlog.arrived((stage.name for stage in by_stage), self._clock.monotonic_ms())
        ready: list[Batch] = []
        for stage, own in by_stage.items():
            if stage.name not in self._prepared or self._prepare_stage(stage, own, judge):
                ready.extend(own)
        if len(ready) < len(batches):
            self._mark(ready)
        return ready

    def _prepare_stage(self, stage: Stage, batches: list[Batch], judge: Judge) -> bool:
        began_ms = self._clock.monotonic_ms()
        try:
            self._cpu.of(stage.name, partial(stage.prepare, batches))
        except ENDS_PROCESS:
            raise
        except MemoryError as error:
            raise StateInDoubt("out of memory while preparing") from error
        except Exception as error:
            self._shrink_if_slow(began_ms)
            self._intake.give_back(batches)
            lanes = tuple(self._assignment.lane_of[TopicPartition(*batch[:2])] for batch in batches)
            if isinstance(error, Unavailable):
                self._idle.add(stage.name)
            judge(Failure(error, lanes, tuple(batches)), len(batches) == 1)
            return False
        took_ms = self._shrink_if_slow(began_ms)
        if took_ms > self._options.prepare_limit_ms:
            self._on_event(PrepareSlow(stage.name, took_ms))
        return True

    def _shrink_if_slow(self, began_ms: int) -> int:
        """Return how long a preparation took; take fewer records next time if it was near its limit, or beyond."""
        took_ms = self._clock.monotonic_ms() - began_ms
        if 2 * took_ms >= self._options.prepare_limit_ms:
            self.size.shrink()
        return took_ms
