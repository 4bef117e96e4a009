"""Sales that must not be: of a duplicate, of a rejected lead, outside filters or hours, late, on old terms, paused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from console.audit.findings import Place, Rule
from console.audit.history import History, NotHere, replace
from console.audit.intake import sale_id_of
from console.audit.plans import read_plan
from console.audit.planting.registry import live, place, violates
from schemas.records import (
    BuyerCommand,
    LeadRejected,
    LeadSold,
    LeadUnique,
    Offer,
    Pause,
    PlanVersion,
)
from schemas.topics import OFFERS, PAUSES, PLAN, REJECTED, SOLD, UNIQUE
from streams.stage import Message

HOUR_MS = 3_600_000


@violates(Rule.DUPLICATE_SOLD)
def a_duplicate_that_was_sold(history: History) -> Place:
    """Two unique leads have one e-mail address."""
    leads = [each for each in history.all(UNIQUE, LeadUnique) if not each[1].slip.test and each[1].lead.email]
    if len(leads) < 2:
        raise NotHere("fewer than two leads with an e-mail address")
    (_, first), (message, second) = leads[0], leads[1]
    email = first.lead.email
    history.rewrite(second.slip.lead_id, lambda record: replace(record, lead=replace(record.lead, email=email)))
    for sold, sale in list(history.all(SOLD, LeadSold)):
        if sale.lead_id == second.slip.lead_id and sold:
            got, buyer_lead = history.delivery(sale)
            if buyer_lead.lead.email:
                history.change(got, replace(buyer_lead, lead=replace(buyer_lead.lead, email=email)))
    return place(message)


@violates(Rule.REJECTED_SOLD)
def a_rejected_lead_that_was_sold(history: History) -> Place:
    """A sale, and its buyer's record, of a lead that intake had refused."""
    _, fact = history.first(REJECTED, LeadRejected, lambda each: each.stage == "dedup" and each.reason == "INVALID")
    _, sale = history.first(SOLD, LeadSold, live)
    number = sale_id_of(fact.lead_id, 1, 0, 0, sale.buyer_id)
    wrong = replace(
        sale,
        lead_id=fact.lead_id,
        sale_id=number,
        index=0,
        received_partition=fact.received_partition,
        received_offset=fact.received_offset,
    )
    _, lead = history.delivery(sale)
    history.add(f"buyers.{sale.buyer_id}.leads", replace(lead, lead_id=fact.lead_id, sale_id=number), fact.lead_id)
    return history.add(SOLD, wrong, fact.lead_id)


@violates(Rule.FILTERS)
def a_sale_outside_the_filters(history: History) -> Place:
    """The contract does not take leads like this: their attributes are changed on the whole way."""
    for message, sale in history.all(SOLD, LeadSold):
        if live(sale) and sale.buyer_id in _choosy(history) and "state" in sale.attributes:
            attributes = {**sale.attributes, "state": "TX"}

            def alter(record: Any, attributes: dict[str, str] = attributes) -> Any:
                lead = replace(record.lead, state="TX")
                return replace(record, slip=replace(record.slip, attributes=attributes), lead=lead)

            history.rewrite(sale.lead_id, alter)
            return history.change(message, replace(sale, attributes=attributes))
    raise NotHere("no sale under a filter on the state")


def _choosy(history: History) -> set[str]:
    """Return the buyers that do not take leads from Texas."""
    _, version = history.first(PLAN, PlanVersion)
    plan = read_plan(version.version, version.plan_json, 0)
    return {c.buyer_id for c in plan.contracts.values() if not c.answer({"state": "TX"}, "A").accepts}


@violates(Rule.HOURS)
def a_sale_outside_the_open_hours(history: History) -> Place:
    """Sold twelve hours later, at a buyer that closes in the evening."""
    return later(history, 12 * HOUR_MS, _with_hours(history))


@violates(Rule.STALE)
def a_stale_sale(history: History) -> Place:
    """Sold after its campaign's sell_within."""
    _, sale = history.first(SOLD, LeadSold, live)
    _, lead = history.first(UNIQUE, LeadUnique, lambda each: each.slip.lead_id == sale.lead_id)
    return later(history, lead.slip.sell_by - sale.sold_at, {sale.buyer_id})


def _with_hours(history: History) -> set[str]:
    _, version = history.first(PLAN, PlanVersion)
    plan = read_plan(version.version, version.plan_json, 0)
    return {buyer.id for buyer in plan.buyers.values() if not buyer.always_open}


def later(history: History, by_ms: int, buyers: Collection[str] = ()) -> Place:
    """Let the first sale, to one of these buyers if there are any, have been decided so much later."""
    message, sale = history.first(SOLD, LeadSold, lambda each: live(each) and (not buyers or each.buyer_id in buyers))
    got, lead = history.delivery(sale)
    history.change(got, replace(lead, sold_at=sale.sold_at + by_ms))
    return history.change(message, replace(sale, sold_at=sale.sold_at + by_ms))


@violates(Rule.TERMS)
def a_sale_on_old_terms(history: History) -> Place:
    """By the plan version before the one that the owner had been told of."""
    message, sale = history.last(SOLD, LeadSold, lambda each: live(each) and each.buyer_plan_version > 1)
    return history.change(message, replace(sale, buyer_plan_version=sale.buyer_plan_version - 1))


@violates(Rule.PAUSED)
def a_sale_to_a_paused_buyer(history: History) -> Place:
    """The word that would have ended its pause is gone."""
    resume, command = history.first(OFFERS, BuyerCommand, lambda each: each.action == "resume")
    sold = first_sale_after(history, resume, command)
    history.drop(resume)
    return place(sold)


@violates(Rule.PAUSED)
def a_sale_to_a_buyer_that_is_paused_for_a_while(history: History) -> Place:
    """Its pause has an end, which no clock that is right has come to."""
    resume, command = history.first(OFFERS, BuyerCommand, lambda each: each.action == "resume")
    sold = first_sale_after(history, resume, command)
    history.change(resume, replace(command, action="pause", until=sold.timestamp_ms + HOUR_MS))
    return place(sold)


def first_sale_after(history: History, word: Message, command: BuyerCommand) -> Message:
    """Return the first sale that a buyer's owner has made after it was told something. Raises NotHere."""
    sales = {
        (sale.lead_id, sale.index): message
        for message, sale in history.all(SOLD, LeadSold)
        if sale.buyer_id == command.buyer_id
    }
    for message, offer in history.all(OFFERS, Offer):
        asked = offer.route[offer.position].buyer_id
        if message.offset > word.offset and message.partition == word.partition and asked == command.buyer_id:
            sold = sales.get((offer.slip.lead_id, offer.right.index))
            if sold is not None:
                return sold
    raise NotHere("no sale after a pause")


@violates(Rule.PAUSED)
def a_lead_taken_in_from_a_paused_supplier(history: History) -> Place:
    """The supplier had been paused an hour before."""
    message, lead = history.first(UNIQUE, LeadUnique)
    supplier, at_ms = lead.slip.supplier_id, min(each.timestamp_ms for each in history.messages) - HOUR_MS
    said = history.encode(Pause("supplier", supplier, True, -1, at_ms))
    history.put(Message(PAUSES, 0, 0, at_ms, f"supplier/{supplier}".encode(), said))
    return place(message)


@violates(Rule.TEST_LEAD)
def a_test_lead_that_was_charged(history: History) -> Place:
    """A price on a test."""
    message, sale = history.first(SOLD, LeadSold, lambda each: each.test)
    return history.change(message, replace(sale, price_minor=900))
