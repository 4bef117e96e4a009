"""How long to wait after a failure, longer each time in a row: stages whose world is in the way, and epochs lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rest:
    """A stage whose world is in the way: it is tried again at `until_ms` (monotonic), each time later."""

    reason: str
    until_ms: int
    for_ms: int


class Rests:
    """Resting stages, with a back-off that doubles until the stage gets through."""

    def __init__(self, min_ms: int, max_ms: int) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._rests: dict[str, Rest] = {}

    def rest(self, stage: str, reason: str, now_ms: int) -> None:
        """Let a stage rest, twice as long as the last time in a row."""
        before = self._rests.get(stage)
        for_ms = self._min_ms if before is None else min(self._max_ms, before.for_ms * 2)
        self._rests[stage] = Rest(reason, now_ms + for_ms, for_ms)

    def through(self, stages: Iterable[str]) -> None:
        """Forget the rests of stages that got through."""
        if self._rests:
            for stage in stages:
                self._rests.pop(stage, None)

    def resting(self, stage: str, now_ms: int) -> str | None:
        """Return why a stage rests now, or None."""
        rest = self._rests.get(stage)
        return rest.reason if rest is not None and now_ms < rest.until_ms else None

    def reasons(self) -> dict[str, str]:
        """Return the reason of every stage that rests or has not got through since."""
        return {stage: rest.reason for stage, rest in list(self._rests.items())}


class Losses:
    """Epochs lost one after the other, and the wait before the next one: longer each time, polling goes on."""

    def __init__(self, min_ms: int, max_ms: int) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._until_ms = 0
        self.in_a_row = 0

    def lost(self, now_ms: int) -> None:
        """One more; the first of a row is redone at once."""
        self.in_a_row += 1
        if self.in_a_row > 1:
            self._until_ms = now_ms + min(self._max_ms, self._min_ms << min(self.in_a_row - 2, 10))

    def ended(self) -> None:
        """An epoch was committed: the row is at its end."""
        self.in_a_row = 0

    def left_ms(self, now_ms: int) -> int:
        """Return how long is to be waited yet."""
        return max(0, self._until_ms - now_ms)
