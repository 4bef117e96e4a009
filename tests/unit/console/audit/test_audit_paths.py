"""A path that is not all read yet has a gap, so that its lead is not judged too early."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from console.audit.cases import Offered, Rerouted, RightCase, Sale, Standing, Unfilled
from console.audit.findings import Place
from console.audit.paths import whole
from schemas.records import Candidate, LeadSold, Right, RightUnfilled, Step
from tests.unit.console.facts import sale, unfilled

AT = Place("", 0, 0)
CHANGED = Step("sunco", "sunco-solar", 7, "TERMS_CHANGED", "ranked by 1, now 2")
STALE = Step("sunco", "sunco-roof", 7, "STALE", "late by 0 ms")
SKIPPED = Step("bright", "bright-solar", 7, "CAP_DAY", "by status of 6")
ROUTE = tuple(Candidate("sunco", contract, 4200, "base", "1") for contract in ("sunco-solar", "sunco-roof"))


def offered(*, rerouted: bool = False, trace: tuple[Step, ...] = ()) -> Offered:
    right = Right(1, 0, 0, 1, 0, "on_first_sale", "USD", 1, 7, rerouted)
    return Offered(AT, 7, right, ROUTE, 0, trace, Standing(1, {}))


def path(end: LeadSold | RightUnfilled, *offers: Offered, rerouted: bool = False) -> RightCase:
    right = RightCase()
    right.offers += offers
    if isinstance(end, LeadSold):
        right.sold = Sale(AT, end, 7)
    else:
        right.unfilled = Unfilled(AT, end)
    if rerouted:
        right.reroutes.append(Rerouted(AT, (CHANGED,)))
    return right


def sold(contract_id: str, *trace: Step) -> LeadSold:
    found: LeadSold = replace(sale(1), buyer_id="sunco", contract_id=contract_id, trace=trace)
    return found


def unsold(*trace: Step) -> RightUnfilled:
    found: RightUnfilled = replace(unfilled(1), trace=trace)
    return found


@pytest.mark.parametrize("trace", [(CHANGED,), (CHANGED, SKIPPED)])
def test_an_end_behind_changed_terms_waits_for_the_record_that_went_back_to_the_router(trace: tuple[Step, ...]) -> None:
    assert not whole(path(unsold(*trace), offered()))
    assert whole(path(unsold(*trace), offered(), rerouted=True))


def test_a_right_that_is_stale_does_not_go_back() -> None:
    assert whole(path(unsold(CHANGED, STALE), offered()))


def test_a_buyer_may_buy_by_its_next_contract_in_the_route_at_once() -> None:
    assert whole(path(sold("sunco-roof", CHANGED), offered()))


def test_a_contract_that_has_refused_buys_by_another_offer_alone() -> None:
    end = sold("sunco-solar", CHANGED)
    assert not whole(path(end, offered()))
    assert whole(path(end, offered(), offered(rerouted=True, trace=(CHANGED,)), rerouted=True))


def test_a_contract_outside_the_route_has_bought_by_another_offer() -> None:
    assert not whole(path(sold("sunco-heat", CHANGED), offered()))
