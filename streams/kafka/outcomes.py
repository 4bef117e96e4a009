"""What became of our transactions, for whoever finds one that was ended, but not everywhere (`streams.kafka.hanging`).

Kafka's coordinator passes over partitions without a leader when it writes the ends of a commit as well as of an abort.
What a partition still holds open is to be ended as the transaction was, and only we know how that was:

    records     of a transaction that we committed: they begin at or before our last committed record there
    offsets     all that were sent under an epoch were committed, or the last ones of it were not
    of a former process of our name: its last transaction was committed, as its coordinator says, and so were then all
    others of the same epoch, because the name is taken again after each that was not
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.kafka.brokers import OFFSETS_TOPIC, Place
from streams.kafka.wire import NOBODY, Producer
from streams.kafka.wire_hanging import Transaction, Writing


class Outcomes:
    """Remembers one offset for each partition that was written to."""

    def __init__(self) -> None:
        #: Our last record of each partition in the open transaction, and in those that were committed.
        self._written: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        #: Who we were when all offsets sent under that epoch were committed; of this process, and of a former one.
        self._offsets = NOBODY
        self._former = NOBODY

    def inherit(self, last: Transaction) -> None:
        """Note how the last transaction of a former process ended; before the name is taken from it."""
        if last.committed:
            self._former = last.producer

    def begin(self) -> None:
        """Forget what was written and not committed."""
        self._written = {}

    def wrote(self, last: Mapping[Place, int]) -> None:
        """Note where records of the open transaction stand, the last one of each partition."""
        self._written.update(last)

    def send_offsets(self) -> None:
        """Note that offsets are sent, which are not committed yet."""
        self._offsets = NOBODY

    def commit(self, producer: Producer) -> None:
        """Note that the open transaction was committed."""
        self._committed.update(self._written)
        self._written, self._offsets = {}, producer

    def was_committed(self, place: Place, found: Writing) -> bool:
        """Whether what a partition holds open of ours was committed; if not, it was aborted."""
        if found.producer == self._former:
            return True
        if place[0] == OFFSETS_TOPIC:
            return found.producer == self._offsets
        return found.since <= self._committed.get(place, -1)
