"""What time it is: real, or pretended for demonstrations and simulations, always handed in, never looked up.

Every time that a stage sees has passed through one linear map, broker timestamps included, so that a pretended day
is consistent: windows, opening hours and freshness all live in it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Map real time to pretended time: at real `anchor_ms` it is `start_ms`, and `rate` pretended ms pass per real ms.

    The default is the identity. Rate must be above 0, so that the order of two times never turns.
    """

    start_ms: int = 0
    anchor_ms: int = 0
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"clock rate must be above 0, not {self.rate}")

    def map(self, real_ms: int) -> int:
        """Return the pretended time (ms UTC) of a real one (ms UTC)."""
        if self.rate == 1.0:
            return self.start_ms + real_ms - self.anchor_ms
        return self.start_ms + round((real_ms - self.anchor_ms) * self.rate)

    def now_ms(self) -> int:
        """Return the pretended time now, ms UTC."""
        return self.map(self.real_ms())

    def seconds_until(self, pretended_ms: int) -> float:
        """Return the real seconds from now until the pretended time; 0 when it has come."""
        return max(0.0, (pretended_ms - self.now_ms()) / self.rate / 1000)

    def real_ms(self) -> int:
        """Return the machine's time, ms UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since an arbitrary moment; never goes back. For waits and measuring."""
        return time.monotonic_ns() // 1_000_000


class ManualClock(Clock):
    """A clock that is moved by hand: for tests and simulations."""

    def __init__(self, now_ms: int = 0) -> None:
        super().__init__()
        self.__dict__.update(_now_ms=now_ms, _monotonic_ms=0)

    def real_ms(self) -> int:
        """Return the time as it was set."""
        return int(self.__dict__["_now_ms"])

    def monotonic_ms(self) -> int:
        """Return the sum of all advances; a jump does not move it."""
        return int(self.__dict__["_monotonic_ms"])

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        self.__dict__["_now_ms"] += by_ms
        self.__dict__["_monotonic_ms"] += by_ms

    def jump(self, to_ms: int) -> None:
        """Set the wall clock without any time having passed, as a bad NTP server does; may go back."""
        self.__dict__["_now_ms"] = to_ms
