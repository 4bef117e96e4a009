"""Takes the worker's name at Kafka in a thread of its own, while the rest of the worker is still being loaded.

Taking the transactional id aborts what a dead predecessor left open, and while its ends are being written the name is
asked for again. The order that binds stays as it is: who is given the producer has the name, and reads committed
offsets only after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from config.kafka import KafkaSettings
from streams.kafka.producer import Cause, KafkaProducer
from streams.watchdog import Watchdog, die


class NameTaking:
    """An attempt to take the name, begun when made. It serves one client, which closes producer and watchdog."""

    def __init__(self, settings: KafkaSettings, die: Callable[[int, str], None] = die) -> None:
        self.watchdog = Watchdog(die)
        self._renewed: list[Cause] = []
        self._producer = KafkaProducer(settings, self.watchdog, self._renewed.append)
        self._problem: BaseException | None = None
        self._failed = False
        self._thread = self._begin()

    def finish(self, renewed: Callable[[Cause], None]) -> KafkaProducer:
        """Wait for the attempt, and return the producer; from now on it is the calling thread's alone.

        `renewed` is told that the name was taken, and of each later time. Raises what `KafkaProducer.connect` raises;
        called again after that, it tries again.
        """
        if self._failed:
            self._failed, self._thread = False, self._begin()
        self._thread.join()
        problem, self._problem = self._problem, None
        if problem is not None:
            self._failed = True
            raise problem
        for cause in self._renewed:
            renewed(cause)
        self._producer.renewed = renewed
        return self._producer

    def close(self) -> None:
        """Give up; waits for a running attempt, because two of one name would fence each other."""
        self._thread.join()
        self._producer.close()
        self.watchdog.close()

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="leadflow-name", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self._producer.connect()
        except BaseException as problem:
            self._problem = problem
