"""What the stages tell the metrics: how full caps are, and nothing of test leads."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.delivery.desk import CapFill
from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.settlement.stage import Settlement
from tests.support.leads import HOUR_MS
from tests.support.pipeline import CODEC, SLIPS, Pipeline, started
from tests.support.plans import Seller, market

CAPS = "{leads: {day: 4}, spend: {month: 300.00}}"
SELLER = Seller("a", caps=CAPS, contract_caps="{leads: {hour: 2}}", tests=True)


def fills(pipeline: Pipeline) -> dict[str, float]:
    """Return how full each cap is now, by `contract measure/window`."""
    found = pipeline.delivery.cap_fill(pipeline.now_ms)
    return {f"{fill.contract_id} {fill.measure}/{fill.window}".strip(): fill.ratio for fill in found}


def test_caps_are_empty_before_the_first_sale() -> None:
    pipeline = started(market(SELLER))
    assert list(pipeline.delivery.cap_fill(pipeline.now_ms)) == [
        CapFill("a", "", "leads", "day", 0.0),
        CapFill("a", "", "spend", "month", 0.0),
        CapFill("a", "a-solar", "leads", "hour", 0.0),
    ]


def test_caps_fill_with_each_sale_and_are_empty_when_their_window_is_over() -> None:
    pipeline = started(market(SELLER))
    pipeline.send(1)
    pipeline.drain()
    assert fills(pipeline) == {"leads/day": 0.25, "spend/month": 0.1, "a-solar leads/hour": 0.5}
    pipeline.send(2, 3)
    pipeline.drain()
    assert fills(pipeline) == {"leads/day": 0.5, "spend/month": 0.2, "a-solar leads/hour": 1.0}
    pipeline.now_ms += HOUR_MS  # nobody has looked since
    assert fills(pipeline) == {"leads/day": 0.5, "spend/month": 0.2, "a-solar leads/hour": 0.0}
    pipeline.now_ms += 24 * HOUR_MS
    assert fills(pipeline)["leads/day"] == 0.0


def test_a_cap_that_was_lowered_is_more_than_full() -> None:
    pipeline = started(market(SELLER))
    pipeline.send(1, 2)
    pipeline.drain()
    pipeline.apply(market(Seller("a", caps="{leads: {day: 1}}"), version=2))
    pipeline.drain()
    assert fills(pipeline) == {"leads/day": 2.0}


def test_fill_is_known_again_after_a_restore_and_gone_with_the_partition() -> None:
    pipeline = started(market(SELLER))
    pipeline.send(1)
    pipeline.drain()
    before = fills(pipeline)
    pipeline.move(pipeline.delivery, 0)
    assert fills(pipeline) == before
    pipeline.delivery.forget(0)
    assert fills(pipeline) == {}


@pytest.mark.parametrize("test", [False, True])
def test_a_test_lead_counts_nowhere(test: bool) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    pipeline = started(market(SELLER, Seller("b", tests=True), rights=3))
    pipeline.routing = Routing(CODEC, SLIPS, lambda: pipeline.plan, pipeline.view, tally=counted)
    pipeline.delivery = Delivery(CODEC, SLIPS, pipeline.view, lambda topic: True, tally=counted)
    pipeline.settlement = Settlement(CODEC, tally=counted)
    pipeline.send(1, test=test)
    pipeline.drain()
    assert len(pipeline.buyers()) == 2
    if test:
        assert not counted
        assert fills(pipeline)["leads/day"] == 0.0
    else:
        assert counted == {("offered", ""): 2, ("sold", ""): 2, ("sold", "SOLD"): 1, ("unfilled", "NO_BUYERS"): 1}
