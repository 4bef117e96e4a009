"""Is this worker ready, and if not, why: put together from the engine's parts, from any thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.admission import Admission
from streams.checks import Checks
from streams.closing import Closer
from streams.context import Context
from streams.followers import Followers
from streams.lanes import Lane
from streams.state import EngineState, RestoreProgress


@dataclass
class Counters:
    """What an engine has counted since it was made."""

    epochs: int = 0
    commits: int = 0
    undone: int = 0
    dead: int = 0


class Readiness:
    """Reads the engine's parts; changes nothing. Collections are copied before they are walked."""

    def __init__(
        self, context: Context, *, checks: Checks, followers: Followers, admission: Admission, closer: Closer
    ) -> None:
        self._stages = context.stages
        self._assignment = context.assignment
        self._rests = context.rests
        self._losses = context.losses
        self._checks = checks
        self._followers = followers
        self._admission = admission
        self._closer = closer
        #: Whether the group counted us in at the last poll.
        self.member = False

    def state(self, counters: Counters) -> EngineState:
        """Return a snapshot."""
        lanes = self._assignment.lanes()
        running = [lane for lane in lanes if lane.running]
        resting = self._resting()
        return EngineState(
            owned=tuple(sorted(source for lane in lanes for source in list(lane.owned))),
            running=tuple(sorted(source for lane in running for source in lane.sources)),
            restoring=tuple(found for lane in lanes if (found := _progress(lane)) is not None),
            stopped={(lane.stage.name, lane.partition): lane.reason for lane in lanes if lane.reason},
            resting=resting,
            held=self._admission.held,
            lag=self._admission.lag,
            entries={
                (lane.stage.name, lane.partition): s.entries() for lane in running if (s := lane.store) is not None
            },
            member=self.member,
            followed=self._followers.complete,
            epochs=counters.epochs,
            commits=counters.commits,
            undone=counters.undone,
            dead=counters.dead,
            last_epoch_ms=self._closer.last_ms,
            clock_off_ms=self._checks.clock_off_ms(),
            not_ready=tuple(self._not_ready(lanes, resting, counters)),
        )

    def _resting(self) -> dict[str, str]:
        waits = {stage.name: text for stage in self._stages if (text := stage.waits) is not None}
        return {**self._rests.reasons(), **waits}

    def _not_ready(self, lanes: Sequence[Lane], resting: Mapping[str, str], counters: Counters) -> Iterator[str]:
        yield from self._checks.not_ready()
        if not self._followers.complete:
            yield "followed topics are not read to their ends yet"
        if not self.member:
            yield "not a member of the group yet"
        for lane in lanes:
            if not lane.running:
                yield f"{lane.stage.name}-{lane.partition} {lane.status.value} {lane.reason}".rstrip()
        for stage, reason in resting.items():
            yield f"{stage} rests: {reason}"
        if self._losses.in_a_row > 1:
            yield f"{self._losses.in_a_row} epochs were lost one after the other"


def _progress(lane: Lane) -> RestoreProgress | None:
    job = lane.job
    return None if job is None else RestoreProgress(lane.stage.name, lane.partition, job.start, job.read_to, job.end)
