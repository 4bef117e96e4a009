"""From received leads to closed ones, the whole application: nothing lost, nothing twice, caps exactly full."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from console.simulation.arrivals import Arrival
from console.simulation.evidence import gather
from console.simulation.plan_chain import Version
from console.simulation.runs import run_world
from console.simulation.scenario import Scenario
from console.simulation.world import World
from schemas.records import LeadReceived
from tests.support.leads import TUESDAY_10_PACIFIC_MS
from tests.support.plans import Seller, market, reference_plan

CAPPED = (
    Seller("a", caps="{leads: {day: 12}}", weight=3),
    Seller("b", caps="{spend: {day: 300.00}}", contract_caps="{leads: {hour: 40}}", weight=2),
    Seller("c", caps="{leads: {day: 7}}", priority=2),
    Seller("d", caps="{leads: {total: 3}}", priority=2, hours="{mon-fri: 08:00-20:00}"),
)
#: What would let an hour end, a lead be too old or a buyer be closed, so that not every cap could be filled.
STANDS_STILL = frozenset({"leaps", "clocks", "plans", "pauses", "topics"})


def made(seed: int, weather: str, *plans: Version, leads: int) -> World:
    """Return a world on a Tuesday morning in California, with these plans and so many good leads."""
    scenario = Scenario(seed, weather, without=STANDS_STILL if len(plans) == 1 else STANDS_STILL - {"plans"})
    setup = scenario.setup()
    weather_now = replace(setup.weather, plans=len(plans) - 1)
    setup = replace(setup, weather=weather_now, start_ms=TUESDAY_10_PACIFIC_MS, leads=leads, turns=leads * 10)
    arrivals = [Arrival("", good_lead(number), 0) for number in range(leads)]
    return World(
        scenario,
        setup=setup,
        versions=plans,
        arrivals=[*arrivals, *(Arrival("repeats", good_lead(n), 0) for n in (3, 17))],
    )


def good_lead(number: int) -> LeadReceived:
    fields = {"owns_home": "true", "monthly_bill": "220"}
    contact = {
        "first_name": "Ann",
        "last_name": "Example",
        "email": f"ann{number}@example.org",
        "phone": f"+1213555{number:04d}",
        "state": "CA",
        "postal_code": "90012",
        "trustedform_cert_url": "https://cert.example.org/1",
    }
    return LeadReceived(f"s-{number}", "solar-us", "acme-forms", 0, **contact, fields=fields)  # type: ignore[arg-type]


def sales_of(world: World) -> Counter[str]:
    return Counter(sale.buyer_id for sale in gather(world.broker, world.outside.applied).sold)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("weather", ["fair", "crashes", "zombies", "refusals", "redis", "everything"])
def test_the_books_are_exact_and_full_caps_are_exactly_full(weather: str, seed: int) -> None:
    """60 leads with 2 rights each against room for 12 + 10 + 7 + 3 sales: every buyer ends exactly full."""
    world = made(seed, weather, Version(market(*CAPPED, rights=2), "", ""), leads=60)
    outcome = run_world(world)
    assert outcome.findings == []
    assert sales_of(world) == {"a": 12, "b": 10, "c": 7, "d": 3}
    assert outcome.tally["unfilled"] == 2 * 60 - 32


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_that_changes_under_way_is_in_force_and_nothing_is_lost(seed: int) -> None:
    dearer = (Seller("a", price="45.00", caps="{leads: {day: 20}}", weight=3), *CAPPED[1:], Seller("e", price="5.00"))
    first = Version(market(*CAPPED, rights=2), "", "")
    second = Version(market(*dearer, rights=2, version=2), "", "")
    world = made(seed, "plans", first, second, leads=60)
    outcome = run_world(world)
    assert outcome.findings == []
    sold = gather(world.broker, world.outside.applied).sold
    assert {sale.price_minor for sale in sold if sale.buyer_id == "a"} <= {3000, 4500}
    assert world.outside.plan is second.plan


def test_the_reference_plan_keeps_its_shares_over_three_partitions() -> None:
    world = made(1, "fair", Version(reference_plan(), "", ""), leads=36)
    assert run_world(world).findings == []
    sales = sales_of(world)
    assert sales["sunco"] == 36
    assert sales["brightroof"] == pytest.approx(24, abs=3)
    assert sales["homebase"] == pytest.approx(12, abs=3)
