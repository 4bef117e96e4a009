"""Where this worker's own records stand, and where its next ones will, by partition.

What was just written may be processed before its consumer has fetched it while nothing can lie between it and what was
taken before: committing its offset would skip that. It must stand at the next offset to be taken, or behind one offset
that is known to be the end of our own last transaction there, because the record before it is ours and was taken as
well, and Kafka lets no transaction of ours write before all ends of the last one are written.

By the same rule the next offset can be foretold, before anything is written: `a C` was ours and was taken, so that
what comes next stands behind `C`, unless someone else writes first. That is looked at once the records are there, and
an epoch that was wrong about it is undone. So it is foretold only where for a while nobody else was seen to write.
Decision 0011.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.client import Place

#: For how many epochs nothing is foretold of a partition to which someone else was seen to write.
SHARED_EPOCHS = 200


class Following:
    """Remembers where our last committed record of each partition stands, and who writes there besides us."""

    def __init__(self) -> None:
        self._last: dict[Place, int] = {}
        self._shared_until: dict[Place, int] = {}

    def follows(self, place: Place, at: int, ends: tuple[int, int], count: int) -> bool:
        """Whether records stand behind `at` with nothing between that and them, nor among them.

        They are ours and in order, so `count` of them from the first offset to the last leave no room for another.
        """
        first, last = ends
        own_end_between = first == at + 1 and self._last.get(place) == at - 1
        return (first == at or own_end_between) and last - first == count - 1

    def foretold(self, place: Place, at: int) -> int | None:
        """Return where our next transaction's first record will stand if nobody else writes; None: who knows.

        Args:
            place: a partition, not shared.
            at: its next offset to be taken.
        """
        return at + 1 if self._last.get(place) == at - 1 else None

    def shared(self, place: Place, epoch: int) -> bool:
        """Whether someone else was seen to write there lately: not even a second round's records can be foretold."""
        return self._shared_until.get(place, epoch) > epoch

    def apart(self, place: Place, at: int, epoch: int) -> None:
        """Remember that what we wrote to a partition does not follow: someone else writes there.

        Unless ours before it was not taken yet, or is not known, after a start or an abort: then that says nothing.
        """
        if self._last.get(place, at) < at:
            self.overtaken(place, epoch)

    def overtaken(self, place: Place, epoch: int) -> None:
        """Remember that someone else wrote to a partition before records of ours that were foretold."""
        self._shared_until[place] = epoch + SHARED_EPOCHS

    def committed(self, last: Mapping[Place, int | None]) -> None:
        """Remember where the last records of a committed epoch stand; forget it where that was not told."""
        for place, at in last.items():
            if at is None:
                self._last.pop(place, None)
            else:
                self._last[place] = at

    def undone(self, written: Iterable[Place]) -> None:
        """Forget what an aborted transaction may have written to: nobody knows where its records and its end stand."""
        for place in written:
            self._last.pop(place, None)
