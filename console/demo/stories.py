"""Three short stories out of the demo: sold after a full buyer, a duplicate, an unsold lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from console.audit.evidence import Evidence
from console.reasons import in_words
from console.screen import local, money, priced
from schemas.reasons import CAPPED, Reason
from schemas.records import LeadClosed, LeadRejected, LeadSold


class Told(NamedTuple):
    """A story of a few lines, and the lead that it is about."""

    title: str
    lead_id: str
    lines: tuple[str, ...]


def stories(evidence: Evidence) -> Iterator[Told]:
    """Yield the three stories; one that did not happen is left out. The earliest lead of its kind is taken."""
    order = sorted(evidence.sold, key=lambda sale: (sale.received_offset, sale.received_partition, sale.index))
    capped = next((sale for sale in order if _after_capped(sale)), None)
    if capped is not None:
        yield _sold(capped)
    duplicates = [fact for fact in evidence.rejected if fact.reason == Reason.DUPLICATE]
    if duplicates:
        yield _duplicate(min(duplicates, key=lambda fact: (fact.received_offset, fact.received_partition)))
    unsold = [fact for fact in evidence.closed if not fact.sold]
    if unsold:
        yield _unsold(min(unsold, key=lambda fact: (fact.received_offset, fact.received_partition)))


def _after_capped(sale: LeadSold) -> bool:
    return any(step.reason in CAPPED for step in sale.trace)


def _sold(sale: LeadSold) -> Told:
    declined = dict.fromkeys(f"{step.buyer_id} ({step.reason})" for step in sale.trace)
    caps = ", ".join(
        f"{cap.before:,} -> {cap.after:,} of {cap.limit:,} a {cap.window}"
        for cap in sale.caps
        if cap.measure == "leads"
    )
    return Told(
        "sold after a full buyer",
        sale.lead_id,
        (
            f"grade {sale.grade} with {sale.points} points, from {sale.attributes.get('state', '?')}",
            f"passed over: {', '.join(declined)}",
            f"sold to {sale.buyer_id} for {priced(sale.price_minor, sale.currency, sale.price_rule)}, "
            f"{local(sale.sold_at, sale.time_zone)}" + (f"; its leads {caps}" if caps else ""),
        ),
    )


def _duplicate(fact: LeadRejected) -> Told:
    return Told(
        "a duplicate",
        fact.lead_id,
        (
            f"looked for the same {' or '.join(fact.keys_checked)} within the window",
            f"found the same {fact.key_hit} in lead {fact.earlier_lead_id}",
            f"which came in at leads.received-{fact.earlier_partition}@{fact.earlier_offset}: not sold again",
        ),
    )


def _unsold(fact: LeadClosed) -> Told:
    worth = f"; {money(fact.value_minor, fact.currency)} could have been had" if fact.value_minor else ""
    return Told(
        "an unsold lead",
        fact.lead_id,
        (
            f"{fact.reason}: {in_words(fact.reason)}{worth}",
            f"nothing is owed to {fact.supplier_id} for it",
        ),
    )
