"""A buyer's inbox as its owner reads it: what it had been told before each Offer, in the order of the partition."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from console.audit.cases import Standing
from console.audit.plans import PlanRead
from schemas.records import BuyerCommand, BuyerTerms

_NO_PAUSES: Mapping[str, int] = MappingProxyType({})
_UNKNOWN = Standing(0, _NO_PAUSES)


class Inbox:
    """The buyers' terms and pauses; all records of one buyer come through one partition, so their order is certain."""

    def __init__(self) -> None:
        self._buyers: dict[str, Standing] = {}

    def standing(self, buyer_id: str) -> Standing:
        """Return what was said so far."""
        return self._buyers.get(buyer_id, _UNKNOWN)

    def tell(self, terms: BuyerTerms) -> None:
        """Take terms; older ones than those in force change nothing, pauses stay (rule 13)."""
        before = self.standing(terms.buyer_id)
        if terms.plan_version >= before.version:
            self._buyers[terms.buyer_id] = Standing(terms.plan_version, before.pauses)

    def command(self, command: BuyerCommand) -> None:
        """Take a pause or a resume; of a buyer without terms nothing is remembered."""
        before = self._buyers.get(command.buyer_id)
        if before is None:
            return
        pauses = {key: until for key, until in before.pauses.items() if key != command.contract_id}
        if command.action == "pause":
            pauses[command.contract_id] = command.until
        self._buyers[command.buyer_id] = Standing(before.version, pauses)


def pause_at(standing: Standing, contract_id: str, latest_ms: int) -> str | None:
    """Return what is paused, the buyer or the contract; None when neither is.

    A pause ends for good at the first worker whose clock has come to its end: it is over when one may have shown that.
    """
    for key, what in (("", "the buyer is paused"), (contract_id, "the contract is paused")):
        until = standing.pauses.get(key)
        if until is not None and (until < 0 or latest_ms < until):
            return what
    return None


def told_wrong(terms: BuyerTerms, plan: PlanRead) -> tuple[str, str] | None:
    """Return (expected, found) of the first thing in which terms differ from their plan; None when all is the same."""
    wanted = owed(terms.buyer_id, plan)
    if wanted is None:
        said = "retired" if terms.retired else "in force"
        known = terms.buyer_id in plan.retired_buyers
        return None if known and terms.retired else (f"a buyer of plan {plan.version}, or retired", said)
    found = _said(terms)
    return next(((f"{name} {wanted[name]}", f"{found[name]}") for name in wanted if wanted[name] != found[name]), None)


def owed(buyer_id: str, plan: PlanRead) -> dict[str, object] | None:
    """Return what a buyer's owner must be told by a plan; None where the buyer is none of it, or retired."""
    buyer = plan.buyers.get(buyer_id)
    if buyer is None:
        return None
    own = {c.id: (c.campaign_id, c.terms, c.caps, c.fields, c.lowest_minor) for c in buyer.contracts.values()}
    return {
        "retired": False,
        "time zone": buyer.time_zone,
        "first day of the week": plan.week_starts,
        "always open": buyer.always_open,
        "hours": buyer.hours,
        "tests": buyer.tests,
        "caps": buyer.caps,
        "currency": plan.currency,
        "contracts": own,
        "retired contracts": {id_ for id_, owner in plan.retired_contracts.items() if owner == buyer.id},
    }


def _said(terms: BuyerTerms) -> dict[str, object]:
    own = {
        c.contract_id: (
            c.campaign_id,
            c.terms,
            tuple((cap.measure, cap.window, cap.limit) for cap in c.caps),
            c.fields,
            c.lowest_price_minor,
        )
        for c in terms.contracts
        if not c.retired
    }
    return {
        "retired": terms.retired,
        "time zone": terms.time_zone,
        "first day of the week": terms.week_starts,
        "always open": terms.always_open,
        "hours": tuple((span.weekday, span.start_minute, span.end_minute) for span in terms.hours),
        "tests": terms.tests,
        "caps": tuple((cap.measure, cap.window, cap.limit) for cap in terms.caps),
        "currency": terms.currency,
        "contracts": own,
        "retired contracts": {c.contract_id for c in terms.contracts if c.retired},
    }
