"""The claim store in memory, with the faults that a simulation wants: away, restarted, wiped.

It follows `claims.lua` line by line; a claim never expires here, which a judge by window cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from agents.dedup.keys import Row
from agents.dedup.store import Found, Seal, Seen
from schemas.errors import Unavailable

#: Where a row's keys begin, see `keys.Row`.
_FIRST_KEY = 6
#: Claims kept of one key.
_CLAIMS_MOST = 32


class MemoryStore:
    """Claims in dictionaries; `away` makes every step raise Unavailable. Locks do not expire, `break_lock` does it."""

    def __init__(self) -> None:
        self.away = False
        self._claims: dict[str, str] = {}
        self._sentinel: bytes | None = None
        self._lock = ""
        self._runs = 1

    # --- faults ---------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Stand for another server process with the same data."""
        self._runs += 1

    def wipe(self) -> None:
        """Lose everything."""
        self._claims.clear()
        self._sentinel = None
        self._lock = ""

    def break_lock(self) -> None:
        """Let the time of the lock run out."""
        self._lock = ""

    # --- the store ------------------------------------------------------------------------------------------

    def look(self) -> Seen:
        """See `Store.look`."""
        self._reach()
        return Seen(self._sentinel, str(self._runs), self._lock)

    def claim(self, seal: Seal, rows: Sequence[Row]) -> list[Found] | None:
        """See `Store.claim`."""
        if not self.holds(seal):
            return None
        found = []
        for at, row in enumerate(rows):
            seen = self._seen(row)
            if seen is None:
                self._take(row)
            else:
                found.append(Found(at, *seen))
        return found

    def restore(self, seal: Seal, rows: Sequence[Row]) -> bool:
        """See `Store.restore`."""
        if not self.holds(seal):
            return False
        for row in rows:
            self._take(row)
        return True

    def holds(self, seal: Seal) -> bool:
        """See `Store.holds`."""
        self._reach()
        return seal == (self._sentinel, str(self._runs))

    def swap(self, expected: bytes | None, run_id: str, new: bytes) -> bool:
        """See `Store.swap`."""
        self._reach()
        if self._sentinel != expected or run_id != str(self._runs):
            return False
        self._sentinel = new
        return True

    def lock(self, owner: str, ttl_ms: int, progress: str) -> bool:
        """See `Store.lock`."""
        self._reach()
        if self._lock and not self._lock.startswith(f"{owner} "):
            return False
        self._lock = f"{owner} {progress}"
        return True

    def unlock(self, owner: str) -> None:
        """See `Store.unlock`."""
        self._reach()
        if self._lock.startswith(f"{owner} "):
            self._lock = ""

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("the claim store is away")

    def _seen(self, row: Row) -> tuple[int, str] | None:
        value, received_at, lead_id, _, window = cast("tuple[str, int, str, int, int]", row[:5])
        own = _coordinates(value)
        held = self._claims.get(f"lead:{lead_id}")
        if held is not None and _coordinates(held) != own:
            return 0, held
        for at, key in enumerate(row[_FIRST_KEY:], 1):
            for claim in self._claims.get(cast("str", key), "").split():
                if _coordinates(claim) != own and abs(_received_at(claim) - received_at) < window:
                    return at, claim
        return None

    def _take(self, row: Row) -> None:
        value, received_at, lead_id = cast("tuple[str, int, str]", row[:3])
        own = _coordinates(value)
        self._claims.setdefault(f"lead:{lead_id}", value)
        for key in cast("tuple[str, ...]", row[_FIRST_KEY:]):
            others = [claim for claim in self._claims.get(key, "").split() if _coordinates(claim) != own]
            place = sum(_received_at(claim) > received_at for claim in others)
            self._claims[key] = " ".join([*others[:place], value, *others[place:]][:_CLAIMS_MOST])


def _coordinates(value: str) -> list[str]:
    return value.split(":", 2)[:2]


def _received_at(value: str) -> int:
    return int(value.split(":", 3)[2])
