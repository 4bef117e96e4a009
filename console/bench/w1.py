"""W1, the reference workload: 50 buyers, 12 of which fill up; 3 % invalid leads, 5 % duplicates, 8 scoring rules.

Everything is drawn from one seed, so that two runs are the same work. Source: docs/performance.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from schemas.records import LeadReceived

CAMPAIGN = "w1-solar"
SUPPLIER = "w1-forms"
BUYERS = 50
CAPPED_BUYERS = 12
#: Noon in Kansas on a Wednesday: every buyer's hours are open, and no window ends during a run.
CLOCK_START = "2026-06-03T17:00:00Z"

STATES = tuple(
    state
    for row in (
        "AL,AK,AZ,AR,CA,CO,CT,DE,FL,GA,HI,ID,IL,IN,IA,KS,KY,LA,ME,MD,MA,MI,MN,MS,MO",
        "MT,NE,NV,NH,NJ,NM,NY,NC,ND,OH,OK,OR,PA,RI,SC,SD,TN,TX,UT,VT,VA,WA,WV,WI,WY",
    )
    for state in row.split(",")
)
_ROOFS = ("asphalt", "metal", "tile", "flat")
_FIELDS = """\
      first_name:    {type: text, required: true}
      last_name:     {type: text, required: true}
      email:         {type: email, required: true}
      phone:         {type: phone, region: US, required: true}
      address:       {type: text}
      city:          {type: text}
      state:         {type: us_state, required: true, personal: false}
      postal_code:   {type: us_zip, required: true}
      owns_home:     {type: boolean, required: true, personal: false}
      monthly_bill:  {type: integer, min: 0, max: 5000, required: true, personal: false}
      roof_age:      {type: integer, min: 0, max: 150, personal: false}
      roof:          {type: enum, values: [asphalt, metal, tile, flat], personal: false}
      shade:         {type: boolean, personal: false}
"""
_POINTS = """\
        owner:     {when: {owns_home: true}, add: 30}
        big_bill:  {when: {monthly_bill: {at_least: 150}}, add: 20}
        huge_bill: {when: {monthly_bill: {at_least: 300}}, add: 10}
        sunbelt:   {when: {state: [AZ, CA, FL, NV, NM, TX]}, add: 15}
        new_roof:  {when: {roof_age: {at_most: 10}}, add: 10}
        good_roof: {when: {roof: [asphalt, metal]}, add: 10}
        no_shade:  {when: {shade: false}, add: 10}
        old_roof:  {when: {roof_age: {at_least: 40}}, add: -10}
"""


class Mix(NamedTuple):
    """What a generated stream holds; `unique` + `duplicates` + `invalid` = all of it."""

    unique: int
    duplicates: int
    invalid: int


def plan_yaml(leads: int, *, contracts: int = BUYERS) -> str:
    """Return W1's plan for a run of this many leads; the capped buyers fill up well before its end."""
    draw = random.Random(7)
    cap = max(1, leads // 200)
    buyers = "".join(_buyer(n, cap if n < CAPPED_BUYERS else None, draw) for n in range(contracts))
    return (
        "leadflow: 1\ncurrency: USD\nweek_starts: monday\ncampaigns:\n"
        f"  {CAMPAIGN}:\n    fields:\n{_FIELDS}"
        "    dedupe: {match: any, of: [email], within: 30d}\n    sell_within: 12h\n"
        f"    scoring:\n      points:\n{_POINTS}      grades: {{A: 80, B: 60, C: 30}}\n"
        "    distribution: {sell: exclusive, method: weighted_round_robin}\n"
        f"suppliers:\n  {SUPPLIER}: {{campaigns: {{{CAMPAIGN}: {{payout: 10.00, owed: on_first_sale}}}}}}\n"
        f"buyers:\n{buyers}"
    )


def _buyer(number: int, cap: int | None, draw: random.Random) -> str:
    """Return one buyer with one contract; a third of the states each, grades by number; the capped ones come first."""
    states = ", ".join(sorted(draw.sample(STATES, 17)))
    grades = ("A, B, C, D", "A, B, C", "A, B")[number % 3]
    return buyer_yaml(
        f"w1-buyer-{number:04d}",
        f"{{state: [{states}], grade: [{grades}]}}",
        price=30 + number % 20,
        caps="unlimited" if cap is None else f"{{leads: {{day: {cap}}}}}",
        priority=1 if number < CAPPED_BUYERS else 1 + number % 2,
        weight=1 + number % 5,
    )


def buyer_yaml(
    name: str, accept: str, *, price: int, caps: str = "unlimited", priority: int = 1, weight: int = 1
) -> str:
    """Return a buyer of W1's campaign with one contract, as the plan has it; `price` in whole dollars."""
    return (
        f"  {name}:\n    name: Buyer {name}\n    time_zone: America/Chicago\n"
        "    hours: {mon-sun: 06:00-23:00}\n    when_closed: skip\n    tests: false\n"
        f"    caps: {caps}\n    delivery: topic\n    contracts:\n"
        f"      {name}-c:\n        campaign: {CAMPAIGN}\n"
        f"        accept: {accept}\n"
        f"        price: {price}.00\n        priority: {priority}\n"
        f"        weight: {weight}\n        caps: unlimited\n"
    )


def leads(count: int, submitted_at: int, seed: int = 1) -> Iterator[LeadReceived]:
    """Yield `count` leads; each 100 hold 3 invalid ones and 5 duplicates of an earlier valid lead's e-mail."""
    draw = random.Random(seed)
    for number in range(count):
        kind = number % 100
        yield _lead(number, kind, submitted_at, draw)


def mix(count: int) -> Mix:
    """Return what `leads(count)` holds: the recomputation that a run is compared with."""
    invalid = sum(1 for n in range(count) if _invalid(n % 100))
    duplicates = sum(1 for n in range(count) if _duplicate(n, n % 100))
    return Mix(count - invalid - duplicates, duplicates, invalid)


def _invalid(kind: int) -> bool:
    return kind in (11, 44, 77)


def _duplicate(number: int, kind: int) -> bool:
    return number >= 100 and kind in (5, 25, 50, 65, 85)


def _lead(number: int, kind: int, submitted_at: int, draw: random.Random) -> LeadReceived:
    """Return one lead; a duplicate repeats the e-mail of the lead 99 before it, which is always a valid one."""
    state = draw.choice(STATES)
    who = number - 99 if _duplicate(number, kind) else number
    email = f"person.{who}@example.com" if kind != 44 else "not an address"
    phone = None if kind in (11, 77) else f"(212) 555-{1000 + number % 9000:04d}"
    return LeadReceived(
        supplier_lead_id=f"w1-{number:08d}",
        campaign_id=CAMPAIGN,
        supplier_id=SUPPLIER,
        submitted_at=submitted_at,
        first_name="Maria",
        last_name="Gonzalez",
        email=email,
        phone=phone,
        address=f"{number % 9999} Oak Street",
        city="Springfield",
        state=state,
        postal_code=f"{10000 + number % 89999:05d}",
        landing_page_url="https://example.com/solar",
        ip_address="192.0.2.17",
        fields={
            "owns_home": "yes" if draw.random() < 0.7 else "no",
            "monthly_bill": str(draw.randrange(40, 450)),
            "roof_age": str(draw.randrange(0, 60)),
            "roof": draw.choice(_ROOFS),
            "shade": "no" if draw.random() < 0.6 else "yes",
        },
    )
