"""How far times may be apart that different clocks tell, before something is wrong."""

from __future__ import annotations

from typing import Final, NamedTuple


class Slack(NamedTuple):
    """In ms of the time that leadflow lives in; the broker's clock is the one that all are held against.

    `clock_ms`: how far off a worker's clock must be for nothing to be committed any more. `epoch_ms`: how long it may
    take from the time that a decision carries until it is appended. `heard_ms`: within which a pause of a supplier or
    campaign is heard by all workers.
    """

    clock_ms: int = 60_000
    epoch_ms: int = 60_000
    heard_ms: int = 10_000

    def at_rate(self, rate: float) -> Slack:
        """Return the same for a pretended time that passes so many times as fast."""
        return self if rate <= 1 else Slack(*(round(each * rate) for each in self))

    def latest(self, decided_at: int, appended_at: int) -> int:
        """Return the latest that any worker's clock may have shown when a decision was appended."""
        return max(decided_at, appended_at) + self.clock_ms

    @property
    def bounds(self) -> tuple[int, int]:
        """Between which a decision's time may lie, from the time at which it was appended on; both excluded."""
        return -self.clock_ms - self.epoch_ms, self.clock_ms

    @staticmethod
    def apart(decided_at: int, appended_at: int) -> str:
        """Return in words how far a decision's time lies from that at which it was appended."""
        ahead = decided_at - appended_at
        return f"{abs(ahead)} ms {'later' if ahead > 0 else 'earlier'} than it was appended"


USUAL: Final = Slack()
