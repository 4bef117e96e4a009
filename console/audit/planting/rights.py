"""Rights and leads that are sold twice, lost, ended twice, or come from nowhere."""

from __future__ import annotations

from console.audit.findings import Place, Rule
from console.audit.history import History, NotHere, replace
from console.audit.intake import sale_id_of
from console.audit.planting.registry import live, place, violates
from schemas.reasons import Reason
from schemas.records import (
    LeadClosed,
    LeadRejected,
    LeadScored,
    LeadSold,
    LeadUnique,
    Offer,
    Reroute,
    RightUnfilled,
    Step,
)
from schemas.topics import CLOSED, OFFERS, REJECTED, REROUTES, SCORED, SOLD, UNFILLED, UNIQUE


@violates(Rule.SOLD_TWICE)
def a_copied_sale(history: History) -> Place:
    """The same fact again, at the end."""
    _, sale = history.first(SOLD, LeadSold, live)
    return history.add(SOLD, sale, sale.lead_id)


@violates(Rule.SOLD_TWICE)
def a_right_sold_to_a_second_buyer(history: History) -> Place:
    """Both buyers have their record."""
    _, sale = history.first(SOLD, LeadSold, live)
    _, other = history.first(
        SOLD, LeadSold, lambda each: each.lead_id != sale.lead_id and each.buyer_id != sale.buyer_id
    )
    number = sale_id_of(sale.lead_id, sale.leg, sale.round, sale.index, other.buyer_id)
    second = replace(sale, buyer_id=other.buyer_id, contract_id=other.contract_id, sale_id=number)
    _, lead = history.delivery(sale)
    history.add(f"buyers.{other.buyer_id}.leads", replace(lead, sale_id=number), sale.lead_id)
    return history.add(SOLD, second, sale.lead_id)


@violates(Rule.SOLD_TWICE)
def a_right_sold_again_in_another_round(history: History) -> Place:
    """In the place of its lead's second right, which goes nowhere: there are as many sales as rights."""
    sales = [found for found in history.all(SOLD, LeadSold) if live(found[1])]
    first = {sale.lead_id for _, sale in sales if sale.index == 0}
    found = next(((m, s) for m, s in reversed(sales) if s.index == 1 and s.lead_id in first), None)
    if found is None:
        raise NotHere("no lead of which two rights were sold")
    message, sale = found
    changed = {"round": sale.round + 1, "index": 0}
    number = sale_id_of(sale.lead_id, sale.leg, sale.round + 1, 0, sale.buyer_id)
    got, lead = history.delivery(sale)
    history.change(got, replace(lead, sale_id=number))
    for at, offer in list(history.all(OFFERS, Offer)):
        if (offer.slip.lead_id, offer.right.index) == (sale.lead_id, sale.index):
            history.change(at, replace(offer, right=replace(offer.right, **changed)))
    return history.change(message, replace(sale, sale_id=number, **changed))


@violates(Rule.BUYER_TWICE)
def the_same_buyer_twice(history: History) -> Place:
    """The second right of a lead goes to the buyer of the first."""
    sales = [found for found in history.all(SOLD, LeadSold) if live(found[1])]
    for _, first in sales:
        for message, second in sales:
            if second.lead_id == first.lead_id and second.index > first.index:
                number = sale_id_of(second.lead_id, second.leg, second.round, second.index, first.buyer_id)
                got, lead = history.delivery(second)
                history.drop(got)
                history.add(f"buyers.{first.buyer_id}.leads", replace(lead, sale_id=number), second.lead_id)
                twice = replace(second, buyer_id=first.buyer_id, contract_id=first.contract_id, sale_id=number)
                return history.change(message, twice)
    raise NotHere("no lead was sold to two buyers")


@violates(Rule.RIGHTS)
def a_sale_under_another_id_of_the_supplier_s(history: History) -> Place:
    """The supplier would be told that another lead of its was sold."""
    message, sale = history.first(SOLD, LeadSold, live)
    return history.change(message, replace(sale, supplier_lead_id=f"{sale.supplier_lead_id}-1"))


@violates(Rule.OVERSOLD)
def one_sale_more_than_rights(history: History) -> Place:
    """A right beyond those that the campaign sells."""
    _, sale = history.last(SOLD, LeadSold, live)
    number = sale_id_of(sale.lead_id, sale.leg, sale.round, sale.rights, sale.buyer_id)
    _, lead = history.delivery(sale)
    history.drop(*[message for message in history.of_lead(sale.lead_id) if message.topic == CLOSED])
    history.add(f"buyers.{sale.buyer_id}.leads", replace(lead, sale_id=number), sale.lead_id)
    return history.add(SOLD, replace(sale, index=sale.rights, sale_id=number), sale.lead_id)


@violates(Rule.DELIVERED_TWICE)
def a_buyer_record_twice(history: History) -> Place:
    """The buyer gets the same sale again."""
    _, sale = history.first(SOLD, LeadSold)
    message, lead = history.delivery(sale)
    return history.add(message.topic, lead, sale.lead_id)


@violates(Rule.LEAD_LOST)
def a_lead_that_is_never_closed(history: History) -> Place:
    """Its rights have ended, and nobody says so."""
    message, fact = history.first(CLOSED, LeadClosed)
    history.drop(message)
    return place(history.first(UNIQUE, LeadUnique, lambda each: each.slip.lead_id == fact.lead_id)[0])


@violates(Rule.LEAD_LOST)
def a_lead_that_is_never_scored(history: History) -> Place:
    """It was unique, and nothing came after."""
    message, lead = history.first(UNIQUE, LeadUnique)
    history.drop(*[each for each in history.of_lead(lead.slip.lead_id) if each.topic not in (UNIQUE, REJECTED)])
    return place(message)


