"""The readings of the reference plan: what its words mean for a lead, through routing, delivery and settlement."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.records import BuyerLead, LeadClosed, LeadSold, RightUnfilled
from tests.support.leads import HOUR_MS, make_slip
from tests.support.pipeline import Pipeline
from tests.support.plans import reference_plan

OHIO = {"state": "OH", "owns_home": "true", "monthly_bill": "90"}


@pytest.fixture
def pipeline() -> Pipeline:
    made = Pipeline(reference_plan())
    made.drain()
    return made


def sales(pipeline: Pipeline) -> dict[str, int]:
    """Return price_minor by buyer of all that was sold."""
    return {sold.buyer_id: sold.price_minor for sold in pipeline.records("leads.sold", LeadSold)}


def test_ninety_points_are_an_a_and_two_of_three_buy(pipeline: Pipeline) -> None:
    pipeline.lead(make_slip(1))
    pipeline.drain()
    (first, second) = pipeline.records("leads.sold", LeadSold)
    assert (first.points, first.grade) == (90, "A")
    assert {"sunco": 5500, "brightroof": 3800, "homebase": 3000}.items() >= sales(pipeline).items()
    assert first.buyer_id != second.buyer_id
    (closed,) = pipeline.records("leads.closed", LeadClosed)
    assert (closed.sold, closed.rights, closed.reason) == (2, 2, "SOLD")
    assert closed.payout_minor == 1400


def test_sunco_buys_every_lead_brightroof_two_of_three_homebase_one_of_three(pipeline: Pipeline) -> None:
    for number in range(36):
        pipeline.lead(make_slip(number))
    pipeline.drain()
    bought = Counter(sold.buyer_id for sold in pipeline.records("leads.sold", LeadSold))
    assert bought["sunco"] == 36
    assert bought["brightroof"] == pytest.approx(24, abs=1)
    assert bought["homebase"] == pytest.approx(12, abs=1)
    assert bought.total() == 72


def test_at_half_past_six_brightroof_is_closed(pipeline: Pipeline) -> None:
    pipeline.advance(8 * HOUR_MS + HOUR_MS // 2)
    pipeline.lead(make_slip(1, now_ms=pipeline.now_ms))
    pipeline.drain()
    assert sales(pipeline) == {"sunco": 5500, "homebase": 3000}


def test_at_half_past_eight_homebase_alone_buys_and_one_right_stays_unfilled(pipeline: Pipeline) -> None:
    pipeline.advance(10 * HOUR_MS + HOUR_MS // 2)
    pipeline.lead(make_slip(1, now_ms=pipeline.now_ms))
    pipeline.drain()
    assert sales(pipeline) == {"homebase": 3000}
    (unfilled,) = pipeline.records("rights.unfilled", RightUnfilled)
    assert unfilled.reason == "ALL_CLOSED"
    (closed,) = pipeline.records("leads.closed", LeadClosed)
    assert (closed.reason, closed.sold, closed.rights, closed.revenue_minor) == ("SOLD", 1, 2, 3000)


def test_at_half_past_six_the_same_without_any_status(pipeline: Pipeline) -> None:
    """A router that knows nothing sends rights to closed buyers; the owners send them on to the same end."""
    blind = Pipeline(reference_plan(), follow=False)
    blind.drain()
    blind.advance(8 * HOUR_MS + HOUR_MS // 2)
    blind.lead(make_slip(1, now_ms=blind.now_ms))
    blind.drain()
    assert sales(blind) == {"sunco": 5500, "homebase": 3000}


def test_ohio_scores_forty_and_homebase_pays_twelve(pipeline: Pipeline) -> None:
    pipeline.lead(make_slip(1, OHIO))
    pipeline.drain()
    (sold,) = pipeline.records("leads.sold", LeadSold)
    assert (sold.points, sold.grade, sold.buyer_id, sold.price_minor) == (40, "C", "homebase", 1200)
    assert "otherwise" in sold.price_rule
    (unfilled,) = pipeline.records("rights.unfilled", RightUnfilled)
    assert unfilled.reason == "NO_BUYERS"


def test_suncos_contract_cap_of_forty_leaves_the_rest_to_the_others(pipeline: Pipeline) -> None:
    for number in range(45):
        pipeline.lead(make_slip(number))
        pipeline.drain()
    bought = Counter(sold.buyer_id for sold in pipeline.records("leads.sold", LeadSold))
    assert bought["sunco"] == 40
    last = [sold for sold in pipeline.records("leads.sold", LeadSold) if sold.buyer_id == "sunco"][-1]
    assert [(use.scope, use.window, use.before, use.after, use.limit) for use in last.caps] == [
        ("contract", "day", 39, 40, 40),
        ("buyer", "day", 39, 40, 50),
        ("buyer", "month", 39, 40, 900),
    ]


def test_the_buyers_topic_carries_its_lead_and_nothing_of_others(pipeline: Pipeline) -> None:
    pipeline.lead(make_slip(1))
    pipeline.drain()
    (lead,) = pipeline.records("buyers.sunco.leads", BuyerLead)
    (sold,) = [sold for sold in pipeline.records("leads.sold", LeadSold) if sold.buyer_id == "sunco"]
    assert lead.sale_id == sold.sale_id
    assert lead.lead.email == "ann@example.org"
    assert (lead.price_minor, lead.currency, lead.test) == (5500, "USD", False)
