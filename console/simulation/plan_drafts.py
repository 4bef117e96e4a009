"""Plans that a seed draws, as drafts that change: written as a person writes them, read by the real reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from config.plan.check import check_sources
from config.plan.model import Plan

STATES: Final = ("AZ", "CA", "FL", "IL", "NY", "OH", "TX", "WA")
#: Zones whose midnights lie apart; half-hour offsets and both hemispheres among them.
ZONES: Final = (
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/St_Johns",
    "Europe/London",
    "Asia/Kolkata",
    "Pacific/Auckland",
)
SUPPLIERS: Final = ("acme-forms", "clickriver")

_ACCEPTS: Final = (
    "everything",
    "everything",
    "{owns_home: true}",
    "{state: [CA, NY, TX, FL]}",
    "{grade: [A, B]}",
    "{monthly_bill: {at_least: 150}}",
    "{any: [{state: [CA, AZ]}, {monthly_bill: {at_least: 300}}], not: {grade: D}}",
)
_HOURS: Final = (
    "always",
    "always",
    "{mon-sun: 06:00-23:00}",
    "{mon-fri: 08:00-20:00, sat: 09:00-17:00}",
    "{mon-sun: 00:00-12:00}",
)


@dataclass
class ContractDraft:
    """A contract as text of the plan language."""

    id: str
    campaign_id: str
    accept: str
    price: str
    weight: int
    priority: int
    caps: dict[tuple[str, str], int]


@dataclass
class BuyerDraft:
    """A buyer with its contracts; `caps` maps (measure, window) to leads, or to whole units of money."""

    id: str
    zone: str
    hours: str
    tests: bool
    caps: dict[tuple[str, str], int]
    contracts: list[ContractDraft]


@dataclass
class CampaignDraft:
    """A campaign; `match` and `of` say what makes a duplicate, `within_h` for how long."""

    id: str
    rights: int
    match: str
    of: tuple[str, ...]
    scope: str
    within_h: int
    sell_within_m: int


@dataclass
class PlanDraft:
    """A whole plan that may still change; `numbers` makes ids that were never used before."""

    campaigns: list[CampaignDraft]
    buyers: list[BuyerDraft]
    week_starts: str
    payout: int
    numbers: int = 0
    retired: list[str] = field(default_factory=list)

    def read(self) -> Plan:
        """Return the plan as the real reader understands what a person would have written."""
        return check_sources({"plan.yaml": self.text()})

    def text(self) -> str:
        """Return the plan in the plan language."""
        return "\n".join([*self._head(), "buyers:", *(line for buyer in self.buyers for line in _buyer(buyer))]) + "\n"

    def _head(self) -> list[str]:
        lines = ["leadflow: 1", "currency: USD", f"week_starts: {self.week_starts}", "campaigns:"]
        for campaign in self.campaigns:
            lines += _campaign(campaign)
        terms = ", ".join(f"{c.id}: {{payout: {self.payout}.00, owed: on_first_sale}}" for c in self.campaigns)
        return [*lines, "suppliers:", *(f"  {supplier}: {{campaigns: {{{terms}}}}}" for supplier in SUPPLIERS)]


def draw_plan(chance: Random) -> PlanDraft:
    """Draw a first plan: one or two campaigns, two to five buyers."""
    campaigns = [_draw_campaign(chance, name) for name in ("solar-us", "roofing-us")[: chance.choice((1, 1, 2))]]
    draft = PlanDraft(campaigns, [], chance.choice(("monday", "sunday")), chance.randint(5, 20))
    for _ in range(chance.randint(2, 5)):
        add_buyer(chance, draft)
    return draft


def add_buyer(chance: Random, draft: PlanDraft) -> None:
    """Add a buyer with a contract in each campaign, or in one."""
    draft.numbers += 1
    name = f"b{draft.numbers}"
    campaigns = draft.campaigns if chance.random() < 0.6 else [chance.choice(draft.campaigns)]
    contracts = [draw_contract(chance, f"{name}-{campaign.id}", campaign.id) for campaign in campaigns]
    if chance.random() < 0.25:
        contracts.append(draw_contract(chance, f"{name}-more", contracts[0].campaign_id))
    buyer = BuyerDraft(
        name, chance.choice(ZONES), chance.choice(_HOURS), chance.random() < 0.5, draw_caps(chance), contracts
    )
    draft.buyers.append(buyer)


def draw_contract(chance: Random, contract_id: str, campaign_id: str) -> ContractDraft:
    """Draw a contract."""
    return ContractDraft(
        contract_id,
        campaign_id,
        draw_accept(chance),
        draw_price(chance),
        chance.randint(1, 4),
        chance.choice((1, 1, 1, 2)),
        draw_caps(chance),
    )


def draw_accept(chance: Random) -> str:
    """Draw what a contract accepts."""
    return chance.choice(_ACCEPTS)


def draw_hours(chance: Random) -> str:
    """Draw opening hours."""
    return chance.choice(_HOURS)


def draw_price(chance: Random) -> str:
    """Draw a price: one, or one that depends on the lead."""
    high, low = chance.randint(20, 60), chance.randint(5, 20)
    rules: Sequence[str] = (
        f"{high}.00",
        f"{high}.50",
        f"[{{when: {{grade: A}}, is: {high}.00}}, {{is: {low}.00}}]",
        f"[{{when: {{monthly_bill: {{at_least: 200}}}}, is: {high}.00}}, {{is: {low}.25}}]",
    )
    return chance.choice(rules)


def draw_caps(chance: Random) -> dict[tuple[str, str], int]:
    """Draw caps that a few dozen leads can fill; none at all now and then."""
    caps: dict[tuple[str, str], int] = {}
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        window = chance.choice(("hour", "day", "day", "week", "month", "total"))
        if chance.random() < 0.65:
            caps["leads", window] = chance.randint(1, 12)
        else:
            caps["spend", window] = chance.randint(60, 400)
    return caps


def _draw_campaign(chance: Random, name: str) -> CampaignDraft:
    return CampaignDraft(
        name,
        chance.choice((1, 1, 2, 2, 3)),
        chance.choice(("any", "any", "all")),
        chance.choice((("email",), ("phone",), ("email", "phone"))),
        chance.choice(("campaign", "everywhere")),
        chance.choice((1, 24, 720)),
        chance.choice((15, 240, 1440)),
    )


def _campaign(campaign: CampaignDraft) -> list[str]:
    sell = "exclusive" if campaign.rights == 1 else f"{{shared: {campaign.rights}}}"
    of = ", ".join(campaign.of)
    return f"""\
  {campaign.id}:
    fields:
      first_name: {{type: text}}
      last_name: {{type: text}}
      email: {{type: email}}
      phone: {{type: phone, region: US}}
      state: {{type: us_state, required: true, personal: false}}
      owns_home: {{type: boolean, required: true, personal: false}}
      monthly_bill: {{type: integer, min: 0, max: 5000, required: true, personal: false}}
    dedupe: {{match: {campaign.match}, of: [{of}], within: {campaign.within_h}h, scope: {campaign.scope}}}
    sell_within: {campaign.sell_within_m}m
    scoring:
      points:
        owner: {{when: {{owns_home: true}}, add: 40}}
        big_bill: {{when: {{monthly_bill: {{at_least: 150}}}}, add: 30}}
        sunbelt: {{when: {{state: [AZ, CA, FL, TX]}}, add: 20}}
      grades: {{A: 80, B: 60, C: 30}}
    distribution: {{sell: {sell}, method: weighted_round_robin}}""".splitlines()


def _buyer(buyer: BuyerDraft) -> list[str]:
    lines = f"""\
  {buyer.id}:
    name: {buyer.id}
    time_zone: {buyer.zone}
    hours: {buyer.hours}
    tests: {str(buyer.tests).lower()}
    caps: {_caps(buyer.caps)}
    delivery: topic
    contracts:""".splitlines()
    for contract in buyer.contracts:
        lines += f"""\
      {contract.id}:
        campaign: {contract.campaign_id}
        accept: {contract.accept}
        price: {contract.price}
        weight: {contract.weight}
        priority: {contract.priority}
        caps: {_caps(contract.caps)}""".splitlines()
    return lines


def _caps(caps: dict[tuple[str, str], int]) -> str:
    if not caps:
        return "unlimited"
    parts = []
    for measure, end in (("leads", ""), ("spend", ".00")):
        own = ", ".join(f"{window}: {limit}{end}" for (kind, window), limit in sorted(caps.items()) if kind == measure)
        parts += [f"{measure}: {{{own}}}"] if own else []
    return f"{{{', '.join(parts)}}}"
