"""The records that travel and are remembered, as frozen values; one Avro file each in `avro/`.

Times end in `_at` or `_by` and are UTC milliseconds since 1970. Amounts end in `_minor` and are minor units of
`currency`. A record that contains a person is never shown by its repr: `lead` and `private` are left out.
"""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """Base of everything that is written to a topic; its class name is its Avro name.

    Frozen values of frozen values have no cycles, so the collector need not look at them (`gc=False`).
    """


# --- what upstream systems produce -------------------------------------------------------------------------


class LeadReceived(Record, frozen=True):
    """A lead as a supplier sent it; nothing in it is checked yet. Key of its topic: any."""

    supplier_lead_id: str
    campaign_id: str
    supplier_id: str
    submitted_at: int
    test: bool = False
    sub_ids: tuple[str, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    trustedform_cert_url: str | None = None
    jornaya_leadid: str | None = None
    tcpa_text: str | None = None
    landing_page_url: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    fields: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"LeadReceived({self.supplier_id}, {self.campaign_id}, test={self.test})"


# --- the lead and the slip in front of it ------------------------------------------------------------------


class Lead(Record, frozen=True):
    """The person: normalised values of the fields that the campaign lists; absent ones are None or missing.

    `fields` maps what a vertical adds to canonical strings: ISO dates, decimal point, true / false.
    """

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    fields: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Lead(...)"


class Slip(Record, frozen=True):
    """What every stage reads; rides in front of the lead's body, so that the body need not be decoded.

    `attributes` maps fields marked `personal: false`, `private` the personal fields that a condition of the
    campaign reads, both to canonical strings. `sell_by` is the end of `sell_within`. The hashes are keyed.
    """

    lead_id: str
    campaign_id: str
    supplier_id: str
    supplier_lead_id: str
    test: bool
    submitted_at: int
    received_at: int
    received_partition: int
    received_offset: int
    unique_at: int
    sell_by: int
    plan_version: int
    email_hash: str
    phone_hash: str
    attributes: dict[str, str]
    private: dict[str, str]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Slip({self.lead_id}, {self.campaign_id})"


class Points(Record, frozen=True):
    """What one scoring rule gave."""

    rule: str
    points: int


class Score(Record, frozen=True):
    """Points of a lead by rule, their sum and the grade; `rules` in the order of the plan, only those that held."""

    points: int
    grade: str
    rules: tuple[Points, ...]
    scored_at: int


class LeadUnique(Record, frozen=True):
    """A valid lead that was not seen before. Key: lead_id."""

    slip: Slip
    lead: Lead


class LeadScored(Record, frozen=True):
    """A unique lead with its score. Key: lead_id."""

    slip: Slip
    score: Score
    lead: Lead


# --- the sale right --------------------------------------------------------------------------------------


class Candidate(Record, frozen=True):
    """A contract that may take a right, with the price and the hash of the terms it was ranked by (rule 14)."""

    buyer_id: str
    contract_id: str
    price_minor: int
    price_rule: str
    terms: str


class Step(Record, frozen=True):
    """One line of a trace: who was asked or skipped, when, and the reason with its numbers (never a person)."""

    buyer_id: str
    contract_id: str
    at: int
    reason: str
    detail: str


class Right(Record, frozen=True):
    """A sale right as it travels: rule 1's identity, the lead's number of rights, what the supplier is owed.

    `value_minor` is the highest price at which an accepting contract, open or not, would have taken the lead.
    """

    leg: int
    round: int
    index: int
    rights: int
    payout_minor: int
    payout_owed: str
    currency: str
    plan_version: int
    routed_at: int
    rerouted: bool
    value_minor: int = 0


class Offer(Record, frozen=True):
    """One right on its way along a ranked route; `route[position]` is asked now. Key: buyer_id.

    `trace` holds every step so far, oldest first; steps of a router's skips come before those of owners.
    """

    slip: Slip
    score: Score
    right: Right
    route: tuple[Candidate, ...]
    position: int
    trace: tuple[Step, ...]
    lead: Lead


class Reroute(Record, frozen=True):
    """A right whose route ended after TERMS_CHANGED: back to the router, once (rule 14). Key: lead_id."""

    slip: Slip
    score: Score
    right: Right
    trace: tuple[Step, ...]
    lead: Lead


# --- what a buyer gets -------------------------------------------------------------------------------------


class BuyerLead(Record, frozen=True):
    """All that a buyer's topic carries. Key: lead_id."""

    lead_id: str
    sale_id: str
    sold_at: int
    price_minor: int
    currency: str
    test: bool
    lead: Lead

    def __repr__(self) -> str:
        return f"BuyerLead({self.lead_id}, {self.sale_id})"


# --- facts: no person in them, kept for ever ---------------------------------------------------------------


class Fault(Record, frozen=True):
    """What is wrong with one field: `code` from the closed list, `detail` in words without the value."""

    field: str
    code: str
    detail: str


class LeadRejected(Record, frozen=True):
    """A received lead that goes no further: invalid, duplicate or repeat. Key: lead_id, or "" if none.

    `earlier_*` name the lead it is like (duplicates and repeats), "" and -1 otherwise. `stage` is dedup, or
    routing for a repeat that only the routed table knew (its LeadUnique exists as well).
    """

    lead_id: str
    campaign_id: str
    supplier_id: str
    supplier_lead_id: str
    test: bool
    stage: str
    reason: str
    faults: tuple[Fault, ...]
    keys_checked: tuple[str, ...]
    key_hit: str
    earlier_lead_id: str
    earlier_partition: int
    earlier_offset: int
    earlier_at: int
    received_at: int
    received_partition: int
    received_offset: int
    rejected_at: int
    plan_version: int


class CapUse(Record, frozen=True):
    """A cap as this sale met it: `before` and `after` used, in leads or minor units; limit as set."""

    scope: str
    measure: str
    window: str
    window_start_at: int
    before: int
    after: int
    limit: int


class Windows(Record, frozen=True):
    """The calendar windows, by their start, in which a sale is counted and billed."""

    hour_at: int
    day_at: int
    week_at: int
    month_at: int


class LeadSold(Record, frozen=True):
    """A right was sold. Key: lead_id. `caps` lists the caps in force only; a test lead has none."""

    sale_id: str
    lead_id: str
    campaign_id: str
    supplier_id: str
    supplier_lead_id: str
    buyer_id: str
    contract_id: str
    leg: int
    round: int
    index: int
    rights: int
    price_minor: int
    price_rule: str
    terms: str
    payout_minor: int
    payout_owed: str
    currency: str
    test: bool
    points: int
    grade: str
    sold_at: int
    time_zone: str
    windows: Windows
    caps: tuple[CapUse, ...]
    trace: tuple[Step, ...]
    attributes: dict[str, str]
    plan_version: int
    buyer_plan_version: int
    received_at: int
    received_partition: int
    received_offset: int


class RightUnfilled(Record, frozen=True):
    """A right ended without a buyer. Key: lead_id."""

    lead_id: str
    campaign_id: str
    supplier_id: str
    leg: int
    round: int
    index: int
    rights: int
    payout_minor: int
    payout_owed: str
    currency: str
    test: bool
    reason: str
    trace: tuple[Step, ...]
    unfilled_at: int
    plan_version: int
    received_at: int
    received_partition: int
    received_offset: int
    value_minor: int


class LeadClosed(Record, frozen=True):
    """All rights of a lead have ended. Key: lead_id. `reason` is SOLD, or why nothing was sold.

    `reasons` maps each reason of an unfilled right to how often it stood. `value_minor` is the highest price at
    which a contract would have taken an unsold lead (0 if none): money left unsold.
    """

    lead_id: str
    campaign_id: str
    supplier_id: str
    test: bool
    sold: int
    rights: int
    revenue_minor: int
    payout_minor: int
    currency: str
    reason: str
    reasons: dict[str, int]
    value_minor: int
    closed_at: int
    received_at: int
    received_partition: int
    received_offset: int


class BuyerStatus(Record, frozen=True):
    """Whether a contract can buy now, as its owner says. Key: contract_id. `closed_until` -1: not known."""

    contract_id: str
    buyer_id: str
    open: bool
    reason: str
    closed_until: int
    at: int


# --- the buyer's inbox besides offers ------------------------------------------------------------------------


class Cap(Record, frozen=True):
    """At most `limit` (leads, or minor units for spend) in a window: hour, day, week, month, total."""

    measure: str
    window: str
    limit: int


class ContractTerms(Record, frozen=True):
    """One contract as its owner must know it; `fields` () means every field the campaign lists.

    `lowest_price_minor` is the least that its price list can ask: below it a budget buys nothing more.
    """

    contract_id: str
    campaign_id: str
    terms: str
    caps: tuple[Cap, ...]
    fields: tuple[str, ...]
    retired: bool
    lowest_price_minor: int = 0


class OpenHours(Record, frozen=True):
    """Minutes of the local day, start included, end not; `weekday` 0 is Monday; end 1440 is midnight."""

    weekday: int
    start_minute: int
    end_minute: int


class BuyerTerms(Record, frozen=True):
    """A buyer's configuration, from a plan version, through its inbox (rule 13). Key: buyer_id."""

    buyer_id: str
    plan_version: int
    time_zone: str
    week_starts: int
    always_open: bool
    hours: tuple[OpenHours, ...]
    tests: bool
    caps: tuple[Cap, ...]
    contracts: tuple[ContractTerms, ...]
    currency: str
    retired: bool
    applied_at: int


class BuyerCommand(Record, frozen=True):
    """Pause or resume a buyer ("" as contract_id) or one contract; `until` -1: until resumed. Key: buyer_id."""

    buyer_id: str
    contract_id: str
    action: str
    until: int
    at: int


# --- the plan and pauses, read by every worker ---------------------------------------------------------------


class PlanVersion(Record, frozen=True):
    """A version of the distribution plan; never compacted. `plan_json` is the checked plan, `sources` its files."""

    version: int
    hash: str
    plan_json: str
    sources: dict[str, str]
    applied_at: int


class Pause(Record, frozen=True):
    """A supplier or campaign that is paused or resumed by hand. Key: kind/id."""

    kind: str
    id: str
    paused: bool
    until: int
    at: int


# --- what is remembered --------------------------------------------------------------------------------------


class Count(Record, frozen=True):
    """Leads and spend of the window [start_at, end_at); total is [0, the year 10000).

    The end is written when the window opens, so that a changed zone takes effect with the next window and a clock
    that goes back stays in this one (rule 8).
    """

    start_at: int
    end_at: int
    leads: int
    spend_minor: int


class Counters(Record, frozen=True):
    """What a buyer or contract has bought in its current windows; windows never go back (rule 8)."""

    hour: Count
    day: Count
    week: Count
    month: Count
    total: Count


class Entry(Record, frozen=True):
    """What an owner remembers of one lead (rule 5)."""

    state: str
    sale_id: str
    contract_id: str
    at: int


class BuyerState(Record, frozen=True):
    """An owner's memory of one buyer: terms as received, pauses by contract ("" = the buyer), closed topic."""

    terms: BuyerTerms
    pauses: dict[str, int]
    topic_missing: bool


class Credit(Record, frozen=True):
    """A contract's place in the rotation, in leads."""

    credit: float


class Routed(Record, frozen=True):
    """A lead that was routed: how many rights, from which received record."""

    rights: int
    received_partition: int
    received_offset: int
    at: int


class OpenLead(Record, frozen=True):
    """A lead of which some rights have not ended; `ended` holds the indexes of those that have."""

    rights: int
    ended: tuple[int, ...]
    sold: int
    revenue_minor: int
    payout_minor: int
    payout_owed: str
    currency: str
    reasons: dict[str, int]
    value_minor: int
    since_at: int


class Position(Record, frozen=True):
    """How far a stage's state has come in a source partition: the epoch took offsets [from, to)."""

    source: str
    from_offset: int
    to_offset: int
    at: int


# --- what could not be processed -----------------------------------------------------------------------------


class DeadLetter(Record, frozen=True):
    """A record that fails alone, with its bytes. The reason never quotes a value."""

    stage: str
    topic: str
    partition: int
    offset: int
    timestamp_at: int
    reason: str
    detail: str
    at: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    def __repr__(self) -> str:
        return f"DeadLetter({self.topic}-{self.partition}@{self.offset}, {self.reason})"
