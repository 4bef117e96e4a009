"""From a plan to what each buyer's owner is told: the BuyerTerms record for its inbox (rule 13)."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from config.plan.compiled import CompiledPlan
from schemas.records import BuyerTerms


def terms_of(plan: CompiledPlan, buyer_id: str, applied_at: int) -> BuyerTerms:
    """Return a buyer's terms by this plan, retired contracts and retired buyers included; `applied_at` in UTC ms.

    Raises KeyError when the plan has never known this buyer.
    """
    terms = msgspec.convert(plan.buyer_terms(buyer_id, applied_at), BuyerTerms, from_attributes=True)
    lowest = _lowest_prices(plan, buyer_id)
    contracts = tuple(
        replace(contract, lowest_price_minor=lowest.get(contract.contract_id, 0)) for contract in terms.contracts
    )
    return replace(terms, contracts=contracts)


def all_terms(plan: CompiledPlan, applied_at: int) -> tuple[BuyerTerms, ...]:
    """Return the terms of every buyer that the plan knows or has retired, in the order of the plan."""
    retired = tuple(buyer.id for buyer in plan.plan.retired.buyers)
    return tuple(terms_of(plan, buyer_id, applied_at) for buyer_id in (*plan.buyer_ids, *retired))


def changed_terms(old: CompiledPlan | None, new: CompiledPlan, applied_at: int) -> tuple[BuyerTerms, ...]:
    """Return the terms of the buyers that a new plan changes; everyone's when there was no plan before.

    The others keep the version they were last told of and go on selling.
    """
    if old is None:
        return all_terms(new, applied_at)
    return tuple(terms for terms in all_terms(new, applied_at) if not _told_the_same(old, terms))


def _told_the_same(old: CompiledPlan, terms: BuyerTerms) -> bool:
    try:
        before = terms_of(old, terms.buyer_id, terms.applied_at)
    except KeyError:
        return False
    return replace(before, plan_version=terms.plan_version) == terms


def _lowest_prices(plan: CompiledPlan, buyer_id: str) -> dict[str, int]:
    buyers = [buyer for buyer in plan.plan.buyers if buyer.id == buyer_id]
    return {c.id: min(rule.minor for rule in c.price) for buyer in buyers for c in buyer.contracts}
