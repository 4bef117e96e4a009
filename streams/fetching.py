"""Fetching: how long a poll may take, and what is waited for beyond its first records."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from streams.admission import Admission
from streams.client import OffsetGone, Place
from streams.context import Context
from streams.cpu import FETCHING
from streams.timers import next_due

#: Longest poll while a lane is on its way to work: what it waits for comes from elsewhere.
_SETTLING_S = 0.01
#: Polls of one linger; each returns at once when something is there.
_LINGER_POLLS_MAX = 8


class Fetcher:
    """Polls the client into the intake, for as much as the next epoch has room for."""

    def __init__(self, context: Context, admission: Admission) -> None:
        self._client = context.client
        self._clock = context.clock
        self._options = context.options
        self._assignment = context.assignment
        self._intake = context.intake
        self._losses = context.losses
        self._bypass = context.bypass
        self._size = context.size
        self._cpu = context.cpu
        self._admission = admission
        #: Partitions of ours to which the last epoch wrote, until something came from them.
        self._own: set[Place] = set()

    def poll(self, timeout_s: float) -> None:
        """Fetch records; at once when there is other work, unless an epoch has to wait anyway after lost ones.

        Lingers when many are coming: few are not worth a wait.
        """
        room = max(1, self._size.records - self._intake.ready(self._admission.may_take))
        found = self._fetch(room, self._patience_s(timeout_s))
        found += self._fetch_own(room - found)
        if not self._options.linger_from_records <= found < room:
            return
        until_ms = self._clock.monotonic_ms() + self._options.linger_ms_max
        for _ in range(_LINGER_POLLS_MAX):
            left_ms = until_ms - self._clock.monotonic_ms()
            if found >= room or left_ms <= 0:
                break
            found += self._fetch(room - found, left_ms / 1000)

    def await_own(self, left: Iterable[Place]) -> None:
        """Wait in the next `poll` for what a committed epoch wrote for this worker and left to its consumer.

        It is in the log, but reaches the consumer some milliseconds later; an epoch opened at once would go without it,
        so that a hop takes two.
        """
        may_take = self._admission.may_take_alone
        self._own = {place for place in left if place not in self._bypass and may_take(place)}

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
        """Return how long to wait for the first record: until there is other work."""
        if hold_ms := self._losses.left_ms(self._clock.monotonic_ms()):
            return min(timeout_s, hold_ms / 1000)
        if self._intake.ready(self._admission.may_take_alone) or self._admission.fresh_lanes():
            return 0.0
        if self._assignment.settling:
            timeout_s = min(timeout_s, _SETTLING_S)
        at = next_due(self._admission.timed_lanes())
        return timeout_s if at is None else min(timeout_s, self._clock.seconds_until(at))