@violates(Rule.RECEIVED_LOST)
def a_received_record_without_an_end(history: History) -> Place:
    """Its rejection is gone."""
    message, fact = history.first(REJECTED, LeadRejected, lambda each: each.stage == "dedup")
    history.drop(message)
    return Place("leads.received", fact.received_partition, fact.received_offset)


@violates(Rule.RIGHT_LOST)
def a_right_without_an_end(history: History) -> Place:
    """Its sale is gone, and the buyer's record with it."""
    message, sale = history.first(SOLD, LeadSold, live)
    history.drop(message, history.delivery(sale)[0])
    offers = [m for m, o in history.all(OFFERS, Offer) if (o.slip.lead_id, o.right.index) == (sale.lead_id, sale.index)]
    return place(offers[-1])


@violates(Rule.DELIVERY_LOST)
def a_sale_that_the_buyer_never_got(history: History) -> Place:
    """The fact without the buyer's record."""
    message, sale = history.first(SOLD, LeadSold, live)
    history.drop(history.delivery(sale)[0])
    return place(message)


@violates(Rule.ENDED_TWICE)
def a_right_that_was_sold_and_ended_unsold(history: History) -> Place:
    """Both are written down."""
    _, sale = history.first(SOLD, LeadSold, live)
    _, end = history.first(UNFILLED, RightUnfilled)
    wrong = replace(end, lead_id=sale.lead_id, index=sale.index, received_partition=sale.received_partition)
    return history.add(UNFILLED, replace(wrong, received_offset=sale.received_offset), sale.lead_id)


@violates(Rule.ENDED_TWICE)
def a_right_that_ended_unsold_twice(history: History) -> Place:
    """The same end again."""
    _, end = history.first(UNFILLED, RightUnfilled)
    return history.add(UNFILLED, end, end.lead_id)


@violates(Rule.ENDED_TWICE)
def a_received_record_with_two_ends(history: History) -> Place:
    """Unique, and rejected as well."""
    _, fact = history.first(REJECTED, LeadRejected, lambda each: each.stage == "dedup")
    _, lead = history.first(UNIQUE, LeadUnique)
    slip = lead.slip
    wrong = replace(fact, received_partition=slip.received_partition, received_offset=slip.received_offset)
    return history.add(REJECTED, wrong, fact.lead_id)


@violates(Rule.CLOSED_TWICE)
def a_lead_that_is_closed_twice(history: History) -> Place:
    """The same closing again."""
    _, fact = history.first(CLOSED, LeadClosed)
    return history.add(CLOSED, fact, fact.lead_id)


@violates(Rule.PHANTOM)
def a_sale_without_an_offer(history: History) -> Place:
    """Nobody had asked its buyer."""
    message, sale = history.first(SOLD, LeadSold, live)
    history.drop(
        *[m for m, o in history.all(OFFERS, Offer) if (o.slip.lead_id, o.right.index) == (sale.lead_id, sale.index)]
    )
    return place(message)


@violates(Rule.PHANTOM)
def a_sale_of_a_lead_that_never_was(history: History) -> Place:
    """No record of the lead but the sale."""
    _, sale = history.first(SOLD, LeadSold, live)
    return history.add(SOLD, replace(sale, lead_id="00000000-0000-5000-8000-000000000000"), "nobody")


@violates(Rule.PHANTOM)
def a_buyer_record_without_a_sale(history: History) -> Place:
    """A record of a buyer's topic that is in no book."""
    message, sale = history.first(SOLD, LeadSold, live)
    got, _ = history.delivery(sale)
    history.drop(message)
    return place(got)


@violates(Rule.FORKED)
def a_right_at_two_buyers(history: History) -> Place:
    """The same Offer again, to be sold by another owner."""
    message, offer = history.first(OFFERS, Offer, lambda each: len(each.route) > 1)
    return history.add(OFFERS, replace(offer, position=1), offer.route[1].buyer_id, message.partition)


@violates(Rule.FORKED)
def a_right_that_goes_back_to_the_router_after_its_end(history: History) -> Place:
    """It was sold, and waits to be sold again."""
    _, sale = history.first(SOLD, LeadSold, live)
    _, offer = history.first(
        OFFERS, Offer, lambda each: (each.slip.lead_id, each.right.index) == (sale.lead_id, sale.index)
    )
    refusal = Step(sale.buyer_id, sale.contract_id, sale.sold_at, Reason.TERMS_CHANGED, "ranked by others")
    back = Reroute(offer.slip, offer.score, offer.right, (*offer.trace, refusal), offer.lead)
    return history.add(REROUTES, back, sale.lead_id)


@violates(Rule.ENDED_TWICE)
def a_lead_that_routing_rejects_after_it_has_sold_it(history: History) -> Place:
    """The lead is a repeat of itself."""
    _, repeat = history.first(REJECTED, LeadRejected, lambda each: each.reason == "REPEAT")
    _, fact = history.last(CLOSED, LeadClosed)
    wrong = replace(
        repeat,
        stage="routing",
        lead_id=fact.lead_id,
        received_partition=fact.received_partition,
        received_offset=fact.received_offset,
        rejected_at=fact.closed_at,
    )
    return history.add(REJECTED, wrong, fact.lead_id)


@violates(Rule.PHANTOM)
def a_lead_that_changed_on_its_way(history: History) -> Place:
    """Scoring passes on another person."""
    message, scored = history.first(SCORED, LeadScored)
    return history.change(message, replace(scored, lead=replace(scored.lead, first_name="Somebody")))
