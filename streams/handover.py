"""What became of the records that an epoch wrote for stages of its own worker (`streams.rounds`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from streams.client import Place
from streams.stage import Batch


class Handover:
    """Records of one epoch that follow what was taken of their partition: handed over in it, or kept for the next ones.

    Those of a partition stay in their order: nothing is handed over behind one that is kept, and neither is behind one
    that was left to the consumer.
    """

    def __init__(self) -> None:
        #: Batches of later rounds, and batches that wait for the next epochs.
        self.batches: list[Batch] = []
        self.kept: list[Batch] = []
        #: Partitions of which only the consumer can tell, or nobody here asks.
        self.left_behind: set[Place] = set()
        self._ends: dict[Place, int] = {}
        self._kept_of: set[Place] = set()

    def end(self, place: Place) -> int | None:
        """Return the offset behind what was handed over or kept of a partition; None where nothing was."""
        return self._ends.get(place)

    def add(self, batch: Batch, *, at_once: bool) -> bool:
        """Take records that stand at the end of their partition. Returns whether they are handed over.

        They are if that may be done `at_once` and nothing before them was kept.
        """
        place = (batch.topic, batch.partition)
        self._ends[place] = batch.messages[-1].offset + 1
        if at_once and place not in self._kept_of:
            self.batches.append(batch)
            return True
        self._kept_of.add(place)
        self.kept.append(batch)
        return False

    def leave(self, places: Collection[Place]) -> None:
        """Leave to their consumer what these partitions hold beyond that, and all that comes behind it."""
        self.left_behind.update(places)

    def counts(self) -> Counter[Place]:
        """Return how many records were handed over or kept, by partition."""
        counts: Counter[Place] = Counter()
        for batch in (*self.batches, *self.kept):
            counts[batch.topic, batch.partition] += len(batch.messages)
        return counts
