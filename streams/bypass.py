"""Partitions that need no fetching: all that comes to them is this worker's own, and known.

While a backlog passes through, the consumer would fetch, check and unpack four records a lead only to have them thrown
away. So a partition rests at the client once two epochs, one after the other of those that write to it, have handed
over or kept all of it. It is read again, from the next offset that is not known, as soon as that no longer holds:

    what this worker appends does not follow: someone else has written
    an epoch is undone
    nothing has been appended for `LONGEST_MS`

So a record of someone else waits for the next epoch that writes here, and no longer than that time (and up to a second
of librdkafka's, where all that it fetched from one broker of several rested). Nothing is skipped
by it: offsets are committed by the rule of `streams.rounds` alone, whether the consumer fetches or not.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping

from streams.client import Place

#: How long a partition rests without an epoch that writes to it: what a stranger's record waits at most.
LONGEST_MS = 1000


class Bypass:
    """Which partitions rest because nothing of them is to be fetched."""

    def __init__(self, records_min: int) -> None:
        """`records_min`: a partition to which an epoch writes fewer is not worth a rest; one that rests may stay."""
        self._records_min = records_min
        self._until_ms: dict[Place, int] = {}
        self._once: set[Place] = set()

    def __bool__(self) -> bool:
        return bool(self._until_ms)

    def __contains__(self, place: Place) -> bool:
        return place in self._until_ms

    def at(self, now_ms: int, running: Container[Place]) -> Collection[Place]:
        """Return the partitions that rest now, of those that run. Time is monotonic."""
        if ended := [place for place, until in self._until_ms.items() if now_ms >= until or place not in running]:
            self.end(ended)
        return self._until_ms.keys()

    def committed(self, known: Mapping[Place, int], left_behind: Collection[Place], now_ms: int) -> None:
        """Choose anew after a committed epoch.

        Args:
            known: how many records were handed over or kept, by partition.
            left_behind: partitions to which the epoch wrote what only the consumer can tell.
            now_ms: monotonic.
        """
        self.end(left_behind)
        for place, records in known.items():
            if place in left_behind:
                continue
            if place in self._until_ms or (records >= self._records_min and place in self._once):
                self._until_ms[place] = now_ms + LONGEST_MS
            elif records >= self._records_min:
                self._once.add(place)
            else:
                self._once.discard(place)

    def end(self, places: Iterable[Place]) -> None:
        """Let these partitions rest no longer."""
        for place in places:
            self._until_ms.pop(place, None)
            self._once.discard(place)

    def end_all(self) -> None:
        """Let no partition rest any longer."""
        self._until_ms.clear()
        self._once.clear()
