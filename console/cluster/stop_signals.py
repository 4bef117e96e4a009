"""Lets Ctrl-C, SIGTERM and SIGHUP end a command in the same way: cleanly, once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupted_by_signals(say: Callable[[str], None]) -> Iterator[None]:
    """Turn the first of `STOP_SIGNALS` into KeyboardInterrupt, after `say` was told its name; for the main thread.

    Further ones change nothing, since whatever is stopped has limits of its own. Afterwards signals do what they did.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in STOP_SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        say(signal.Signals(number).name)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
