"""The router at work: rotation over epochs, several contracts of one buyer, campaigns that are gone."""

from __future__ import annotations

import pytest

from agents.routing.stage import Routing
from config.plan.compiled import CompiledPlan
from schemas.errors import Unavailable
from schemas.records import Credit, LeadClosed, LeadSold, Offer, RightUnfilled
from schemas.topics import CLOSED, OFFERS, REROUTES, SCORED, SOLD, UNFILLED
from tests.support.leads import make_slip
from tests.support.pipeline import CODEC, SLIPS, Pipeline, started
from tests.support.plans import Seller, market, plan_of, reference_text

TWICE = """
      sunco-gold:
        campaign: solar-us
        accept: {state: [CA], grade: A}
        price: 60.00
        weight: 1
        caps: {leads: {total: 1}}"""


def twice(weight: int) -> CompiledPlan:
    """Return the reference plan with a second contract of sunco, which buys one lead."""
    text = reference_text()
    at = text.index("  brightroof:")
    return plan_of(text[:at].rstrip() + TWICE.replace("weight: 1", f"weight: {weight}") + "\n" + text[at:])


def credits(pipeline: Pipeline) -> dict[str, float]:
    table = pipeline.table(pipeline.routing, "rotations")
    return {key: value.credit for key, value in table.items() if isinstance(value, Credit)}


def test_without_a_plan_the_router_waits_and_says_why() -> None:
    pipeline = Pipeline(market(Seller("a")))
    waiting = Routing(CODEC, SLIPS, lambda: None, pipeline.view)
    assert "leadflow plan apply" in (waiting.waits or "")
    assert pipeline.routing.waits is None


def test_credits_go_on_over_epochs_crashes_and_moves() -> None:
    sellers = [Seller(name, weight=weight) for name, weight in (("a", 3), ("b", 2), ("c", 1))]
    pipeline = started(market(*sellers))
    for number in range(60):
        pipeline.send(number)
        if number % 7 == 3:
            pipeline.step(pipeline.routing, SCORED, 0, crash=True)
        if number % 11 == 5:
            pipeline.move(pipeline.routing, 0)
        pipeline.drain()
    shares = {name: pipeline.buyers().count(name) for name in "abc"}
    assert shares == pytest.approx({"a": 30, "b": 20, "c": 10}, abs=1)
    assert all(-1 < credit < 1 for credit in credits(pipeline).values())


def test_a_buyer_with_two_contracts_buys_a_lead_once_and_by_its_second_when_the_first_is_full() -> None:
    pipeline = started(twice(weight=1))
    pipeline.send(*range(12))
    pipeline.drain()
    sales = [sold for sold in pipeline.records(SOLD, LeadSold) if sold.buyer_id == "sunco"]
    assert len({sold.lead_id for sold in sales}) == len(sales)
    assert [sold.contract_id for sold in sales].count("sunco-gold") == 1


def test_a_second_contract_of_the_same_buyer_is_decided_without_another_hop() -> None:
    pipeline = Pipeline(twice(weight=50), follow=False)
    pipeline.drain()
    pipeline.send(*range(6))
    pipeline.drain()
    fallen = [
        sold
        for sold in pipeline.records(SOLD, LeadSold)
        if sold.contract_id == "sunco-solar" and [step.contract_id for step in sold.trace] == ["sunco-gold"]
    ]
    assert fallen
    moved = [offer for offer in pipeline.records(OFFERS, Offer) if offer.position > 0]
    assert all(offer.route[offer.position].buyer_id != "sunco" for offer in moved)


def test_a_lead_of_a_campaign_that_is_gone_ends_unsold() -> None:
    pipeline = started(market(Seller("a")))
    slip = make_slip(1)
    pipeline.lead(slip)
    pipeline.plan = plan_of(reference_text().replace("solar-us", "solar-eu"), 2)
    pipeline.drain()
    (end,) = pipeline.records(UNFILLED, RightUnfilled)
    assert (end.reason, end.rights, end.payout_minor) == ("NO_COVERAGE", 1, 0)
    assert [lead.reason for lead in pipeline.records(CLOSED, LeadClosed)] == ["NO_COVERAGE"]


def test_a_plan_that_arrives_lets_the_router_go_on() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.lead(make_slip(1, plan_version=2))
    with pytest.raises(Unavailable):
        pipeline.step(pipeline.routing, SCORED, 0)
    pipeline.routing.forget(0)
    pipeline.apply(market(Seller("a", price="31.00"), version=2))
    pipeline.drain()
    assert pipeline.buyers() == ["a"]


def test_a_reroute_that_cannot_be_read_ends_its_right_and_a_lead_may_be_set_aside() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    (offer,) = pipeline.waiting(OFFERS)
    broken = offer._replace(topic=REROUTES, value=b"\x00garbage")
    epoch = pipeline.epoch(pipeline.routing)
    assert pipeline.routing.give_up(broken, ValueError("cannot be read"), epoch)
    (output,) = epoch.outputs
    end = CODEC.decode_as(output[1], RightUnfilled)
    assert (output[0], end.reason, end.lead_id) == (UNFILLED, "ERROR", make_slip(1).lead_id)
    assert not pipeline.routing.give_up(broken._replace(topic=SCORED), ValueError("cannot be read"), epoch)
    with pytest.raises(ValueError, match="cannot be read"):
        pipeline.routing.give_up(broken._replace(headers=()), ValueError("cannot be read"), epoch)
