"""What a judge must remember of leads long past, at 24 to 48 bytes each: a number for a number, in flat arrays.

A map of 64-bit digests to times. Two of n digests are the same with a chance of n^2 / 2^65: one in ten thousand at
60 million.
"""

from __future__ import annotations

from array import array

_FEWEST = 1_024
_64_BITS = (1 << 64) - 1


def digest(*parts: str) -> int:
    """Return a number above 0 for some texts, the same for the same texts in this process: Python's own, SipHash."""
    return hash("\x1f".join(parts)) & _64_BITS or 1


class Times:
    """Maps digests to times (ms UTC, above 0); open addressing in two arrays, at most two thirds full."""

    def __init__(self) -> None:
        self._size = 0
        self._room(_FEWEST)

    def __len__(self) -> int:
        return self._size

    @property
    def bytes(self) -> int:
        """Memory used, in bytes."""
        return 2 * 8 * len(self._keys)

    def get(self, key: int) -> int:
        """Return the time of a digest, 0 when there is none."""
        return self._times[self._slot(key)]

    def put(self, key: int, time_ms: int) -> None:
        """Remember a time, in the place of an earlier one."""
        slot = self._slot(key)
        if not self._keys[slot]:
            if 3 * self._size >= 2 * len(self._keys):
                self._rebuild(0, 2 * len(self._keys))
                slot = self._slot(key)
            self._size += 1
        self._keys[slot], self._times[slot] = key, max(1, time_ms)

    def forget(self, before_ms: int) -> None:
        """Drop what is older than a time; costs a walk over all, so once a while."""
        self._rebuild(before_ms, len(self._keys))

    def _slot(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        slot = key & mask
        while keys[slot] and keys[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _rebuild(self, before_ms: int, slots: int) -> None:
        kept = [(k, t) for k, t in zip(self._keys, self._times, strict=True) if k and t >= before_ms]
        while slots > _FEWEST and 3 * len(kept) < slots // 2:
            slots //= 2
        self._room(slots)
        self._size = len(kept)
        for key, time_ms in kept:
            slot = self._slot(key)
            self._keys[slot], self._times[slot] = key, time_ms

    def _room(self, slots: int) -> None:
        self._keys, self._times, self._mask = array("Q", bytes(8 * slots)), array("Q", bytes(8 * slots)), slots - 1


class Sightings(Times):
    """When who was seen, so that two times within a window are found in whatever order they come.

    Of who was seen again there is, besides the time of the last sighting, one for each stretch as long as the window.
    """

    def nearest(self, key: int, time_ms: int, within_ms: int) -> int | None:
        """Remember that a digest was seen; return how far off another time is that is nearer than the window.

        Times in one stretch are nearer to each other than its length, and no others but those of the two beside it can
        be. Of two in one stretch the later word is kept: they were told.
        """
        last = self.get(key)
        self.put(key, time_ms)
        if not last:
            return None
        self.put(_beside(key, last // within_ms), last)
        stretch = time_ms // within_ms
        near = [self.get(_beside(key, place)) for place in (stretch - 1, stretch, stretch + 1)]
        self.put(_beside(key, stretch), time_ms)
        apart = min((abs(each - time_ms) for each in near if each), default=within_ms)
        return apart if apart < within_ms else None


def _beside(key: int, number: int) -> int:
    """Return another digest for a number from -1 on, by an odd factor (of the golden ratio) that spreads them out."""
    return (key + (number + 2) * 0x9E3779B97F4A7C15) & _64_BITS or 1
