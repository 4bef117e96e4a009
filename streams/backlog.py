"""Downstream first: which stages are held back because a later one of this worker has too much waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streams.stage import Stage


class Backlog:
    """What waits, stage by stage, and who is held back for it until half of it is gone.

    A backlog is believed only while records of that stage really arrive: offsets of an aborted bulk look like
    waiting records for ever, and would hold back the only stages that could move them.
    """

    #: How long a stage's backlog is believed without any record of it having come.
    _BELIEVED_MS = 1000

    def __init__(self, stages: Sequence[Stage], records_max: int) -> None:
        """`stages`: upstream first; `records_max`: how many may wait for each."""
        self._names = [stage.name for stage in stages]
        self._records_max = records_max
        self._over: set[str] = set()
        self._since_ms: dict[str, int] = {}

    def arrived(self, stages: Iterable[str], now_ms: int) -> None:
        """Note which stages' records came."""
        for stage in stages:
            self._since_ms[stage] = now_ms

    def held(self, waiting: Mapping[str, int], now_ms: int) -> dict[str, str]:
        """Return the stages to hold back, each with the later stage it waits for.

        Args:
            waiting: records waiting by stage, of lanes that may run.
            now_ms: monotonic.
        """
        for name in self._names:
            count = waiting.get(name, 0)
            moving = now_ms - self._since_ms.get(name, now_ms - self._BELIEVED_MS) < self._BELIEVED_MS
            if count > self._records_max and moving:
                self._over.add(name)
            elif not moving or count <= self._records_max // 2:
                self._over.discard(name)
        held: dict[str, str] = {}
        cause: str | None = None
        for name in reversed(self._names):
            if cause is not None:
                held[name] = cause
            if name in self._over:
                cause = name
        return held
