"""Rules 1 to 8 of the protocol: the shortest traces that break a system without them, for buyers with a topic.

All stages run, over lists of records. Each test is named for its rule.
"""

from __future__ import annotations

from collections import Counter

from schemas.records import (
    BuyerLead,
    LeadClosed,
    LeadRejected,
    LeadSold,
    RightUnfilled,
)
from schemas.topics import CLOSED, OFFERS, REJECTED, SCORED, SOLD, UNFILLED
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import started
from tests.support.plans import Seller, market

DAY_MS = 24 * HOUR_MS


# --- rule 1: ids are computed -------------------------------------------------------------------------------


def test_rule_1_an_epoch_that_is_done_again_gives_the_same_sale() -> None:
    plan = market(Seller("a"), Seller("b"))
    ids = []
    for crash in (False, True):
        pipeline = started(plan)
        pipeline.send(1)
        pipeline.step(pipeline.routing, SCORED, 0)
        if crash:
            pipeline.step(pipeline.delivery, OFFERS, 0, crash=True)
        pipeline.drain()
        (lead,) = pipeline.records(f"buyers.{pipeline.buyers()[0]}.leads", BuyerLead)
        ids.append(lead.sale_id)
    assert ids[0] == ids[1]


# --- rule 2: routed once, and all rights --------------------------------------------------------------------


def test_rule_2_the_same_lead_again_is_a_repeat_and_has_no_second_right() -> None:
    pipeline = started(market(Seller("a"), Seller("b"), rights=1))
    pipeline.send(1, 1)
    pipeline.drain()
    assert len(pipeline.buyers()) == 1
    (rejected,) = pipeline.records(REJECTED, LeadRejected)
    assert (rejected.stage, rejected.reason) == ("routing", "REPEAT")
    assert (rejected.earlier_partition, rejected.earlier_offset) == (0, 1)
    assert rejected.earlier_lead_id == rejected.lead_id


def test_rule_2_the_guard_holds_over_a_move_and_ends_with_its_horizon() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1)
    pipeline.drain()
    pipeline.move(pipeline.routing, 0)
    pipeline.send(1)
    pipeline.drain()
    assert len(pipeline.records(REJECTED, LeadRejected)) == 1
    pipeline.advance(90 * DAY_MS)
    assert pipeline.table(pipeline.routing, "routed") == {}


def test_rule_2_with_fewer_buyers_than_rights_the_rest_end_at_once() -> None:
    pipeline = started(market(Seller("a"), Seller("b"), rights=3))
    pipeline.send(1)
    pipeline.drain()
    assert sorted(pipeline.buyers()) == ["a", "b"]
    assert pipeline.unfilled() == ["NO_BUYERS"]
    (closed,) = pipeline.records(CLOSED, LeadClosed)
    assert (closed.sold, closed.rights) == (2, 3)


def test_rule_2_a_lead_that_nobody_accepts_ends_all_its_rights() -> None:
    pipeline = started(market(Seller("a", accept="{state: [NY]}"), rights=2))
    pipeline.send(1)
    pipeline.drain()
    assert pipeline.unfilled() == ["NO_COVERAGE", "NO_COVERAGE"]
    (closed,) = pipeline.records(CLOSED, LeadClosed)
    assert (closed.reason, closed.sold, closed.value_minor) == ("NO_COVERAGE", 0, 0)


# --- rule 3: a right is in exactly one place ----------------------------------------------------------------


def test_rule_3_a_refused_right_is_nowhere_but_in_the_next_inbox() -> None:
    sellers = [Seller(name, caps="{leads: {day: 1}}", priority=rank) for rank, name in enumerate("abc", start=1)]
    pipeline = started(market(*sellers), follow=False)
    pipeline.send(1, 2)
    pipeline.step(pipeline.routing, SCORED, 0)
    pipeline.step(pipeline.delivery, OFFERS, 0)
    assert pipeline.buyers() == ["a"]
    (waiting,) = pipeline.waiting(OFFERS)
    assert waiting.key == b"b"
    pipeline.drain()
    assert pipeline.buyers() == ["a", "b"]
    (sold,) = [sold for sold in pipeline.records(SOLD, LeadSold) if sold.buyer_id == "b"]
    assert [(step.buyer_id, step.reason, step.detail) for step in sold.trace] == [("a", "BUYER_CAP", "day: 1 of 1")]


