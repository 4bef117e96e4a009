"""When each step of a worker's start was done, counted from the start of its process: what a restart's time goes into.

loaded      the code is there and the parts are put together
connected   Kafka has answered, the transactional id is taken, a predecessor's open transaction is aborted
joined      the group has given us partitions
restored    all that was given runs
committed   an epoch is committed, and all of it runs
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from streams.events import EpochCommitted, Event, LaneChanged, LanesGiven
from streams.lanes import LaneStatus

LOADED, CONNECTED, JOINED, RESTORED, COMMITTED = STEPS = ("loaded", "connected", "joined", "restored", "committed")

_ON_THE_WAY = frozenset((LaneStatus.ASKING.value, LaneStatus.RESTORING.value))


def process_began_s(pid: int | None = None) -> float:
    """Return when a process (None: this one) was started, seconds since 1970, to a hundredth.

    Linux tells it as ticks since the boot, and the boot itself to a whole second only: so from its age.
    """
    if sys.platform == "linux":
        stat = Path(f"/proc/{pid or 'self'}/stat").read_text(encoding="utf-8")
        ticks = int(stat.rpartition(")")[2].split()[19])  # field 22; the name, field 2, may hold spaces
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    import psutil  # here, because a start does not wait for what only a look at the metrics needs

    return float(psutil.Process(pid).create_time())


class StartSteps:
    """Notes each step the first time that it is done; later assignments of the same process count no more."""

    def __init__(self, now_s: Callable[[], float] = time.time, began_s: Callable[[], float] = process_began_s) -> None:
        self._now_s = now_s
        self._began_s = began_s
        self._done: dict[str, float] = {}
        self._waits_for: set[tuple[str, int]] = set()

    def done(self, step: str) -> None:
        """Note a step of `STEPS`."""
        self._done.setdefault(step, self._now_s())

    def listen(self, event: Event) -> None:
        """Note what the engine tells of."""
        if COMMITTED in self._done:
            return
        if isinstance(event, EpochCommitted):
            if RESTORED in self._done:
                self.done(COMMITTED)
        elif isinstance(event, LanesGiven):
            self.done(JOINED)
            self._waits_for = set(event.lanes)
        elif isinstance(event, LaneChanged) and event.status not in _ON_THE_WAY and self._waits_for:
            self._waits_for.discard((event.stage, event.partition))
            if not self._waits_for:
                self.done(RESTORED)

    def seconds(self) -> Iterator[tuple[str, float]]:
        """Yield each step that is done, in order, with the seconds from the start of the process."""
        began_s = self._began_s() if self._done else 0.0
        for step in STEPS:
            if step in self._done:
                yield step, round(self._done[step] - began_s, 3)
