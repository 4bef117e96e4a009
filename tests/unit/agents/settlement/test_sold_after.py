"""How long a lead took from received to sold is told for each sale that is no test."""

from __future__ import annotations

import pytest

from agents.settlement.stage import Settlement
from schemas.records import LeadSold
from tests.support.pipeline import CODEC, started
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
