"""What this process has just written or read, so that the same bytes need not be read again.

A lead's slip passes through four stages within milliseconds, mostly of one worker. Values here are frozen; a reader
that finds the very bytes it would read may take the value that they were.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Entries of one generation; two are kept. Of what a stage has written, two epochs may wait for the next one, besides
#: the one that is written meanwhile: an epoch of 3,000 records each.
GENERATION_MAX = 9216


class Recent(Generic[K, V]):
    """A mapping that forgets: it holds the last GENERATION_MAX entries at least, twice as many at most."""

    __slots__ = ("_generation_max", "_old", "_young")

    def __init__(self, generation_max: int = GENERATION_MAX) -> None:
        self._generation_max = generation_max
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value, or None."""
        value = self._young.get(key)
        return value if value is not None else self._old.get(key)

    def take(self, key: K) -> V | None:
        """Return the value and forget it, or None: whoever reads last takes, so that what waits to be read has room."""
        value = self._young.pop(key, None)
        return value if value is not None else self._old.pop(key, None)

    def put(self, key: K, value: V) -> None:
        """Remember."""
        if len(self._young) >= self._generation_max:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
