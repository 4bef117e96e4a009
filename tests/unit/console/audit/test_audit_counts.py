"""Counting sales anew: by plan version, in any order, and what sales have written down about it."""

from __future__ import annotations

import itertools

import msgspec

from console.audit.counts import Counts, Tally
from console.audit.findings import Place
from console.audit.plans import PlanRead, read_plan
from schemas.records import CapUse, LeadSold
from tests.unit.console.facts import WINDOWS, sale

PLAN = (
    '{"currency":"USD","campaigns":[],"suppliers":[],"buyers":[{"id":"sunco","time_zone":"UTC","always_open":true,'
    '"hours":[],"caps":[["leads","day",%d]],"contracts":[{"id":"sunco-solar","campaign_id":"c",'
    '"accept":{"type":"all","parts":[]},"price":[{"minor":4200}],"caps":[]}]}]}'
)


def plan(version: int, cap: int) -> PlanRead:
    return read_plan(version, PLAN % cap, 0)


def at(number: int) -> Place:
    return Place("leads.sold", 0, number)


def use(before: int) -> CapUse:
    return CapUse("buyer", "leads", "day", WINDOWS.day_at, before, before + 1, 9)


def with_use(number: int, before: int, version: int = 1) -> LeadSold:
    found: LeadSold = msgspec.structs.replace(sale(number, version=version), caps=(use(before),))
    return found


def test_a_lowered_cap_takes_nothing_back_and_stops_new_sales_whatever_the_order() -> None:
    before, after = [sale(number, version=1) for number in range(4)], sale(9, version=2)
    for order in itertools.permutations([*before, after]):
        counts, over = Counts(), []
        for fact in order:
            over += counts.count(fact, plan(1, 4) if fact.buyer_plan_version == 1 else plan(2, 2))
        # The sale on version 2 is the fifth under a cap of 2; it is found with the last one that makes it so.
        assert {each.limit.limit for each in over} == {2}


def test_the_fifth_sale_under_a_cap_of_four_is_over_it() -> None:
    counts = Counts()
    assert [len(counts.count(sale(number), plan(1, 4))) for number in range(5)] == [0, 0, 0, 0, 1]


def test_two_sales_cannot_take_one_place_and_gaps_show_when_the_window_is_over() -> None:
    counts = Counts()
    for number, before in enumerate((0, 1, 3)):
        fact = with_use(number, before)
        counts.count(fact, plan(1, 9))
        assert list(counts.write(fact, at(number))) == []
    again = with_use(7, 1)
    assert [each.before for each in counts.write(again, at(7))] == [1]
    (gap,) = counts.gaps(0)
    assert (gap.expected, gap.found) == ("leads counted from 0 to 3 on plan 1", "from 0 to 4")
    assert list(counts.gaps(WINDOWS.day_at + 1)) == []


def test_an_owner_that_forgot_the_sales_of_an_earlier_version_is_found() -> None:
    tally = Tally()
    for version, before in ((1, 0), (2, 0)):
        tally.sums(version)[:] = 1, 4200
        tally.write(use(before), version, at(version))
    assert [(found, expected) for _, expected, found in tally.gaps()] == [
        ("from 0 to 1", "leads counted from 1 to 2 on plan 2")
    ]


def test_a_sale_to_the_wrong_buyer_does_not_hide_the_caps_of_its_contract() -> None:
    capped = read_plan(1, (PLAN % 9).replace('"caps":[]', '"caps":[["leads","day",1]]'), 0)
    counts, astray = Counts(), msgspec.structs.replace(sale(0), buyer_id="nobody")
    assert counts.count(astray, capped) == []
    assert [(over.holder, over.used) for over in counts.count(sale(1), capped)] == [("contract/sunco-solar", 2)]


def test_windows_that_are_over_are_forgotten_and_totals_stay() -> None:
    counts = Counts()
    counts.count(sale(1), plan(1, 4))
    assert len(counts) == 10
    assert list(counts.close(WINDOWS.day_at + 40 * 86_400_000, 0)) == []
    assert len(counts) == 2
