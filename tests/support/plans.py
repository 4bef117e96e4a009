"""Plans for tests: the reference plan, and small ones built from what a test is about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from config.plan.check import check_sources
from config.plan.compiled import CompiledPlan, compile_plan


@cache
def reference_plan() -> CompiledPlan:
    """Return the reference plan, compiled as version 1."""
    return plan_of(reference_text())


def reference_text() -> str:
    """Return the reference plan as it is written."""
    return files("config.plan.samples").joinpath("reference.yaml").read_text()


def plan_of(text: str, version: int = 1) -> CompiledPlan:
    """Return the plan of a YAML text, compiled."""
    return compile_plan(check_sources({"plan.yaml": text}), version)


@dataclass(frozen=True)
class Seller:
    """A buyer `id` with one contract `id-solar`, as the plan language writes its parts; open to everything."""

    id: str
    price: str = "30.00"
    caps: str = "unlimited"
    contract_caps: str = "unlimited"
    accept: str = "everything"
    hours: str = "always"
    zone: str = "America/Los_Angeles"
    weight: int = 1
    priority: int = 1
    tests: bool = False
    fields: str = ""


def market(*sellers: Seller, rights: int = 1, version: int = 1, sell_within: str = "15m") -> CompiledPlan:
    """Return a plan of one campaign, solar-us, with these buyers, in this order."""
    sell = "exclusive" if rights == 1 else f"{{shared: {rights}}}"
    head = f"""
leadflow: 1
currency: USD
campaigns:
  solar-us:
    fields:
      first_name: {{type: text}}
      last_name: {{type: text}}
      email: {{type: email}}
      state: {{type: us_state, required: true, personal: false}}
      owns_home: {{type: boolean, required: true, personal: false}}
      monthly_bill: {{type: integer, required: true, personal: false}}
    dedupe: {{match: any, of: [email], within: 30d}}
    sell_within: {sell_within}
    scoring:
      points: {{owner: {{when: {{owns_home: true}}, add: 60}}}}
      grades: {{A: 60, B: 40, C: 20}}
    distribution: {{sell: {sell}, method: weighted_round_robin}}
suppliers:
  acme-forms: {{campaigns: {{solar-us: {{payout: 14.00, owed: on_first_sale}}}}}}
buyers:"""
    return plan_of(head + "".join(map(_buyer, sellers)), version)


def _buyer(seller: Seller) -> str:
    fields = f"\n        fields: {seller.fields}" if seller.fields else ""
    return f"""
  {seller.id}:
    name: {seller.id}
    time_zone: {seller.zone}
    hours: {seller.hours}
    when_closed: skip
    tests: {str(seller.tests).lower()}
    caps: {seller.caps}
    delivery: topic
    contracts:
      {seller.id}-solar:
        campaign: solar-us
        accept: {seller.accept}
        price: {seller.price}
        weight: {seller.weight}
        priority: {seller.priority}
        caps: {seller.contract_caps}{fields}"""
