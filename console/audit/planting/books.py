"""Facts that do not say what happened: prices, grades, sums, payouts, fields, windows, caps, reasons, terms."""

from __future__ import annotations

import json
from typing import Any

from console.audit.findings import Place, Rule
from console.audit.history import History, NotHere, replace
from console.audit.plans import plan_hash
from console.audit.planting.registry import live, place, violates
from schemas.records import (
    BuyerTerms,
    LeadClosed,
    LeadRejected,
    LeadScored,
    LeadSold,
    LeadUnique,
    PlanVersion,
    RightUnfilled,
)
from schemas.topics import CLOSED, OFFERS, PLAN, REJECTED, SCORED, SOLD, UNFILLED, UNIQUE

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@violates(Rule.PRICE)
def a_wrong_price(history: History) -> Place:
    """One unit too little, in the fact and at the buyer."""
    message, sale = history.first(SOLD, LeadSold, live)
    got, lead = history.delivery(sale)
    history.change(got, replace(lead, price_minor=sale.price_minor - 1))
    return history.change(message, replace(sale, price_minor=sale.price_minor - 1))


@violates(Rule.SCORE)
def a_wrong_grade_on_the_whole_way(history: History) -> Place:
    """Scoring gives another grade, and all go by it."""
    message, scored = history.first(SCORED, LeadScored, lambda each: each.score.grade != "B")

    def alter(record: Any) -> Any:
        has = hasattr(record, "score")
        return replace(record, score=replace(record.score, grade="B")) if has else record

    history.rewrite(scored.slip.lead_id, alter)
    return place(message)


@violates(Rule.SCORE)
def wrong_points_in_a_sale(history: History) -> Place:
    """The fact says other points than scoring gave."""
    message, sale = history.first(SOLD, LeadSold)
    return history.change(message, replace(sale, points=sale.points + 5))


@violates(Rule.CLOSING)
def wrong_sums_in_a_closing(history: History) -> Place:
    """More revenue than the sales have."""
    message, fact = history.first(CLOSED, LeadClosed, lambda each: each.sold > 0)
    return history.change(message, replace(fact, revenue_minor=fact.revenue_minor + 100))


@violates(Rule.PAYOUT)
def a_payout_owed_for_each_sale(history: History) -> Place:
    """Owed twice where the terms say once."""
    message, fact = history.first(CLOSED, LeadClosed, lambda each: each.payout_minor > 0)
    return history.change(message, replace(fact, payout_minor=2 * fact.payout_minor))


@violates(Rule.PAYOUT)
def a_right_with_another_payout(history: History) -> Place:
    """A sale that carries other terms than the supplier's."""
    message, sale = history.first(SOLD, LeadSold, live)
    return history.change(message, replace(sale, payout_minor=sale.payout_minor + 1))


@violates(Rule.DELIVERY)
def a_buyer_record_at_another_price(history: History) -> Place:
    """The buyer reads another price than is booked."""
    _, sale = history.first(SOLD, LeadSold, live)
    got, lead = history.delivery(sale)
    return history.change(got, replace(lead, price_minor=lead.price_minor + 100))


@violates(Rule.DELIVERY_FIELDS)
def a_forbidden_field_at_a_buyer(history: History) -> Place:
    """The supplier's name among the fields."""
    _, sale = history.first(SOLD, LeadSold, live)
    got, lead = history.delivery(sale)
    wrong = replace(lead.lead, fields={**lead.lead.fields, "supplier_id": sale.supplier_id})
    return history.change(got, replace(lead, lead=wrong))


@violates(Rule.DELIVERY_FIELDS)
def a_field_beyond_the_contract(history: History) -> Place:
    """A person's e-mail address at a buyer whose contract does not name it."""
    for _, sale in history.all(SOLD, LeadSold):
        got, buyer_lead = history.delivery(sale)
        _, lead = history.first(UNIQUE, LeadUnique, lambda each, sale=sale: each.slip.lead_id == sale.lead_id)  # type: ignore[misc]
        if lead.lead.email and not buyer_lead.lead.email:
            return history.change(got, replace(buyer_lead, lead=replace(buyer_lead.lead, email=lead.lead.email)))
    raise NotHere("no contract that leaves out the e-mail address")


@violates(Rule.WINDOWS)
def a_sale_counted_in_another_day(history: History) -> Place:
    """In yesterday's window."""
    message, sale = history.first(SOLD, LeadSold, live)
    return history.change(message, replace(sale, windows=replace(sale.windows, day_at=sale.windows.day_at - DAY_MS)))


@violates(Rule.CAP_RECORD)
def a_sale_that_hides_its_caps(history: History) -> Place:
    """As if no cap were in force."""
    message, sale = history.first(SOLD, LeadSold, lambda each: len(each.caps) > 0)
    return history.change(message, replace(sale, caps=()))


@violates(Rule.CAP_RECORD)
def an_owner_that_counts_from_zero_again(history: History) -> Place:
    """The last sale of a window says that it was the first."""
    message, sale = history.last(SOLD, LeadSold, lambda each: any(use.before > 0 for use in each.caps))
    caps = tuple(replace(use, before=0, after=use.after - use.before) for use in sale.caps)
    return history.change(message, replace(sale, caps=caps))


