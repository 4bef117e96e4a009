"""Rules 13 to 15 of the protocol, status and invariants: the shortest traces that break a system without them.

All stages run, over lists of records. Each test is named for its rule.
"""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.succession import succeed
from schemas.errors import Unavailable
from schemas.records import (
    BuyerCommand,
    Counters,
    Entry,
    LeadClosed,
    LeadSold,
    Offer,
    Reroute,
    RightUnfilled,
)
from schemas.topics import CLOSED, OFFERS, REROUTES, SCORED, SOLD, UNFILLED
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import Pipeline, started
from tests.support.plans import Seller, market

DAY_MS = 24 * HOUR_MS


def successor(old: CompiledPlan, new: CompiledPlan) -> CompiledPlan:
    return compile_plan(succeed(old.plan, new.plan), new.version)


# --- rule 13: removal is a status ---------------------------------------------------------------------------


def test_rule_13_a_right_on_its_way_to_a_retired_buyer_goes_on_and_its_memory_stays() -> None:
    old = market(Seller("a"), Seller("b", priority=2))
    pipeline = started(old)
    pipeline.send(1)
    pipeline.drain()
    pipeline.send(2)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    pipeline.take_away(offer)  # the plan's record overtakes the offer
    pipeline.apply(successor(old, market(Seller("b", priority=2), version=2)))
    pipeline.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    pipeline.drain()
    assert pipeline.buyers() == ["a", "b"]
    (sold,) = [sold for sold in pipeline.records(SOLD, LeadSold) if sold.buyer_id == "b"]
    assert [step.reason for step in sold.trace] == ["BUYER_RETIRED"]
    assert any(key.startswith("a/") for key in pipeline.table(pipeline.delivery, "entries"))
    assert pipeline.view.closing("a-solar", pipeline.now_ms) is not None


def test_rule_13_an_owner_without_terms_sends_a_right_on() -> None:
    knows_both = started(market(Seller("a"), Seller("b", priority=2)))
    knows_both.send(1)
    knows_both.step(knows_both.routing, SCORED, 0)
    (offer,) = knows_both.waiting(OFFERS)
    knows_b = started(market(Seller("b", priority=2)))
    knows_b.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    knows_b.drain()
    assert knows_b.buyers() == ["b"]


# --- rule 14: nothing is sold on other terms than the owner's -----------------------------------------------


def overtaken(rights: int = 1) -> Pipeline:
    """Return a pipeline in which a's price has changed while an offer on the old terms waited."""
    pipeline = started(market(Seller("a", price="30.00"), rights=rights))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    pipeline.take_away(offer)
    pipeline.apply(market(Seller("a", price="20.00"), rights=rights, version=2))
    pipeline.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    return pipeline


def test_rule_14_a_lead_ranked_on_old_terms_is_ranked_again_and_sold_on_the_new_ones() -> None:
    pipeline = overtaken()
    pipeline.drain()
    (sold,) = pipeline.records(SOLD, LeadSold)
    assert (sold.price_minor, sold.plan_version, sold.index) == (2000, 2, 0)
    assert [step.reason for step in sold.trace] == ["TERMS_CHANGED"]
    assert len(pipeline.records(REROUTES, Reroute)) == 1
    assert [offer.right.rerouted for offer in pipeline.records(OFFERS, Offer)] == [False, True]


def test_rule_14_a_right_goes_back_to_the_router_once() -> None:
    pipeline = overtaken()
    pipeline.step(pipeline.delivery, OFFERS, 0)
    pipeline.step(pipeline.routing, REROUTES, 0)
    (offer,) = pipeline.waiting(OFFERS)
    pipeline.take_away(offer)
    pipeline.apply(market(Seller("a", price="25.00"), version=3))
    pipeline.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    pipeline.drain()
    assert pipeline.buyers() == []
    (end,) = pipeline.records(UNFILLED, RightUnfilled)
    assert [step.reason for step in end.trace] == ["TERMS_CHANGED", "TERMS_CHANGED"]
    assert end.reason == "NO_BUYERS"


def behind() -> tuple[Pipeline, CompiledPlan]:
    """Return a pipeline whose owners know that a costs less and b has closed, and whose router does not; the plan."""
    pipeline = started(market(Seller("a", price="30.00"), Seller("b", priority=2)), follow=False)
    known = pipeline.plan
    later = market(Seller("a", price="20.00"), Seller("b", priority=2, hours="{sun: 03:00-04:00}"), version=2)
    pipeline.apply(later)
    pipeline.plan = known
    pipeline.send(1)
    return pipeline, later


