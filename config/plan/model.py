"""The distribution plan as frozen values: what a checked plan says, with every default filled in.

The values are what travels as JSON (`canonical.py`) and what is compiled (`compiled.py`). Durations are
milliseconds, amounts minor units of the plan's currency. Tuples keep the order of the plan's files.
"""

from __future__ import annotations

import msgspec

from config.plan.conditions import Condition

#: The version of the plan language that is read.
FORMAT = 1
#: The grade of a lead whose points reach no threshold.
LOWEST_GRADE = "D"


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of everything a plan is made of.

    As JSON, parts that come by the thousand are lists of their values (`array_like`): 5,000 contracts must fit in a
    record. New fields go to the end, with a default, so that older versions of a plan are still read.
    """


class FieldRule(Part, frozen=True):
    """One field of a campaign.

    `type`: text, email, phone, us_state, us_zip, postal_code, integer, decimal, boolean, date, enum, url. `region`
    (ISO 3166, upper case) belongs to phone, and to postal_code if given. `min` and `max` are canonical strings of
    the type, bounds included (integer, decimal, date). `pattern` must match the whole value (text, postal_code,
    url). `values` are the allowed ones (enum, text), () for any. `condition_read`: a condition of the campaign
    reads it; set when a plan is compiled.
    """

    name: str
    type: str
    required: bool = False
    personal: bool = True
    region: str | None = None
    min: str | None = None
    max: str | None = None
    pattern: str | None = None
    values: tuple[str, ...] = ()
    condition_read: bool = False


class DedupeRule(Part, frozen=True):
    """When a lead is a duplicate: `match` any or all of the fields `of` seen within the window.

    `scope`: campaign (its own leads only) or everywhere (all campaigns with this scope share what they saw).
    """

    match: str
    of: tuple[str, ...]
    within_ms: int
    scope: str = "campaign"


class ScoringRule(Part, frozen=True):
    """A named rule that adds points when its condition holds."""

    name: str
    when: Condition
    add: int


class Grade(Part, frozen=True, array_like=True):
    """The lowest points of a grade."""

    grade: str
    points: int


class Campaign(Part, frozen=True):
    """What a campaign takes in, and how it sells. `grades` from the highest down; fewer points are a D."""

    id: str
    fields: tuple[FieldRule, ...]
    dedupe: DedupeRule | None
    sell_within_ms: int
    scoring: tuple[ScoringRule, ...]
    grades: tuple[Grade, ...]
    rights: int
    method: str


class SupplierTerms(Part, frozen=True):
    """What a supplier is owed for a lead of a campaign; `owed`: on_first_sale."""

    campaign_id: str
    payout_minor: int
    owed: str


class Supplier(Part, frozen=True):
    """Who sends leads, and into which campaigns."""

    id: str
    campaigns: tuple[SupplierTerms, ...]
    name: str = ""


class CapSetting(Part, frozen=True, array_like=True):
    """At most `limit` (leads, or minor units for spend) in a window: hour, day, week, month, total."""

    measure: str
    window: str
    limit: int


class OpenHour(Part, frozen=True, array_like=True):
    """Minutes of the local day, start included, end not; `weekday` 0 is Monday; end 1440 is midnight."""

    weekday: int
    start_minute: int
    end_minute: int


class PriceRule(Part, frozen=True):
    """A price and when it holds; None: whenever no rule before it did."""

    minor: int
    when: Condition | None = None


class Contract(Part, frozen=True):
    """One buyer's terms in one campaign; `fields` () means every field the campaign lists."""

    id: str
    campaign_id: str
    accept: Condition
    price: tuple[PriceRule, ...]
    caps: tuple[CapSetting, ...]
    priority: int = 1
    weight: int = 1
    fields: tuple[str, ...] = ()


class Buyer(Part, frozen=True):
    """Who receives leads and pays. `hours` () with `always_open`; caps () means unlimited, as the plan says."""

    id: str
    name: str
    time_zone: str
    always_open: bool
    hours: tuple[OpenHour, ...]
    caps: tuple[CapSetting, ...]
    contracts: tuple[Contract, ...]
    when_closed: str = "skip"
    tests: bool = False
    delivery: str = "topic"


class RetiredContract(Part, frozen=True):
    """A contract that is gone for good; its buyer's owner must go on knowing it."""

    id: str
    buyer_id: str
    campaign_id: str


class RetiredBuyer(Part, frozen=True):
    """A buyer that is gone for good, with the zone its last windows are counted in."""

    id: str
    time_zone: str


class Retired(Part, frozen=True):
    """Ids that were once used and never will be again; grows from version to version (`succession.py`)."""

    campaigns: tuple[str, ...] = ()
    suppliers: tuple[str, ...] = ()
    buyers: tuple[RetiredBuyer, ...] = ()
    contracts: tuple[RetiredContract, ...] = ()


class Plan(Part, frozen=True):
    """A whole distribution plan. `week_starts` 0 is Monday."""

    currency: str
    campaigns: tuple[Campaign, ...]
    suppliers: tuple[Supplier, ...]
    buyers: tuple[Buyer, ...]
    week_starts: int = 0
    format: int = FORMAT
    retired: Retired = Retired()
