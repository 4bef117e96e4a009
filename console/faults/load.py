"""Paced leads of W1 from a thread, for as long as a trial wants them; a broker that is away is waited out.

The load is bounded: it waits while `IN_FLIGHT_S` worth of leads is under way, so that a slow machine is not drowned
and a fault that lasts leaves a backlog that can be worked off.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from console.bench import w1
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.topics import RECEIVED

#: A broker that was struck may be away for so long: as long as a fault has for going on again.
DELIVERY_LIMIT_MS = 100_000
SEND_LIMIT_S = 60.0
IN_FLIGHT_S = 10.0
LOOK_EVERY_S = 0.05
#: Leads that one trial can send at most; the generator is lazy.
LEADS_MAX = 10_000_000


class Load:
    """Sends leads at `rate` a second until `stop`. `error` is set when Kafka did not take them.

    `ended` says how many leads have come to their end, from any thread.
    """

    def __init__(self, way: Reach, rate: float, ended: Callable[[], int]) -> None:
        self._way = way
        self._ended = ended
        self.rate = rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._due_s = 0.0
        #: While true nothing more is sent.
        self.held = False
        self.sent = 0
        self.error: Exception | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and wait until everything sent is acknowledged."""
        self._stopped.set()
        self._thread.join(SEND_LIMIT_S)

    @property
    def done(self) -> bool:
        """Whether nothing is sent any more and all of it is acknowledged."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            sender = Sender(self._way.address, delivery_timeout_ms=DELIVERY_LIMIT_MS)
            for lead in w1.leads(LEADS_MAX, self._way.clock.now_ms()):
                if not self._turn():
                    break
                sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, self._way.codec.encode(lead)))
                self.sent += 1
            sender.flush()
        except Exception as error:
            self.error = error

    def _turn(self) -> bool:
        """Wait until the next lead is due and few enough are under way; False: no more are wanted."""
        pause_s = self._due_s - time.monotonic()
        while not self._stopped.wait(max(0.0, pause_s)):
            if not self.held and self.sent - self._ended() < IN_FLIGHT_S * self.rate:
                self._due_s = max(self._due_s, time.monotonic() - 1.0) + 1 / self.rate  # a hold is not made up for
                return True
            pause_s = LOOK_EVERY_S
        return False
