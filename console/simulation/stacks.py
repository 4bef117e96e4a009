"""Call stacks that can be put aside in the middle of a call and resumed later, so that a process freezes anywhere.

The loop of a simulation runs in one thread at a time. A process that freezes within a step keeps its thread, asleep,
and the loop goes on in another one; when the loop resumes the process, the loop's own thread sleeps in its turn. Never
do two threads run at once, so a run is as deterministic as if there were one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

#: Longest that a thread sleeps, s: a whole run takes far less, so beyond it the simulation itself is broken.
_LIMIT_S: Final = 900.0


class Over(BaseException):
    """The run has ended: a stack that was asleep unwinds. Not an Exception, so that no step takes it for its own."""


class Seat:
    """Where one stack sleeps; it is used once."""

    def __init__(self) -> None:
        self._turn = threading.Semaphore(0)

    def wake(self) -> None:
        """Let the stack go on."""
        self._turn.release()

    def wait(self) -> None:
        """Sleep until somebody wakes this seat."""
        if not self._turn.acquire(timeout=_LIMIT_S):
            raise AssertionError(f"a stack of the simulation has slept for {_LIMIT_S:.0f} s")


class Stacks:
    """The stacks of one run; `loop` runs the simulation, returns when `over` is set or all is done."""

    def __init__(self, loop: Callable[[], None]) -> None:
        self._loop = loop
        self._idle: list[Seat] = []
        self._asleep: dict[Seat, None] = {}
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        #: Whether the run has ended; the loop must return.
        self.over = False

    def run(self) -> None:
        """Run the loop to its end, in whichever thread that comes; raises what ended it."""
        self._take_part()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def sleep(self, seat: Seat) -> None:
        """Let the loop go on elsewhere until `resume(seat)`. Raises Over when the run ends before."""
        self._asleep[seat] = None
        if self._idle:
            self._idle.pop().wake()
        else:
            thread = threading.Thread(target=self._take_part, name="simulation", daemon=True)
            self._threads.append(thread)
            thread.start()
        seat.wait()
        self._asleep.pop(seat, None)
        if self.over:
            raise Over

    def resume(self, seat: Seat) -> None:
        """Wake a sleeping stack; returns when the loop is needed in this thread again."""
        own = Seat()
        self._idle.append(own)
        seat.wake()
        own.wait()

    def _take_part(self) -> None:
        try:
            if not self.over:
                self._loop()
        except Over:
            pass
        except BaseException as error:
            self._error = self._error or error
        if not self.over:
            self.over = True
            for seat in (*self._idle, *self._asleep):
                seat.wake()
