"""A running cluster under paced load, and the counters that tell whether a fault hit work in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from console.bench import w1
from console.cluster.cluster import Cluster
from console.producing import Outgoing, Sender
from console.reach import Reach
from schemas.topics import CLOSED, RECEIVED, REJECTED

ROUND_S = 0.05
GO_ON_LIMIT_S = 90.0
SEND_LIMIT_S = 120.0


class Load:
    """Sends `count` leads of W1 at `rate` a second, from a thread; a broker that is away is waited out."""

    def __init__(self, way: Reach, count: int, rate: float) -> None:
        self._way = way
        self._count = count
        self._rate = rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.sent = 0
        self.error: Exception | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(SEND_LIMIT_S)

    @property
    def done(self) -> bool:
        """Whether all leads are sent, or sending has failed."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            sender = Sender(self._way.address)
            began = time.monotonic()
            for lead in w1.leads(self._count, self._way.clock.now_ms()):
                ahead = self.sent / self._rate - (time.monotonic() - began)
                if ahead > 0 and self._stopped.wait(ahead):
                    break
                sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, self._way.codec.encode(lead)))
                self.sent += 1
            sender.flush()
        except Exception as error:
            self.error = error


class Ends:
    """Counts how many received records have ended, committed only, from a reader thread of its own."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ends", daemon=True)
        self.count = 0

    def __enter__(self) -> Ends:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        for messages in self._chunks():
            self.count += len(messages)
            if self._stopped.is_set():
                return

    def _chunks(self) -> Iterator[list[object]]:
        reader = self._way.reader
        for messages in reader.follow(dict.fromkeys(reader.partitions(CLOSED, REJECTED), 0)):
            yield list(messages)


class Trial:
    """Keeps a cluster running under load and injects faults that count: work was in flight, and went on after it."""

    def __init__(self, cluster: Cluster, load: Load, ends: Ends) -> None:
        self._cluster = cluster
        self._load = load
        self._ends = ends
        self.recoveries_s: list[tuple[str, float]] = []

    def wait(self, holds: Callable[[], bool], limit_s: float, what: str) -> None:
        """Keep the cluster going until `holds`; fails with `what` after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while not holds():
            assert self._load.error is None, f"sending failed: {self._load.error}"
            assert time.monotonic() < deadline, f"{what} not within {limit_s} s; {self._ends.count} leads have ended"
            self._cluster.round()
            time.sleep(ROUND_S)

    def fault(self, name: str, inject: Callable[[], None]) -> None:
        """Inject a fault while leads are in flight, and wait until more of them end than had before it."""
        self.wait(lambda: self._load.sent > self._ends.count + 5, GO_ON_LIMIT_S, f"no lead in flight before {name}")
        inject()
        # Any worker counts, not only the one that was hit: the promise is that work goes on.
        before, began = self._ends.count, time.monotonic()
        self.wait(lambda: self._ends.count > before + 50, GO_ON_LIMIT_S, f"work did not go on after {name}")
        self.recoveries_s.append((name, round(time.monotonic() - began, 1)))
