"""The decision of a buyer's owner about one candidate: sell, or refuse with the first reason (protocol, section 3)."""

from __future__ import annotations

import msgspec

from schemas.reasons import Reason
from schemas.records import Candidate, Cap, CapUse, Entry, Windows
from tables.buyers import BuyerRules, ContractRules, pause_of
from tables.caps import LEADS, Account
from tables.entries import has_lead
from tables.status import cap_reason


class Books(msgspec.Struct, frozen=True, gc=False):
    """What the owner has written so far: about this lead (None: nothing), and the accounts of contract and buyer."""

    entry: Entry | None
    of_contract: Account
    of_buyer: Account


class Sale(msgspec.Struct, frozen=True, gc=False):
    """The candidate buys at this price, by these rules; `counts`: in its accounts, which a test lead does not touch."""

    rules: BuyerRules
    price_minor: int
    windows: Windows
    caps: tuple[CapUse, ...]
    counts: bool


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The candidate does not buy. STALE ends the right, any other reason sends it on. `detail`: numbers in words."""

    reason: Reason
    detail: str


def decide(
    rules: BuyerRules | None, books: Books | None, candidate: Candidate, *, test: bool, sell_by: int, now_ms: int
) -> Sale | Refusal:
    """Decide whether a candidate buys a lead now.

    Checks, in this order: known and not retired (rule 13), not sold to this buyer before (rule 5), fresh (rule 15),
    terms as ranked by (rule 14), tests, pauses, hours, topic, caps (rule 6: contract before buyer, leads before
    spend, shortest window first). A test lead costs nothing and touches no cap.

    Args:
        rules: the buyer as its owner knows it; None: no terms were ever received.
        books: what is written of this lead, contract and buyer; None only where no terms were ever received.
        candidate: whom the route asks, at which price by which terms.
        test: whether the lead is a test.
        sell_by: when the lead ceases to be fresh, UTC ms; at that instant it has.
        now_ms: the epoch's time, UTC ms.
    """
    contract = rules.contracts.get(candidate.contract_id) if rules is not None else None
    if rules is None or books is None or contract is None or contract.terms.retired or rules.state.terms.retired:
        return Refusal(Reason.BUYER_RETIRED, "")
    if has_lead(books.entry):
        return Refusal(Reason.ALREADY_SOLD_TO_BUYER, "")
    if now_ms >= sell_by:
        return Refusal(Reason.STALE, f"late by {now_ms - sell_by} ms")
    if contract.terms.terms != candidate.terms:
        return Refusal(Reason.TERMS_CHANGED, f"ranked by {candidate.terms}, now {contract.terms.terms}")
    return _closed(rules, contract, test, now_ms) or _by_caps(rules, contract, books, candidate, test)


def _closed(rules: BuyerRules, contract: ContractRules, test: bool, now_ms: int) -> Refusal | None:
    if test and not rules.state.terms.tests:
        return Refusal(Reason.TESTS_NOT_ACCEPTED, "")
    if rules.state.pauses:
        paused = pause_of(rules.state, contract.terms.contract_id, now_ms)
        if paused is not None:
            return Refusal(paused.reason, f"until {paused.until}" if paused.until >= 0 else "until resumed")
    shift = rules.schedule.at(now_ms)
    if not shift.open:
        return Refusal(Reason.BUYER_CLOSED_HOURS, f"until {shift.until_ms}")
    if rules.state.topic_missing:
        return Refusal(Reason.TOPIC_UNAVAILABLE, "")
    return None


def _by_caps(
    rules: BuyerRules, contract: ContractRules, books: Books, candidate: Candidate, test: bool
) -> Sale | Refusal:
    of_contract, of_buyer, price = books.of_contract, books.of_buyer, candidate.price_minor
    if test:
        return Sale(rules, 0, of_buyer.windows, (), False)
    full = of_contract.first_full(contract.caps, price)
    if full is not None:
        return _refused_by("contract", full, of_contract, price)
    full = of_buyer.first_full(rules.caps, price)
    if full is not None:
        return _refused_by("buyer", full, of_buyer, price)
    caps = of_contract.uses("contract", contract.caps, price) + of_buyer.uses("buyer", rules.caps, price)
    return Sale(rules, price, of_buyer.windows, caps, True)


def _refused_by(scope: str, cap: Cap, account: Account, price_minor: int) -> Refusal:
    numbers = f"{cap.window}: {account.used(cap)} of {cap.limit}"
    detail = numbers if cap.measure == LEADS else f"{numbers}, price {price_minor}"
    return Refusal(cap_reason(scope, cap.measure), detail)
