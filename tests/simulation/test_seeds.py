"""Two hundred seeds of everything, six faults by name, and that a seed is a seed."""

from __future__ import annotations

import pytest

from console.simulation.runs import run
from console.simulation.scenario import WEATHERS, Scenario
from console.simulation.tally import Tally

SEEDS, BLOCK = 200, 10
#: Seeds in which a named fault must have happened.
LIMIT = 40


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_all_holds_whatever_a_seed_draws(first: int) -> None:
    failed = {}
    for seed in range(first, first + BLOCK):
        outcome = run(Scenario(seed))
        if not outcome.good:
            failed[outcome.scenario.command()] = outcome.findings[:3]
    assert failed == {}


def happened(weather: str, *faults: str) -> Tally:
    """Run seeds of a weather until all of these faults have happened in one of them; every run must hold."""
    for seed in range(LIMIT):
        outcome = run(Scenario(seed, weather))
        assert outcome.findings == [], outcome.scenario.command()
        if all(outcome.tally[fault] for fault in faults):
            return outcome.tally
    pytest.fail(f"{' and '.join(faults)} did not happen together in {LIMIT} seeds of the weather {weather!r}")


def test_death_at_the_commit() -> None:
    tally = happened("crashes", "deaths_at_commit", "deaths_in_transaction", "sales")
    assert tally["restores"] > 7  # somebody took over


def test_a_zombie_in_the_middle_of_a_transaction_is_refused() -> None:
    tally = happened("zombies", "zombies_in_transaction", "zombies_refused", "sales")
    assert tally["zombies"] >= tally["zombies_refused"]


def test_redis_loses_all_claims() -> None:
    tally = happened("redis", "redis_wipes", "confirms_refused", "duplicates")
    assert tally["rebuilds"] >= 2  # the first one is that of an empty server


def test_the_clock_goes_back_over_a_midnight() -> None:
    happened("clocks", "clocks_back_over_midnight", "capped", "sales")


def test_a_plan_changes_while_offers_are_on_their_way() -> None:
    happened("plans", "terms_in_flight", "terms_changed", "reroutes", "sales")


def test_bytes_that_are_no_lead_are_set_aside() -> None:
    tally = happened("everything", "garbage", "crashes", "sales")
    assert tally["set_aside"] >= tally["garbage"]


@pytest.mark.parametrize("weather", WEATHERS)
def test_a_seed_says_the_same_twice(weather: str) -> None:
    one, other = (run(Scenario(5, weather), trace=True) for _ in range(2))
    assert one.trace == other.trace
    assert one.tally == other.tally
    assert (one.turns, one.faults) == (other.turns, other.faults)
