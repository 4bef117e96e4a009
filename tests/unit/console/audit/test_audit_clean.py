"""Clean topics have no finding, whatever happened on the way, and the sums agree."""

from __future__ import annotations

from functools import cache

import pytest

from console.audit.verdict import Verdict
from tests.unit.console.audit.judged import assert_clean, judged, shuffled
from tests.unit.console.audit.world import FAULTS, clean, lived


@cache
def straight() -> Verdict:
    """Return the verdict on clean topics in the order of the broker's time; it is looked at and not changed."""
    return judged(clean())


@pytest.mark.parametrize("seed", range(len(FAULTS)))
def test_a_plan_change_crashes_lost_claims_and_a_midnight_leave_nothing_to_find(seed: int) -> None:
    assert_clean(lived(seed, FAULTS[seed]))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_between_partitions_changes_nothing(seed: int) -> None:
    verdict, figures = judged(shuffled(clean(), seed)), straight().figures
    assert verdict.findings == ()
    assert verdict.accounting() == straight().accounting()
    assert (verdict.figures.sales, verdict.figures.revenue_minor) == (figures.sales, figures.revenue_minor)


def test_a_verdict_says_which_caps_are_exactly_full() -> None:
    verdict = straight()
    full = {
        (fill.buyer_id, fill.contract_id, fill.limit.measure, fill.limit.window) for fill in verdict.fills if fill.full
    }
    assert ("a", "", "leads", "day") in full
    assert all(fill.used <= fill.limit.limit for fill in verdict.fills)
    assert str(verdict) == f"0 lost, 0 sold twice, 0 over cap, {verdict.caps_full} caps exactly full"


def test_open_leads_are_dropped_as_they_end() -> None:
    verdict = straight()
    assert verdict.figures.peak_open < verdict.figures.received
    assert verdict.figures.remembered_bytes < 200_000


def test_topics_that_are_not_audited_are_passed_over() -> None:
    records = straight().figures.records
    assert records == sum(not m.topic.endswith(("changelog", "buyer-status")) for m in clean())
