"""What a buyer's owner remembers of each lead, so that no buyer ever gets a lead twice (rule 5)."""

from __future__ import annotations

from typing import Final

from schemas.records import Entry

SOLD: Final = "SOLD"

#: States in which a buyer has, or may have, the lead: in any leg and round it is not offered again.
_HAS: Final = frozenset({SOLD, "HELD", "UNKNOWN", "PARKED", "RETURNED"})

#: How long entries are remembered by default.
HORIZON_MS: Final = 30 * 24 * 3_600_000

#: Entries live at least this many times as long as a lead may be sold: an owner takes a lead that is older than this
#: part of its horizon for stale, whatever the plan says, so that no right on its way outlives the memory of it.
HORIZON_FACTOR: Final = 3


def entry_key(buyer_id: str, lead_id: str) -> str:
    """Return the key of an entry in the table `entries`."""
    return f"{buyer_id}/{lead_id}"


def has_lead(entry: Entry | None) -> bool:
    """Whether the buyer has this lead, or may have it."""
    return entry is not None and entry.state in _HAS


def remembered_at(entry: Entry) -> int:
    """Return the time from which an entry's horizon counts."""
    return entry.at
