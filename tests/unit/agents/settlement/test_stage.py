"""The stage that closes leads: its books, what it counts, and what it is told to time."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.settlement.stage import Settlement
from schemas.records import LeadClosed, LeadSold
from schemas.topics import CLOSED, OFFERS, SCORED, SOLD
from tests.support.pipeline import CODEC, SLIPS, started
from tests.support.plans import Seller, market


@pytest.mark.parametrize("test", [False, True])
def test_a_sale_is_timed_from_the_brokers_time_of_the_received_lead(test: bool) -> None:
    took_ms: list[int] = []
    pipeline = started(market(Seller("b1", tests=True), Seller("b2", tests=True), rights=2))
    pipeline.settlement = Settlement(CODEC, sold_after=took_ms.append)
    pipeline.send(1, 2, test=test)
    pipeline.drain()
    sales = pipeline.records("leads.sold", LeadSold)
    assert len(sales) == 4
    assert took_ms == ([] if test else [fact.sold_at - fact.received_at for fact in sales])


def test_books_are_kept_of_a_lead_until_it_closes_and_no_longer() -> None:
    pipeline = started(market(Seller("b1"), Seller("b2"), rights=2))
    pipeline.send(1)
    pipeline.step(pipeline.routing, SCORED, 0)
    pipeline.step(pipeline.delivery, OFFERS, 0, 1)
    pipeline.step(pipeline.settlement, SOLD, 0)
    assert len(pipeline.table(pipeline.settlement, "open-leads")) == 1
    pipeline.drain()
    assert pipeline.table(pipeline.settlement, "open-leads") == {}
    assert len(pipeline.records(CLOSED, LeadClosed)) == 1


@pytest.mark.parametrize("test", [False, True])
def test_a_test_lead_counts_in_no_stage(test: bool) -> None:
    counted: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in ("routing", "delivery", "settlement")}
    pipeline = started(market(Seller("b1", tests=True), rights=2))
    plan = pipeline.plan
    pipeline.routing = Routing(CODEC, SLIPS, lambda: plan, pipeline.view, tally=counted["routing"])
    pipeline.delivery = Delivery(CODEC, SLIPS, pipeline.view, lambda _: True, tally=counted["delivery"])
    pipeline.settlement = Settlement(CODEC, tally=counted["settlement"])
    pipeline.send(1, test=test)
    pipeline.drain()
    assert len(pipeline.records(CLOSED, LeadClosed)) == 1
    once = {
        "routing": {("offered", ""): 1, ("unfilled", "NO_BUYERS"): 1},
        "delivery": {("sold", ""): 1},
        "settlement": {("sold", "SOLD"): 1},
    }
    assert counted == ({name: {} for name in once} if test else once)
