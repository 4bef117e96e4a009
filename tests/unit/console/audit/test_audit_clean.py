"""Clean topics have no finding, whatever happened on the way, and the sums agree."""

from __future__ import annotations

import pytest

from console.audit.auditor import Auditor
from console.simulation.auditing import SLACK
from console.simulation.process import CODEC as SIMULATION_CODEC
from console.simulation.scenario import Scenario
from console.simulation.world import World as SimulatedWorld
from schemas.records import LeadClosed, LeadSold
from tests.unit.console.audit.judged import judged, shuffled
from tests.unit.console.audit.world import Faults, clean, lived

#: What may happen to the workers; claims are wiped, the plan changes and midnight passes in all of them.
WEATHERS = (Faults(), Faults(crash=0.005, freeze=0.003, lost=0.02), Faults(crash=0.01))


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_change_crashes_lost_claims_and_a_midnight_leave_nothing_to_find(seed: int) -> None:
    world = lived(seed, WEATHERS[seed % 3])
    verdict = judged(world.messages())
    assert verdict.findings == ()
    figures = verdict.figures
    assert figures.received == world.received + 1  # one record that cannot be read is set aside
    assert figures.dead == 1
    assert figures.repeats + sum(figures.rejected.values()) + figures.dead + figures.unique == figures.received
    assert figures.open == 0
    assert figures.tests > 0
    closed = [fact for fact in world.records("leads.closed", LeadClosed) if not fact.test]
    sold = [fact for fact in world.records("leads.sold", LeadSold) if not fact.test]
    assert (figures.closed - figures.tests, figures.sales) == (len(closed), len(sold))
    assert figures.revenue_minor == sum(fact.price_minor for fact in sold)
    assert figures.payout_minor == 1400 * sum(fact.sold > 0 for fact in closed)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_between_partitions_changes_nothing(seed: int) -> None:
    verdict = judged(shuffled(clean(), seed))
    assert verdict.findings == ()
    straight = judged(clean()).figures
    assert verdict.accounting() == judged(clean()).accounting()
    assert (verdict.figures.sales, verdict.figures.revenue_minor) == (straight.sales, straight.revenue_minor)


def test_a_verdict_says_which_caps_are_exactly_full() -> None:
    verdict = judged(clean())
    full = {
        (fill.buyer_id, fill.contract_id, fill.limit.measure, fill.limit.window) for fill in verdict.fills if fill.full
    }
    assert ("a", "", "leads", "day") in full
    assert all(fill.used <= fill.limit.limit for fill in verdict.fills)
    assert str(verdict) == f"0 lost, 0 sold twice, 0 over cap, {verdict.caps_full} caps exactly full"


def test_open_leads_are_dropped_as_they_end() -> None:
    verdict = judged(clean())
    assert verdict.figures.peak_open < verdict.figures.received
    assert verdict.figures.remembered_bytes < 200_000


def test_topics_that_are_not_audited_are_passed_over() -> None:
    records = judged(clean()).figures.records
    assert records == sum(not m.topic.endswith(("changelog", "buyer-status")) for m in clean())


@pytest.mark.parametrize("first", range(0, 12, 4))
def test_whatever_the_simulation_draws_leaves_nothing_to_find(first: int) -> None:
    """Random plans and leads, every fault, in an order between partitions that nobody would read them in."""
    for seed in range(first, first + 4):
        world = SimulatedWorld(Scenario(seed))
        world.run()
        broker = world.broker
        messages = [message for topic in broker.counts() for message in broker.records(topic)]
        auditor = Auditor(SIMULATION_CODEC, slack=SLACK)
        for message in shuffled(messages, seed):
            auditor.take(message)
        assert auditor.end().findings == (), f"seed {seed}"
