"""Forgetting in bounded steps what is older than its horizon; shared by the tables that remember leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streams.stage import Table

#: Most entries forgotten in one step: a step stays under some ten milliseconds.
STEP_MAX: Final = 1_000

#: Pause between steps while there is more to forget: 1,000 a second and partition outruns any arrival we plan for.
_BUSY_MS: Final = 1_000

#: Shortest pause otherwise, so that entries that expire one by one do not each open an epoch.
_QUIET_MS: Final = 60_000


def expire(table: Table[Any], at_of: Callable[[Any], int], horizon_ms: int, now_ms: int) -> int:
    """Delete what is older than the horizon, oldest first, at most STEP_MAX; return when to come again, in ms.

    Relies on the table's order of insertion: the walk ends at the first entry that is young enough.
    """
    for deleted, key in enumerate(table.keys()):
        value = table.get(key)
        ends_at = at_of(value) + horizon_ms if value is not None else now_ms
        if ends_at > now_ms:
            return max(ends_at, now_ms + _QUIET_MS)
        if deleted == STEP_MAX:
            return now_ms + _BUSY_MS
        table.delete(key)
    return now_ms + max(horizon_ms, _QUIET_MS)
