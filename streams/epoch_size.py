"""How many records an epoch may take, learnt from how long the last ones took."""

from __future__ import annotations


class EpochSize:
    """How many records an epoch may take now: fewer while the world is slow, so that leads do not wait for each other.

    One that cannot be prepared in its time is given back, and the same one again would fare no better.
    """

    SMALLEST = 16

    def __init__(self, records_max: int, slow_ms: int) -> None:
        self._most = records_max
        self._slow_ms = slow_ms
        self.records = records_max

    def shrink(self) -> None:
        """The transaction failed, or was hard to prepare: take half as many."""
        self.records = max(self.records // 2, min(self.SMALLEST, self._most))

    def committed(self, took_ms: int) -> None:
        """Take twice as many after a quick one, half as many after a slow one."""
        if took_ms >= self._slow_ms:
            self.shrink()
        elif took_ms * 4 <= self._slow_ms:
            self.records = min(self.records * 2, self._most)
