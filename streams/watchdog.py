"""Ends the process when a call into Kafka hangs, or an epoch is open for so long that nobody knows what became of it.

`die(code, reason)` is what the composition root says it is: log and `os._exit`, never a clean-up that could hang.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from schemas.errors import EXIT_RESTART

log = logging.getLogger("leadflow.watchdog")

LOOK_EVERY_S = 0.25
"""An arm is two attribute writes; a thread looks at them. Costs a late end by at most this."""

_NEVER = float("inf")


def die(code: int, reason: str) -> None:
    """End the process now, without clean-up: its state may be wrong, and what holds it may hang."""
    log.critical("exit %s: %s", code, reason)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


class Watchdog:
    """One deadline, watched by a daemon thread of its own. Arm and disarm from the thread that makes the calls."""

    def __init__(self, die: Callable[[int, str], None] = die) -> None:
        self._die = die
        self._deadline = _NEVER
        self._doing = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="leadflow-watchdog", daemon=True)
        self._thread.start()

    def arm(self, doing: str, seconds: float) -> None:
        """End the process with exit code 70 unless disarmed within `seconds`."""
        self._doing = doing
        self._deadline = time.monotonic() + seconds

    def arm_if_idle(self, doing: str, seconds: float) -> None:
        """Arm, but let a running deadline stand: flush, offsets and commit share one."""
        self._doing = doing
        if self._deadline == _NEVER:
            self._deadline = time.monotonic() + seconds

    def disarm(self) -> None:
        """The call came back."""
        self._deadline = _NEVER

    def close(self) -> None:
        """Stop watching and let the thread end."""
        self._stopped.set()
        self._thread.join(2 * LOOK_EVERY_S)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            if time.monotonic() > self._deadline:
                self._deadline = _NEVER
                self._die(EXIT_RESTART, f"{self._doing} hangs; what it did is unknown, a restart restores the state")