# --- rule 5: no buyer gets a lead twice ---------------------------------------------------------------------


def test_rule_5_two_rights_that_meet_at_the_same_backup_sell_it_one_lead() -> None:
    full = "{leads: {day: 1}}"
    sellers = [Seller("a", caps=full), Seller("b", caps=full), Seller("c", priority=2)]
    pipeline = started(market(*sellers, rights=2), follow=False)
    pipeline.send(1, 2)
    pipeline.drain()
    assert sorted(pipeline.buyers()) == ["a", "b", "c"]
    (end,) = pipeline.records(UNFILLED, RightUnfilled)
    assert [step.reason for step in end.trace] == ["BUYER_CAP", "ALREADY_SOLD_TO_BUYER"]


def test_rule_5_an_entry_outlives_the_move_and_three_times_the_freshness_of_a_lead() -> None:
    pipeline = started(market(Seller("a"), sell_within="10d"))
    pipeline.send(1, sell_within_ms=10 * DAY_MS)
    pipeline.drain()
    pipeline.move(pipeline.delivery, 0)
    pipeline.advance(30 * DAY_MS - 1)
    assert len(pipeline.table(pipeline.delivery, "entries")) == 1
    pipeline.advance(60_000)
    assert pipeline.table(pipeline.delivery, "entries") == {}


# --- rule 6: caps -------------------------------------------------------------------------------------------


def test_rule_6_a_cap_lowered_below_what_was_sold_sells_nothing_more() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 5}}")))
    pipeline.send(1, 2, 3)
    pipeline.drain()
    pipeline.apply(market(Seller("a", caps="{leads: {day: 2}}"), version=2))
    pipeline.send(4)
    pipeline.drain()
    assert len(pipeline.buyers()) == 3
    assert pipeline.unfilled() == ["ALL_CAPPED"]


def test_rule_6_a_cap_set_at_noon_sees_the_morning() -> None:
    pipeline = started(market(Seller("a")))
    pipeline.send(1, 2, 3)
    pipeline.drain()
    pipeline.advance(2 * HOUR_MS)
    pipeline.apply(market(Seller("a", contract_caps="{leads: {day: 4}}"), version=2))
    pipeline.send(4, 5)
    pipeline.drain()
    assert len(pipeline.buyers()) == 4


def test_rule_6_money_is_refused_when_the_price_would_pass_the_cap() -> None:
    pipeline = started(
        market(Seller("a", price="[{when: {grade: A}, is: 30.00}, {is: 10.00}]", caps="{spend: {day: 70.00}}"))
    )
    pipeline.send(1, 2, 3)
    pipeline.drain()
    assert len(pipeline.buyers()) == 2
    cheap = make_slip(4, {"state": "CA", "owns_home": "false", "monthly_bill": "1"}, now_ms=pipeline.now_ms)
    pipeline.lead(cheap)
    pipeline.drain()
    assert [sold.price_minor for sold in pipeline.records(SOLD, LeadSold)] == [3000, 3000, 1000]


def test_rule_6_count_and_entry_are_undone_together() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 1}}")))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    pipeline.step(pipeline.delivery, OFFERS, 0, crash=True)
    assert pipeline.table(pipeline.delivery, "entries") == {}
    assert pipeline.table(pipeline.delivery, "caps") == {}
    pipeline.drain()
    assert pipeline.buyers() == ["a"]


# --- rule 8: windows never go back --------------------------------------------------------------------------


def test_rule_8_an_owner_whose_clock_is_before_midnight_counts_in_the_window_that_was_opened() -> None:
    pipeline = started(market(Seller("a", caps="{leads: {day: 1}}")))
    pipeline.send(1)
    pipeline.drain()
    pipeline.advance(14 * HOUR_MS)  # 0:00 Pacific
    pipeline.send(2)
    pipeline.drain()
    pipeline.now_ms -= HOUR_MS
    pipeline.move(pipeline.delivery, 0)
    pipeline.send(3)
    pipeline.drain()
    per_day = Counter(sold.windows.day_at for sold in pipeline.records(SOLD, LeadSold))
    assert list(per_day.values()) == [1, 1]
    assert pipeline.unfilled() == ["ALL_CAPPED"]
