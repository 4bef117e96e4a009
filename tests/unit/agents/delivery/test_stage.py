"""The owner at work: status, timers, topics, commands, and what a buyer's topic carries."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agents.delivery.desk import CapFill
from agents.delivery.stage import Delivery
from agents.terms import terms_of
from config.plan.compiled import compile_plan
from config.plan.succession import succeed
from schemas.errors import Undecodable
from schemas.records import BuyerCommand, BuyerLead, BuyerStatus, Lead, LeadClosed, LeadSold, OpenLead
from schemas.topics import BUYER_STATUS, CLOSED, OFFERS, SOLD
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import CODEC, SLIPS, Pipeline, started
from tests.support.plans import Seller, market

SECOND_MS = 1_000


def said(pipeline: Pipeline) -> list[tuple[str, bool, str]]:
    """Return all announcements so far: contract, open, reason."""
    return [(status.contract_id, status.open, status.reason) for status in pipeline.records(BUYER_STATUS, BuyerStatus)]


def command(pipeline: Pipeline, action: str, contract_id: str = "", until: int = -1) -> None:
    pipeline.tell(BuyerCommand("a", contract_id, action, until, pipeline.now_ms))
    pipeline.drain()


# --- status ------------------------------------------------------------------------------------------------


def test_first_terms_are_announced_at_once() -> None:
    assert said(started(market(Seller("a"), Seller("b")))) == [("a-solar", True, ""), ("b-solar", True, "")]


def test_a_full_cap_is_announced_with_the_sale_that_fills_it() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 2}}")))
    pipeline.send(1, 2)
    pipeline.drain()
    assert said(pipeline)[1:] == [("a-solar", False, "BUYER_CAP")]
    status = pipeline.records(BUYER_STATUS, BuyerStatus)[-1]
    assert status.closed_until == pipeline.now_ms + 14 * HOUR_MS


def test_at_the_windows_end_it_is_announced_open_a_second_later() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 1}}")))
    pipeline.send(1)
    pipeline.drain()
    pipeline.advance(14 * HOUR_MS)
    assert said(pipeline)[-1] == ("a-solar", False, "BUYER_CAP")
    pipeline.advance(SECOND_MS)
    assert said(pipeline)[-1] == ("a-solar", True, "")


def test_closing_and_opening_hours_are_timers() -> None:
    pipeline = started(market(Seller("a", hours="{mon-fri: 08:00-20:00}")))
    due = pipeline.delivery.due_at(0)
    assert due is not None
    assert due <= pipeline.now_ms + 10 * HOUR_MS
    pipeline.advance(10 * HOUR_MS)
    assert said(pipeline)[-1] == ("a-solar", False, "BUYER_CLOSED_HOURS")
    assert pipeline.records(BUYER_STATUS, BuyerStatus)[-1].closed_until == pipeline.now_ms + 12 * HOUR_MS
    pipeline.advance(12 * HOUR_MS)
    pipeline.advance(SECOND_MS)
    assert said(pipeline)[-1] == ("a-solar", True, "")


def test_nothing_due_wakes_nobody() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.tick()
    due = pipeline.delivery.due_at(0)
    assert due is not None
    assert due > pipeline.now_ms + HOUR_MS


def test_an_aborted_epoch_announces_everything_anew() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 1}}")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, "leads.scored", 0)
    pipeline.step(pipeline.delivery, OFFERS, 0, crash=True)
    assert said(pipeline) == [("a-solar", True, "")]
    assert pipeline.delivery.due_at(0) == 0
    pipeline.advance(0)
    assert said(pipeline)[-1] == ("a-solar", False, "BUYER_CAP")


# --- commands ----------------------------------------------------------------------------------------------


def test_pause_and_resume_are_in_force_and_announced_at_once() -> None:
    pipeline = started(market(Seller("a"), Seller("b", priority=2)))
    command(pipeline, "pause")
    pipeline.send(1)
    pipeline.drain()
    command(pipeline, "resume")
    pipeline.send(2)
    pipeline.drain()
    assert pipeline.buyers() == ["b", "a"]
    assert said(pipeline)[2:] == [("a-solar", False, "BUYER_PAUSED"), ("a-solar", True, "")]


def test_a_pause_is_kept_over_a_plan_and_ends_at_its_until() -> None:
    pipeline = started(market(Seller("a")))
    command(pipeline, "pause", "a-solar", until=pipeline.now_ms + HOUR_MS)
    pipeline.apply(market(Seller("a", caps="{leads: {day: 9}}"), version=2))
    pipeline.send(1)
    pipeline.drain()
    assert pipeline.unfilled() == ["ALL_PAUSED"]
    pipeline.advance(HOUR_MS)
    pipeline.send(2)
    pipeline.drain()
    assert pipeline.buyers() == ["a"]
    (state,) = pipeline.table(pipeline.delivery, "buyers").values()
    assert state.pauses == {}  # type: ignore[attr-defined]  # the table holds BuyerState


def test_a_command_for_a_buyer_without_terms_changes_nothing() -> None:
    pipeline = started(market(Seller("b")))
    command(pipeline, "pause")
    assert set(pipeline.table(pipeline.delivery, "buyers")) == {"b"}


# --- topics ------------------------------------------------------------------------------------------------


def test_a_contract_opens_only_after_its_topic_is_seen() -> None:
    pipeline = Pipeline(market(Seller("a"), Seller("b", priority=2)))
    pipeline.missing.add("buyers.a.leads")
    pipeline.drain()
    assert said(pipeline)[0] == ("a-solar", False, "TOPIC_UNAVAILABLE")
    pipeline.send(1)
    pipeline.drain()
    pipeline.missing.clear()
    pipeline.advance(SECOND_MS)
    pipeline.advance(SECOND_MS)
    pipeline.send(2)
    pipeline.drain()
    assert pipeline.buyers() == ["b", "a"]


def test_a_topic_that_is_gone_closes_that_buyer_alone() -> None:
    pipeline = started(market(Seller("a"), Seller("b", priority=2)))
    pipeline.missing.add("buyers.a.leads")
    pipeline.send(1)
    pipeline.drain()
    (sold,) = pipeline.records(SOLD, LeadSold)
    assert (sold.buyer_id, [step.reason for step in sold.trace]) == ("b", ["TOPIC_UNAVAILABLE"])
    assert pipeline.view.closing("a-solar", pipeline.now_ms) is not None
    assert pipeline.view.closing("b-solar", pipeline.now_ms) is None


def test_nobody_looks_for_the_topic_of_a_buyer_that_is_retired() -> None:
    old = market(Seller("a"), Seller("b", priority=2))
    pipeline = Pipeline(old)
    pipeline.missing.add("buyers.a.leads")
    pipeline.drain()
    pipeline.tick()
    assert pipeline.delivery.due_at(0) == pipeline.now_ms + 250
    pipeline.apply(compile_plan(succeed(old.plan, market(Seller("b", priority=2)).plan), 2))
    pipeline.drain()
    pipeline.advance(SECOND_MS)
    assert (pipeline.delivery.due_at(0) or 0) > pipeline.now_ms + SECOND_MS
    assert said(pipeline)[-1] == ("a-solar", False, "BUYER_RETIRED")


def test_a_contract_that_its_terms_do_not_name_any_more_is_announced_as_retired() -> None:
    pipeline = started(market(Seller("a"), Seller("b", priority=2)))
    pipeline.tell(replace(terms_of(pipeline.plan, "a", pipeline.now_ms), contracts=()))
    pipeline.drain()
    assert said(pipeline)[-1] == ("a-solar", False, "BUYER_RETIRED")


def test_how_full_caps_are_is_told_of_buyers_that_can_buy() -> None:
    old = market(Seller("a", caps="{leads: {day: 4}}"), Seller("b", contract_caps="{spend: {total: 60.00}}"))
    pipeline = started(old)
    pipeline.send(1, 2)
    pipeline.drain()
    full = list(pipeline.delivery.cap_fill(pipeline.now_ms))
    assert full == [CapFill("a", "", "leads", "day", 0.25), CapFill("b", "b-solar", "spend", "total", 0.5)]
    pipeline.apply(compile_plan(succeed(old.plan, market(Seller("a", caps="{leads: {day: 4}}")).plan), 2))
    pipeline.drain()
    assert list(pipeline.delivery.cap_fill(pipeline.now_ms)) == full[:1]


# --- test leads --------------------------------------------------------------------------------------------


def test_a_test_lead_goes_to_who_accepts_tests_for_nothing_and_touches_nothing() -> None:
    pipeline = started(market(Seller("a"), Seller("b", tests=True, priority=2, caps="{leads: {day: 1}}")))
    pipeline.send(1, 2, test=True)
    pipeline.drain()
    assert pipeline.buyers() == ["b", "b"]
    for sold in pipeline.records(SOLD, LeadSold):
        assert (sold.price_minor, sold.test, sold.caps, sold.payout_minor) == (0, True, (), 0)
    assert pipeline.table(pipeline.delivery, "caps") == {}
    assert pipeline.table(pipeline.routing, "rotations") == {}
    assert len(pipeline.table(pipeline.delivery, "entries")) == 2
    assert [closed.test for closed in pipeline.records(CLOSED, LeadClosed)] == [True, True]


def test_a_full_cap_does_not_keep_a_test_lead_away() -> None:
    pipeline = started(market(Seller("b", tests=True, caps="{leads: {day: 1}}")))
    pipeline.send(1)
    pipeline.drain()
    pipeline.send(2, test=True)
    pipeline.drain()
    assert pipeline.buyers() == ["b", "b"]


def test_a_full_cap_does_not_keep_away_a_test_lead_that_is_sent_on() -> None:
    pipeline = started(market(Seller("a", tests=True), Seller("b", tests=True, priority=2, caps="{leads: {day: 1}}")))
    command(pipeline, "pause")
    pipeline.send(1)
    pipeline.drain()
    command(pipeline, "resume")
    pipeline.send(2, test=True)
    command(pipeline, "pause")  # stands in the inbox before the offer, and the router did not know of it
    assert pipeline.buyers() == ["b", "b"]


def test_nobody_accepts_tests() -> None:
    pipeline = started(market(Seller("a"), Seller("b")))
    pipeline.send(1, test=True)
    pipeline.drain()
    assert pipeline.unfilled() == ["TESTS_NOT_ACCEPTED"]


# --- memory ------------------------------------------------------------------------------------------------


def test_a_lead_older_than_a_third_of_the_memory_is_stale_whatever_the_plan_says() -> None:
    pipeline = started(market(Seller("a"), sell_within="10d"))
    pipeline.delivery = Delivery(CODEC, SLIPS, pipeline.view, lambda topic: True, horizon_ms=3 * HOUR_MS)
    pipeline.send(1, 2, sell_within_ms=240 * HOUR_MS)
    pipeline.step(pipeline.routing, "leads.scored", 0, 1)
    pipeline.now_ms += HOUR_MS - 1
    pipeline.drain()
    pipeline.now_ms += 1
    pipeline.send(3, sell_within_ms=240 * HOUR_MS)
    late = make_slip(4, now_ms=pipeline.now_ms - HOUR_MS, sell_within_ms=240 * HOUR_MS)
    pipeline.lead(late)
    pipeline.drain()
    assert len(pipeline.buyers()) == 3
    assert pipeline.unfilled() == ["STALE"]


# --- what travels ------------------------------------------------------------------------------------------


def test_a_contract_that_names_fields_gets_those_alone() -> None:
    pipeline = started(market(Seller("a", fields="[email, state, monthly_bill]")))
    pipeline.send(1)
    pipeline.drain()
    (lead,) = pipeline.records("buyers.a.leads", BuyerLead)
    assert lead.lead == Lead(email="ann@example.org", state="CA", fields={"monthly_bill": "220"})


def test_facts_hold_no_person() -> None:
    pipeline = started(market(Seller("a"), rights=2))
    pipeline.send(1)
    pipeline.drain()
    facts = [
        m.value or b"" for topic in (SOLD, "rights.unfilled", CLOSED, BUYER_STATUS) for m in pipeline.logs(topic)[0]
    ]
    assert facts
    assert not [value for value in facts if b"Ann" in value or b"example.org" in value or b"5550123" in value]


def test_a_strange_record_in_an_inbox_is_refused_by_name() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.produce(OFFERS, "a", CODEC.encode(OpenLead(1, (), 0, 0, 0, "", "", {}, 0, 0)))
    with pytest.raises(Undecodable, match="not a record for a buyer's inbox: OpenLead"):
        pipeline.drain()


# --- two days, three zones ---------------------------------------------------------------------------------


def test_every_buyer_fills_its_cap_each_day_and_sells_again_at_its_own_midnight() -> None:
    """Demand all day, caps of 5 a day: over two whole days each buyer buys five in each of its calendar days."""
    zones = {"la": "America/Los_Angeles", "ny": "America/New_York", "ch": "America/Chicago"}
    sellers = [Seller(name, zone=zone, caps="{leads: {day: 5}}") for name, zone in zones.items()]
    pipeline = started(market(*sellers, rights=3))
    pipeline.now_ms -= 17 * HOUR_MS  # midnight of 2 June in UTC
    for number in range(96):
        pipeline.advance(HOUR_MS // 2)
        pipeline.lead(make_slip(number, now_ms=pipeline.now_ms))
        pipeline.drain()
    days: dict[tuple[str, int], int] = {}
    for sold in pipeline.records(SOLD, LeadSold):
        days[sold.buyer_id, sold.windows.day_at] = days.get((sold.buyer_id, sold.windows.day_at), 0) + 1
        assert sold.sold_at - sold.windows.day_at < 24 * HOUR_MS
    assert set(days.values()) == {5}
    assert {len([day for buyer_id, day in days if buyer_id == name]) for name in zones} == {3}
