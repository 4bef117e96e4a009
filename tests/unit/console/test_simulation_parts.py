"""The simulation's own parts: stacks that sleep, scenarios that shrink, plans that are read, a judge."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from console.simulation.evidence import gather
from console.simulation.judging_sales import judge_sales
from console.simulation.plan_chain import VERSIONS, chain_of
from console.simulation.runs import Outcome
from console.simulation.scenario import Scenario
from console.simulation.shrinking import RUNS_MAX, Shrinker
from console.simulation.stacks import Seat, Stacks
from console.simulation.tally import Tally
from console.simulation.world import World


def test_a_stack_sleeps_in_the_middle_of_a_call_and_goes_on_where_it_was() -> None:
    said: list[str] = []
    seats: list[Seat] = []
    started: list[int] = []

    def loop() -> None:
        while not stacks.over:
            if len(started) < 2:
                number, seat = len(started), Seat()
                started.append(number)
                seats.append(seat)
                said.append(f"{number} sleeps")
                stacks.sleep(seat)
                said.append(f"{number} goes on")
            elif seats:
                stacks.resume(seats.pop(0))
            else:
                return

    stacks = Stacks(loop)
    stacks.run()
    assert said == ["0 sleeps", "1 sleeps", "0 goes on", "1 goes on"]


def test_an_error_in_any_stack_ends_the_run() -> None:
    def loop() -> None:
        if asleep:
            raise ValueError("in another thread")
        asleep.append(Seat())
        stacks.sleep(asleep[0])

    asleep: list[Seat] = []
    stacks = Stacks(loop)
    with pytest.raises(ValueError, match="in another thread"):
        stacks.run()


def test_an_unknown_count_is_refused() -> None:
    with pytest.raises(KeyError):
        Tally().note("nothing that was thought of")


def test_every_version_of_a_chain_is_a_plan_that_people_may_apply() -> None:
    for number in (*range(6), 1253, 2804):  # in the last two a price is drawn above a spend cap, and drawn again
        assert [version.plan.version for version in chain_of(number)] == list(range(1, VERSIONS + 1))


def test_a_failing_run_is_made_smaller_until_nothing_can_be_left_out() -> None:
    def fails(scenario: Scenario) -> Outcome:
        bad = scenario.leads >= 7 and scenario.faults >= 3 and "crash" not in scenario.without
        return Outcome(scenario, faults=min(scenario.faults, 40), findings=["it"] if bad else [])

    start = fails(Scenario(1, "everything"))
    shrinker = Shrinker(start, fails)
    small = shrinker.shrink().scenario
    assert (small.leads, small.faults, small.changes, small.workers) == (7, 3, 0, 1)
    assert "crash" not in small.without
    assert "freeze" in small.without
    assert shrinker.tried <= RUNS_MAX
    assert small.command().startswith("leadflow simulate --seed 1 --weather everything --leads 7")


def test_a_sale_is_judged_by_the_record_of_its_lead_that_it_came_from() -> None:
    """A lead may be unique again after its claims have run out; one record of it is old, the other is sold."""
    world = World(Scenario(0, "fair"))
    world.run()
    evidence = gather(world.broker, world.outside.applied)
    assert judge_sales(evidence)[0] == []
    sale = evidence.sold[0]
    (lead,) = (lead for lead in evidence.unique if lead.slip.lead_id == sale.lead_id)
    other = replace(lead.slip, received_offset=lead.slip.received_offset + 1000, sell_by=sale.sold_at)
    twice = dataclasses.replace(evidence, unique=(*evidence.unique, replace(lead, slip=other)))
    assert judge_sales(twice)[0] == []
    stale = dataclasses.replace(evidence, unique=(replace(lead, slip=replace(lead.slip, sell_by=sale.sold_at)),))
    assert any("0 ms too late" in finding for finding in judge_sales(stale)[0])
