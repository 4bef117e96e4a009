"""The auditor finds nothing in what a run leaves behind, in whatever order between partitions it reads it."""

from __future__ import annotations

import pytest

from console.audit.auditor import Auditor
from console.simulation.auditing import SLACK
from console.simulation.process import CODEC
from console.simulation.scenario import Scenario
from console.simulation.world import World
from tests.unit.console.audit.judged import assert_clean, shuffled
from tests.unit.console.audit.world import FAULTS, lived


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_change_crashes_lost_claims_and_a_midnight_leave_nothing_to_find(seed: int) -> None:
    assert_clean(lived(seed, FAULTS[seed % len(FAULTS)], leads=60))


@pytest.mark.parametrize("first", range(0, 12, 4))
def test_whatever_the_simulation_draws_leaves_nothing_to_find(first: int) -> None:
    """Random plans and leads, every fault, in an order between partitions that nobody would read them in."""
    for seed in range(first, first + 4):
        world = World(Scenario(seed))
        world.run()
        broker = world.broker
        messages = [message for topic in broker.counts() for message in broker.records(topic)]
        auditor = Auditor(CODEC, slack=SLACK)
        for message in shuffled(messages, seed):
            auditor.take(message)
        assert auditor.end().findings == (), f"seed {seed}"
