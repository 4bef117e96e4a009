"""What a buyer's owner must know of the plan: the part of a buyer that goes to its inbox (rule 13)."""

from __future__ import annotations

import msgspec

from config.plan.model import Buyer, CapSetting, Contract, OpenHour, Plan
from config.plan.terms import terms_hash


class ContractSettings(msgspec.Struct, frozen=True):
    """One contract as its buyer's owner must know it; `fields` () means every field the campaign lists."""

    contract_id: str
    campaign_id: str
    terms: str
    caps: tuple[CapSetting, ...]
    fields: tuple[str, ...]
    retired: bool


class BuyerSettings(msgspec.Struct, frozen=True):
    """What a buyer's owner must know of the plan: field for field the `BuyerTerms` record.

    `msgspec.convert(settings, BuyerTerms, from_attributes=True)` makes the record of it.
    """

    buyer_id: str
    plan_version: int
    time_zone: str
    week_starts: int
    always_open: bool
    hours: tuple[OpenHour, ...]
    tests: bool
    caps: tuple[CapSetting, ...]
    contracts: tuple[ContractSettings, ...]
    currency: str
    retired: bool
    applied_at: int


def buyer_settings(plan: Plan, buyer: Buyer | None, buyer_id: str, version: int, applied_at: int) -> BuyerSettings:
    """Return what the owner of a buyer must know, its retired contracts included.

    Args:
        plan: the plan of `version`.
        buyer: the buyer in it, None when it is retired.
        buyer_id: its id.
        version: the plan's version.
        applied_at: when the version was applied, UTC milliseconds.

    Raises:
        KeyError: the buyer is neither in the plan nor retired.
    """
    gone = tuple(
        ContractSettings(contract.id, contract.campaign_id, "", (), (), True)
        for contract in plan.retired.contracts
        if contract.buyer_id == buyer_id
    )
    if buyer is None:
        buyer, retired = _as_it_was(plan, buyer_id), True
    else:
        retired = False
    return BuyerSettings(
        buyer_id=buyer_id,
        plan_version=version,
        time_zone=buyer.time_zone,
        week_starts=plan.week_starts,
        always_open=buyer.always_open,
        hours=buyer.hours,
        tests=buyer.tests,
        caps=buyer.caps,
        contracts=tuple(_contract(contract, plan.currency) for contract in buyer.contracts) + gone,
        currency=plan.currency,
        retired=retired,
        applied_at=applied_at,
    )


def _contract(contract: Contract, currency: str) -> ContractSettings:
    terms = terms_hash(contract, currency)
    return ContractSettings(contract.id, contract.campaign_id, terms, contract.caps, contract.fields, False)


def _as_it_was(plan: Plan, buyer_id: str) -> Buyer:
    """Return what is left of a retired buyer: its zone, in which its last windows are counted."""
    for retired in plan.retired.buyers:
        if retired.id == buyer_id:
            return Buyer(buyer_id, "", retired.time_zone, False, (), (), ())
    raise KeyError(buyer_id)
