"""Why each contract would or would not take a lead."""

from __future__ import annotations

from agents.routing.explain import explain
from schemas.records import Candidate
from tests.support.leads import GOOD_VALUES
from tests.support.plans import reference_plan


def test_who_accepts_shows_its_price_and_who_does_not_its_first_failing_test() -> None:
    sunco, brightroof, homebase = explain(reference_plan(), "solar-us", {**GOOD_VALUES, "state": "OH"}, "C")
    assert not sunco.accepts
    assert (sunco.contract_id, sunco.price_minor) == ("sunco-solar", 0)
    assert "state" in sunco.test
    assert "CA" in sunco.wanted
    assert sunco.got == "OH"
    assert not brightroof.accepts
    assert (homebase.accepts, homebase.price_minor, homebase.test) == (True, 1200, "")
    assert "otherwise" in homebase.price_rule


def test_the_rank_is_the_place_in_the_route_that_was_recorded() -> None:
    route = [Candidate("homebase", "homebase-solar", 3000, "", ""), Candidate("sunco", "sunco-solar", 5500, "", "")]
    explained = explain(reference_plan(), "solar-us", GOOD_VALUES, "A", route)
    assert {one.contract_id: one.rank for one in explained} == {
        "sunco-solar": 2,
        "brightroof-solar": 0,
        "homebase-solar": 1,
    }


def test_a_campaign_that_the_plan_does_not_know_has_no_contracts() -> None:
    assert explain(reference_plan(), "roofing-us", GOOD_VALUES, "A") == ()
