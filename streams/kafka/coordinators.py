"""Asking coordinators: until they answer more than "not now", and never twice what may have been done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat

from confluent_kafka import KafkaError

from streams.kafka.brokers import Brokers, NotKnown
from streams.kafka.bytes import Answer, Api

LAST_PAUSE_S = 0.032
_PAUSES_S = (0.001, 0.001, 0.002, 0.002, 0.004, 0.004, 0.008, 0.016)

#: The coordinator did nothing, and will in a moment.
_NOT_NOW = frozenset({KafkaError.CONCURRENT_TRANSACTIONS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS})
#: Nothing was done, and another broker is to be asked.
_MOVED = frozenset({KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR})


class Coordinator:
    """Who coordinates one group (`kind` OF_GROUP) or one transactional id (OF_TRANSACTION), whichever broker it is."""

    def __init__(self, brokers: Brokers, key: str, kind: int) -> None:
        self._brokers = brokers
        self._key = key
        self._kind = kind

    def ask(self, api: Api, body: bytes, error_of: Callable[[Answer], int], deadline: float) -> int:
        """Ask until something was done, refused, or the deadline is near; return the error code (0: it was done).

        Raises ConnectionLost: it may have been done, or may still be done later.
        """
        error = 0
        for pause_s in pauses():
            try:
                address = self._brokers.coordinator(self._key, self._kind, deadline)
                error = error_of(self._brokers.ask(address, api, body, deadline))
            except NotKnown as problem:
                error = problem.code
            if error in _MOVED:
                self._brokers.forget()
            elif error not in _NOT_NOW:
                break
            if time.monotonic() + pause_s >= deadline:
                break
            time.sleep(pause_s)
        return error


def pauses() -> Iterator[float]:
    """Yield how long to wait before asking again: little at first, never much, without an end."""
    return chain(_PAUSES_S, repeat(LAST_PAUSE_S))
