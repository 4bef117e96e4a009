"""Paced leads of W1 from a thread, for as long as a trial wants them; a broker that is away is waited out."""

from __future__ import annotations

import threading
import time

from console.bench import w1
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.topics import RECEIVED

SEND_LIMIT_S = 60.0
#: Leads that one trial can send at most; the generator is lazy.
LEADS_MAX = 10_000_000


class Load:
    """Sends leads at `rate` a second until `stop`. `error` is set when Kafka did not take them."""

    def __init__(self, way: Reach, rate: float) -> None:
        self._way = way
        self.rate = rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
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
            sender = Sender(self._way.address)
            began = time.monotonic()
            for lead in w1.leads(LEADS_MAX, self._way.clock.now_ms()):
                if self._stopped.wait(max(0.0, began + self.sent / self.rate - time.monotonic())):
                    break
                sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, self._way.codec.encode(lead)))
                self.sent += 1
            sender.flush()
        except Exception as error:
            self.error = error
