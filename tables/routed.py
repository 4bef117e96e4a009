"""Which leads were routed: the guard that makes a lead's rights once (rule 2)."""

from __future__ import annotations

from typing import Final

from schemas.records import Routed, Slip

#: As far as `leads.received` can be replayed, by default.
HORIZON_MS: Final = 90 * 24 * 3_600_000


def routed(slip: Slip, rights: int, now_ms: int) -> Routed:
    """Return what is remembered of a lead that is routed now."""
    return Routed(rights, slip.received_partition, slip.received_offset, now_ms)


def routed_at(value: Routed) -> int:
    """Return the time from which the horizon counts."""
    return value.at
