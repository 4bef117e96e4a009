"""Holds a bulk back while many of its leads wait, so that a live lead need not wait behind all of them.

A partition is a queue: who writes 300,000 leads into it at once has every later lead wait for the last of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from console.reach import Reach
from schemas.errors import LeadflowError
from schemas.topics import RECEIVED

#: Leads that may wait for intake: a fifth of a second of one worker's work.
WAITING_MAX: Final = 300
#: How many leads are handed over between two looks.
LOOK_EVERY: Final = 100
#: Without any progress for so long nobody works, and nobody is held up: the rest waits in the log.
IDLE_S: Final = 5.0
_PAUSE_S: Final = 0.02


class Pace:
    """Sets the pace of one import: call `hold` after each lead. May block, but only while workers make progress.

    Args:
        waiting: returns how many received leads intake has not taken yet.
        now_s, pause: a clock in seconds, and what waits so many of them.
    """

    def __init__(
        self,
        waiting: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._waiting = waiting
        self._now_s = now_s
        self._pause = pause
        self._since_look = 0
        self._nobody_works = False

    def hold(self) -> None:
        """Note one more lead; now and then, wait until fewer than `WAITING_MAX` wait.

        A look that fails holds nobody back: whether Kafka takes the leads, their sender finds out and says.
        """
        self._since_look += 1
        if self._nobody_works or self._since_look < LOOK_EVERY:
            return
        self._since_look = 0
        with suppress(LeadflowError):
            self._wait()

    def _wait(self) -> None:
        fewest, since_s = self._waiting(), self._now_s()
        while (count := self._waiting()) > WAITING_MAX:
            if count < fewest:
                fewest, since_s = count, self._now_s()
            elif self._now_s() - since_s >= IDLE_S:
                self._nobody_works = True
                return
            self._pause(_PAUSE_S)


def waiting_at_intake(way: Reach) -> int:
    """Return how many received leads the workers have not taken yet, as committed. Raises Unavailable."""
    partitions = way.reader.partitions(RECEIVED)
    done, ends = way.reader.committed(way.group, partitions), way.reader.ends(partitions)
    return sum(max(0, ends[at] - (done[at] or 0)) for at in partitions)