@violates(Rule.RIGHTS)
def a_right_of_another_number(history: History) -> Place:
    """One of more rights than the campaign sells."""
    message, sale = history.first(SOLD, LeadSold, live)
    return history.change(message, replace(sale, rights=sale.rights + 1))


@violates(Rule.UNSOLD_REASON)
def a_right_that_ended_for_another_reason(history: History) -> Place:
    """Nobody covers it, it says, and somebody does."""
    message, end = history.first(UNFILLED, RightUnfilled, lambda each: each.reason != "NO_COVERAGE" and not each.test)
    return history.change(message, replace(end, reason="NO_COVERAGE"))


@violates(Rule.INTAKE)
def a_lead_that_lives_longer(history: History) -> Place:
    """Its sell_by is later than its campaign allows, on the whole way."""
    message, lead = history.first(UNIQUE, LeadUnique)

    def alter(record: Any) -> Any:
        return replace(record, slip=replace(record.slip, sell_by=record.slip.sell_by + HOUR_MS))

    history.rewrite(lead.slip.lead_id, alter)
    return place(message)


@violates(Rule.INTAKE)
def a_rejection_of_another_supplier_s_lead(history: History) -> Place:
    """The record that is rejected is not the one that the rejection tells of."""
    message, fact = history.first(REJECTED, LeadRejected, lambda each: each.stage == "dedup")
    return history.change(message, replace(fact, supplier_id=f"{fact.supplier_id}-2"))


@violates(Rule.INTAKE)
def a_duplicate_of_itself(history: History) -> Place:
    """Intake takes the lead's own claims, made before it was interrupted, for those of another one."""
    message, fact = history.first(REJECTED, LeadRejected, lambda each: each.reason in ("DUPLICATE", "REPEAT"))
    origin = {"earlier_partition": fact.received_partition, "earlier_offset": fact.received_offset}
    return history.change(message, replace(fact, **origin))


@violates(Rule.BUYER_TERMS)
def an_owner_that_is_told_another_cap(history: History) -> Place:
    """The inbox says more than the plan."""
    message, terms = history.first(OFFERS, BuyerTerms, lambda each: len(each.caps) > 0)
    caps = tuple(replace(cap, limit=cap.limit + 1) for cap in terms.caps)
    return history.change(message, replace(terms, caps=caps))


@violates(Rule.PLAN)
def a_plan_that_nobody_published(history: History) -> Place:
    """Leads taken in by a version that is not in the log."""
    message, lead = history.first(UNIQUE, LeadUnique)
    history.rewrite(lead.slip.lead_id, lambda record: replace(record, slip=replace(record.slip, plan_version=77)))
    return place(message)


@violates(Rule.PLAN)
def a_plan_of_a_number_that_is_taken(history: History) -> Place:
    """Two owners publish at once, and nobody can say which of the two a decision was made by."""
    _, version = history.first(PLAN, PlanVersion)
    said = json.loads(version.plan_json)
    said["campaigns"][0]["rights"] += 1
    plan_json = json.dumps(said)
    return history.add(PLAN, replace(version, plan_json=plan_json, hash=plan_hash(plan_json)), "plan")


@violates(Rule.PLAN)
def a_lead_taken_in_by_a_plan_that_was_replaced(history: History) -> Place:
    """A worker never hears of a version that had been published an hour before."""
    message, _ = history.last(UNIQUE, LeadUnique)
    publish(history, message.timestamp_ms - HOUR_MS)
    return place(message)


@violates(Rule.PLAN)
def a_lead_taken_in_by_a_plan_to_come(history: History) -> Place:
    """Its version was published an hour after the decision."""
    message, lead = history.first(UNIQUE, LeadUnique)
    at, _ = history.first(PLAN, PlanVersion, lambda each: each.version == lead.slip.plan_version)
    history.drop(at)
    history.put(at._replace(timestamp_ms=message.timestamp_ms + HOUR_MS))
    return place(message)


@violates(Rule.TERMS)
def a_sale_to_an_owner_that_was_never_told(history: History) -> Place:
    """Its caps were changed an hour before, and no record in its inbox says so."""
    message, sale = history.last(SOLD, LeadSold, live)
    publish(history, message.timestamp_ms - HOUR_MS, sale.buyer_id)
    return place(message)


def publish(history: History, at_ms: int, buyer_id: str = "") -> None:
    """Publish the newest plan once more, under the next number and with another cap of a buyer if one is named."""
    message, version = history.last(PLAN, PlanVersion)
    said = json.loads(version.plan_json)
    for buyer in said["buyers"]:
        if buyer["id"] == buyer_id:
            buyer["caps"] = [["leads", "total", 1_000_000]]
    plan_json = json.dumps(said)
    new = replace(version, version=version.version + 1, plan_json=plan_json, hash=plan_hash(plan_json))
    history.put(message._replace(offset=message.offset + 1, timestamp_ms=at_ms, value=history.encode(new)))


@violates(Rule.UNREADABLE)
def a_fact_that_cannot_be_read(history: History) -> Place:
    """Bytes that are no record, and no dead letter for them."""
    return history.add(SOLD, b"\x00\x00", "nobody")