def test_rule_14_a_router_waits_for_the_plan_by_which_a_right_was_declined() -> None:
    pipeline, later = behind()
    with pytest.raises(Unavailable, match="plan version 2 has not arrived here yet"):
        pipeline.drain()
    pipeline.now_ms += 9_999
    with pytest.raises(Unavailable):
        pipeline.drain()
    assert pipeline.unfilled() == []
    pipeline.plan = later
    pipeline.drain()
    (sold,) = pipeline.records(SOLD, LeadSold)
    assert (sold.buyer_id, sold.price_minor, sold.plan_version) == ("a", 2000, 2)


def test_rule_14_only_changed_terms_name_a_plan_that_the_router_needs() -> None:
    pipeline = started(market(Seller("a", hours="{sun: 03:00-04:00}"), Seller("b", priority=2)), follow=False)
    pipeline.send(1)
    pipeline.drain()
    assert pipeline.buyers() == ["b"]
    headers = [[name for name, _ in message.headers] for message in pipeline.logs(OFFERS)[0] if message.headers]
    assert headers == [["right"], ["right"]]


def test_rule_14_terms_and_commands_are_in_force_for_the_next_offer_of_the_same_batch() -> None:
    pipeline = started(market(Seller("a", price="30.00")))
    pipeline.send(1, 2, 3)
    pipeline.step(pipeline.routing, SCORED, 0)
    offers = pipeline.waiting(OFFERS)
    for offer in offers:
        pipeline.take_away(offer)
    pipeline.produce(OFFERS, "a", offers[0].value or b"", headers=offers[0].headers)
    pipeline.apply(market(Seller("a", price="20.00"), version=2))
    pipeline.produce(OFFERS, "a", offers[1].value or b"", headers=offers[1].headers)
    pipeline.tell(BuyerCommand("a", "", "pause", -1, pipeline.now_ms))
    pipeline.produce(OFFERS, "a", offers[2].value or b"", headers=offers[2].headers)
    pipeline.step(pipeline.delivery, OFFERS, 0)
    assert [sold.price_minor for sold in pipeline.records(SOLD, LeadSold)] == [3000]
    pipeline.drain()
    assert [sold.price_minor for sold in pipeline.records(SOLD, LeadSold)] == [3000]
    reasons = [[step.reason for step in end.trace] for end in pipeline.records(UNFILLED, RightUnfilled)]
    assert reasons == [["TERMS_CHANGED", "BUYER_PAUSED"], ["TERMS_CHANGED", "BUYER_PAUSED"]]


def test_rule_14_the_wait_for_a_plan_that_does_not_come_has_an_end() -> None:
    pipeline, _ = behind()
    with pytest.raises(Unavailable):
        pipeline.drain()
    pipeline.now_ms += 10_000
    pipeline.drain()
    (end,) = pipeline.records(UNFILLED, RightUnfilled)
    assert [step.reason for step in end.trace].count("TERMS_CHANGED") == 2


@pytest.mark.parametrize(
    ("accept", "sold", "unfilled"),
    [("{email: {starts_with: ann}}", ["a"], []), ("{not: {email: {starts_with: ann}}}", [], ["NO_COVERAGE"])],
)
def test_rule_14_a_later_plan_may_ask_a_lead_for_what_the_plan_of_its_intake_did_not(
    accept: str, sold: list[str], unfilled: list[str]
) -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1)
    pipeline.apply(market(Seller("a", accept=accept), version=2))
    pipeline.drain()
    assert (pipeline.buyers(), pipeline.unfilled()) == (sold, unfilled)


def test_rule_14_a_right_that_comes_back_is_asked_for_what_the_new_terms_want() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    pipeline.take_away(offer)
    pipeline.apply(market(Seller("a", accept="{email: {starts_with: ann}}"), version=2))
    pipeline.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    pipeline.drain()
    assert pipeline.buyers() == ["a"]


def test_rule_14_a_right_that_comes_back_was_worth_the_most_that_any_plan_would_have_paid() -> None:
    pipeline = overtaken()
    pipeline.step(pipeline.delivery, OFFERS, 0)
    pipeline.now_ms += 900_000
    pipeline.drain()
    (end,) = pipeline.records(UNFILLED, RightUnfilled)
    assert (end.reason, end.value_minor) == ("STALE", 3000)


def test_rule_14_a_second_ranking_charges_nobody() -> None:
    pipeline = overtaken()
    before = pipeline.table(pipeline.routing, "rotations")
    pipeline.drain()
    assert pipeline.table(pipeline.routing, "rotations") == before


