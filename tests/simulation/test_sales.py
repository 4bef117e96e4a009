"""From scored leads to closed ones on the real engine: nothing lost, nothing twice, caps exactly full."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.records import LeadSold, RightUnfilled
from schemas.topics import SOLD, UNFILLED
from tests.simulation.sales import Faults, Market
from tests.support.plans import Seller, market, reference_plan

CAPPED = (
    Seller("a", caps="{leads: {day: 12}}", weight=3),
    Seller("b", caps="{spend: {day: 300.00}}", contract_caps="{leads: {hour: 40}}", weight=2),
    Seller("c", caps="{leads: {day: 7}}", priority=2),
    Seller("d", caps="{leads: {total: 3}}", priority=2, hours="{mon-fri: 08:00-20:00}"),
)

WEATHERS = {
    "fair": Faults(),
    "crashes": Faults(crash=0.01),
    "zombies": Faults(freeze=0.01),
    "lost epochs": Faults(lost=0.05),
    "everything": Faults(crash=0.005, freeze=0.005, lost=0.02),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WEATHERS)
def test_the_books_are_exact_and_full_caps_are_exactly_full(name: str, seed: int) -> None:
    """60 leads with 2 rights each against room for 12 + 10 + 7 + 3 sales: every buyer ends exactly full."""
    world = Market(seed, WEATHERS[name])
    world.apply(market(*CAPPED, rights=2))
    for number in range(60):
        world.send(number)
        world.run(world.random.choice((0, 1, 5)))
    world.send(3, 17)  # repeats
    world.drain()
    assert world.check() == {"a": 12, "b": 10, "c": 7, "d": 3}
    assert Counter(end.reason for end in world.records(UNFILLED, RightUnfilled)).total() == 2 * 60 - 32
    if WEATHERS[name].crash:
        assert world.deaths


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_that_changes_under_way_is_in_force_and_nothing_is_lost(seed: int) -> None:
    world = Market(seed, Faults(crash=0.005, lost=0.02))
    world.apply(market(*CAPPED, rights=2))
    for number in range(30):
        world.send(number)
        world.run(world.random.choice((0, 2)))
    dearer = (Seller("a", price="45.00", caps="{leads: {day: 20}}", weight=3), *CAPPED[1:], Seller("e", price="5.00"))
    world.apply(market(*dearer, rights=2, version=2))
    for number in range(30, 60):
        world.send(number)
        world.run(world.random.choice((0, 2)))
    world.drain()
    sales = world.check()
    assert sales["a"] == 20
    assert sales["e"] > 0
    prices = {sale.terms: sale.price_minor for sale in world.records(SOLD, LeadSold) if sale.buyer_id == "a"}
    assert set(prices.values()) <= {3000, 4500}


def test_the_reference_plan_keeps_its_shares_over_three_partitions() -> None:
    world = Market(1)
    world.apply(reference_plan())
    world.send(*range(36))
    world.drain()
    sales = world.check()
    assert sales["sunco"] == 36
    assert sales["brightroof"] == pytest.approx(24, abs=3)
    assert sales["homebase"] == pytest.approx(12, abs=3)
