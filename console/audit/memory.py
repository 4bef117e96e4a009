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
            slot = self._take(key, slot)
        self._times[slot] = max(1, time_ms)

    def latest(self, key: int, time_ms: int) -> int:
        """Remember the later one of a time and the one that is known; return the one that was known, 0 for none."""
        slot = self._slot(key)
        if not self._keys[slot]:
            slot = self._take(key, slot)
        before = self._times[slot]
        if time_ms > before:
            self._times[slot] = time_ms
        return before

    def forget(self, before_ms: int) -> None:
        """Drop what is older than a time; costs a walk over all, so once a while."""
        self._rebuild(before_ms, len(self._keys))

    def _slot(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        slot = key & mask
        while keys[slot] and keys[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _take(self, key: int, slot: int) -> int:
        """Put a new key where its slot is, in larger arrays if these are full; return its slot."""
        if 3 * self._size >= 2 * len(self._keys):
            self._rebuild(0, 2 * len(self._keys))
            slot = self._slot(key)
        self._size += 1
        self._keys[slot] = key
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
