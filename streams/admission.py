"""Who may run now: no stage that rests, waits or stands behind a backlog, no partition that is under suspicion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.backlog import Backlog
from streams.client import Place
from streams.context import Context
from streams.followers import Followers
from streams.lanes import Lane
from streams.pausing import Pauses
from streams.stage import Stage, TopicPartition
from streams.timers import has_timers

#: How often backlogs are weighed: 40 partitions cost more than a small epoch.
_WEIGH_EVERY_MS = 20


class Admission:
    """Decides before each poll who may run until the next one, and has the others paused."""

    def __init__(self, context: Context, followers: Followers, pauses: Pauses) -> None:
        self._client = context.client
        self._stages = context.stages
        self._clock = context.clock
        self._gather_ms_max = context.options.gather_ms_max
        self._assignment = context.assignment
        self._intake = context.intake
        self._suspects = context.suspects
        self._rests = context.rests
        self._losses = context.losses
        self._followers = followers
        self._pauses = pauses
        self._backlog = Backlog(self._stages, context.options.backlog_epochs * context.options.epoch_records_max)
        self._timed = tuple(stage.name for stage in self._stages if has_timers(stage))
        self._weigh_at_ms = 0
        #: Nobody may run, whatever is said of single stages.
        self._shut = False
        #: Stages that may not run, for one reason or another.
        self._halted: set[str] = set()
        #: Stages held back, with the later stage they wait for; for readers of the state.
        self.held: dict[str, str] = {}
        #: Offsets waiting by running source partition; for readers of the state.
        self.lag: dict[TopicPartition, int] = {}

    # --- deciding -------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Decide before a poll: none may run while not all that is followed is read, nor while lanes gather."""
        self._decide(shut=self._too_early())

    def may_open(self) -> bool:
        """Whether an epoch may be opened after the poll, which may have brought what all were waiting for."""
        if self._losses.left_ms(self._clock.monotonic_ms()) or self._too_early():
            return False
        if self._shut:
            self._decide(shut=False)
        return True

    def _too_early(self) -> bool:
        return not self._followers.complete or self._assignment.gathering(self._gather_ms_max)

    def _decide(self, shut: bool) -> None:
        now, resting = self._clock.monotonic_ms(), self._rests.resting
        idle = {s.name for s in self._stages if shut or s.waits is not None or resting(s.name, now)}
        if now >= self._weigh_at_ms:
            self._weigh_at_ms = now + _WEIGH_EVERY_MS
            self.held = self._backlog.held(self._waiting(idle), now)
        self._shut, self._halted = shut, idle.union(self.held)
        self._pauses.update(self._halted, now)

    def _waiting(self, idle: set[str]) -> dict[str, int]:
        """Return how many records wait for each stage that is not idle."""
        running, next_of = self._assignment.running, self._intake.next_of
        self.lag = lag = self._client.waiting({source: next_of(source) for lane in running for source in lane.sources})
        waiting: dict[str, int] = {}
        for lane in running:
            name = lane.stage.name
            if name not in idle:
                count = sum(lag.get(source, 0) + self._intake.count(source) for source in lane.sources)
                waiting[name] = waiting.get(name, 0) + count
        return waiting

    # --- what it hears of in between ------------------------------------------------------------------------

    def arrived(self, stages: Iterable[Stage]) -> None:
        """Records of these stages came and are taken."""
        self._backlog.arrived((stage.name for stage in stages), self._clock.monotonic_ms())

    def halt(self, stage: Stage) -> None:
        """Let a stage run no more until the next decision."""
        self._halted.add(stage.name)

    # --- who may run ----------------------------------------------------------------------------------------

    def may_run(self, stage: Stage) -> bool:
        """Whether records, timers and hooks of a stage may run."""
        return stage.name not in self._halted

    def may_take_alone(self, place: Place) -> bool:
        """Whether a partition's records may be taken, in an epoch of their own if they are under suspicion."""
        lane = self._assignment.lane_of.get(place)
        return lane is not None and lane.stage.name not in self._halted

    def may_take(self, place: Place) -> bool:
        """Whether a partition's records may be taken together with others."""
        return self.may_take_alone(place) and self._suspects.limit(place) is None

    def fresh_lanes(self) -> Sequence[Lane]:
        """Return the lanes whose `restored` hook has still to run, and may."""
        return [lane for lane in self._assignment.running if lane.fresh and self.may_run(lane.stage)]

    def timed_lanes(self) -> Sequence[Lane]:
        """Return the lanes whose timers are to be asked now."""
        may = {name for name in self._timed if name not in self._halted}
        if not may:
            return ()
        now = self._clock.monotonic_ms()
        return [lane for lane in self._assignment.running if lane.stage.name in may and lane.timer_from_ms <= now]