def test_rule_14_other_changes_of_the_plan_leave_a_right_on_its_way() -> None:
    pipeline = started(market(Seller("a", weight=1)))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    pipeline.take_away(offer)
    pipeline.apply(market(Seller("a", weight=9, caps="{leads: {day: 7}}"), version=2))
    pipeline.produce(OFFERS, "a", offer.value or b"", headers=offer.headers)
    pipeline.drain()
    (sold,) = pipeline.records(SOLD, LeadSold)
    assert (sold.trace, sold.plan_version, sold.buyer_plan_version) == ((), 1, 2)


def test_rule_14_a_router_that_is_behind_the_plan_a_lead_was_taken_in_by_waits() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.lead(make_slip(1, plan_version=2))
    with pytest.raises(Exception, match="plan version 2 has not arrived here yet"):
        pipeline.step(pipeline.routing, SCORED, 0)


# --- rule 15: freshness at every reservation ----------------------------------------------------------------


def test_rule_15_a_lead_that_grows_stale_in_an_inbox_is_not_sold_and_not_sent_on() -> None:
    pipeline = started(market(Seller("a"), Seller("b")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    pipeline.now_ms += 900_000
    pipeline.drain()
    assert (pipeline.buyers(), pipeline.unfilled()) == ([], ["STALE"])


def test_rule_15_a_lead_that_is_stale_when_it_is_routed_is_offered_to_nobody() -> None:
    pipeline = started(market(Seller("a"), rights=2))
    pipeline.send(1)
    pipeline.now_ms += 900_000
    offers = len(pipeline.records(OFFERS, Offer))
    pipeline.drain()
    assert pipeline.unfilled() == ["STALE", "STALE"]
    assert len(pipeline.records(OFFERS, Offer)) == offers


# --- P1, P2: status -----------------------------------------------------------------------------------------


def test_p1_a_buyer_known_to_be_full_gets_no_offer_and_comes_back_by_itself() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 1}}"), Seller("b", caps="{leads: {day: 9}}", priority=2)))
    pipeline.send(1)
    pipeline.drain()
    pipeline.send(2)
    pipeline.drain()
    assert pipeline.buyers() == ["a", "b"]
    second = pipeline.records(OFFERS, Offer)[-1]
    assert [candidate.buyer_id for candidate in second.route] == ["b"]
    assert [(step.buyer_id, step.reason) for step in second.trace] == [("a", "BUYER_CAP")]
    pipeline.now_ms += 14 * HOUR_MS  # midnight, and nobody has announced anything
    pipeline.send(3)
    pipeline.drain()
    assert pipeline.buyers() == ["a", "b", "a"]


def test_p2_a_standing_that_was_lost_with_its_owner_is_announced_again() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {total: 1}}"), Seller("b", priority=2)))
    pipeline.send(1)
    pipeline.drain()
    said = pipeline.logs("internal.buyer-status")[0]
    before = len(said)
    pipeline.move(pipeline.delivery, 0)
    assert {message.key for message in said[before:]} == {b"a-solar", b"b-solar"}


# --- a poison offer -----------------------------------------------------------------------------------------


def test_an_offer_that_cannot_be_read_ends_its_right_and_nothing_else_is_given_up() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    epoch = pipeline.epoch(pipeline.delivery)
    error = ValueError("cannot be read")
    assert pipeline.delivery.give_up(offer._replace(value=b"\x00garbage"), error, epoch)
    pipeline.end(pipeline.delivery, 0, epoch)
    pipeline.take_away(offer)
    pipeline.drain()
    (closed,) = pipeline.records(CLOSED, LeadClosed)
    assert (closed.reason, closed.sold, closed.lead_id) == ("ERROR", 0, make_slip(1).lead_id)
    terms = pipeline.logs(OFFERS)[0][0]
    with pytest.raises(ValueError, match="cannot be read"):
        pipeline.delivery.give_up(terms, error, pipeline.epoch(pipeline.delivery))


# --- invariants over all of it ------------------------------------------------------------------------------


def test_i4_counters_are_the_number_of_entries() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 3}}"), Seller("b"), rights=2))
    pipeline.send(*range(9))
    pipeline.drain()
    entries = Counter(key.split("/")[0] for key in pipeline.table(pipeline.delivery, "entries"))
    caps = pipeline.table(pipeline.delivery, "caps")
    for buyer_id in "ab":
        counters = caps[f"buyer/{buyer_id}"]
        assert isinstance(counters, Counters)
        assert counters.day.leads == entries[buyer_id]
    assert all(isinstance(entry, Entry) for entry in pipeline.table(pipeline.delivery, "entries").values())
    assert replace(caps["buyer/a"]) == caps["contract/a-solar"]
