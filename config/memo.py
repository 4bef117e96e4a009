"""A dictionary that makes what it does not hold, and forgets all of it when it is full.

Plan and schemas look up what repeats from lead to lead: `memo[key]` is one look-up without a call once it is known.
To forget everything costs less than to know what is old, and what is used is soon there again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """The values of a pure function by its argument: `memo[key]` calls `make(key)` once, as long as it is remembered.

    Holds at most `limit` entries, those that were put there from outside included. What `make` raises comes out of
    the look-up, and nothing changes. One thread's.
    """

    def __init__(self, make: Callable[[K], V], limit: int) -> None:
        super().__init__()
        self._make = make
        self._limit = limit

    def __missing__(self, key: K) -> V:
        made = self._make(key)
        if len(self) >= self._limit:
            self.clear()
        self[key] = made
        return made
