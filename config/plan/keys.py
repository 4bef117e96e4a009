"""The keys of every section of a plan: required, optional, and those that are known but not built yet.

The checker and the editors' schema both read them here. `later` maps a key that is refused by name to what can be
done instead ("" for nothing).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Keys(NamedTuple):
    """The keys of one kind of section."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    later: Mapping[str, str] = MappingProxyType({})


PLAN: Final = Keys(
    ("leadflow", "currency", "campaigns", "suppliers", "buyers"),
    ("week_starts",),
    {"groups": "", "holidays": "", "calendars": "", "defaults": "write it with each buyer"},
)
CAMPAIGN: Final = Keys(
    ("fields", "dedupe", "sell_within", "distribution"),
    ("scoring",),
    {"caps": "cap buyers and contracts", "hours": "buyers have hours", "returns": "", "ping": "", "legs": ""},
)
FIELD: Final = Keys(
    ("type",),
    ("required", "personal", "region", "min", "max", "pattern", "values"),
    {"default": "", "hash": ""},
)
DEDUPE: Final = Keys(("match", "of", "within"), ("scope",), {"supplier": "", "buyer": ""})
SCORING: Final = Keys(("points", "grades"), (), {"model": ""})
RULE: Final = Keys(("when", "add"))
DISTRIBUTION: Final = Keys(("sell", "method"), (), {"hybrid": "", "legs": "", "reserve": ""})
SELL: Final = Keys(("shared",), (), {"hybrid": ""})
SUPPLIER: Final = Keys(
    ("campaigns",),
    ("name",),
    {"caps": "cap buyers and contracts", "key": "", "paused": "use `leadflow pause supplier`"},
)
SUPPLIER_TERMS: Final = Keys(("payout", "owed"))
BUYER: Final = Keys(
    ("name", "time_zone", "hours", "caps", "delivery", "contracts"),
    ("when_closed", "tests"),
    {"returns": "", "wallet": "", "breaker": "", "pacing": "", "http": "use delivery: topic"},
)
CONTRACT: Final = Keys(
    ("campaign", "accept", "price", "caps"),
    ("priority", "weight", "fields"),
    {"hours": "hours belong to the buyer", "delivery": "delivery belongs to the buyer", "returns": "", "ping": ""},
)
PRICE: Final = Keys(("is",), ("when",), {"bid": ""})
CAPS: Final = Keys((), ("leads", "spend"), {"per_weekday": "", "pacing": ""})
LIMITS: Final = Keys((), ("hour", "day", "week", "month", "total"), {"minute": "use hour"})
