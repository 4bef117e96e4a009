"""What a plan tells each buyer's owner, and whom a new version tells anything."""

from __future__ import annotations

import pytest

from agents.terms import all_terms, changed_terms, terms_of
from schemas.records import Cap
from tests.support.plans import plan_of, reference_plan, reference_text

NOW = 1_780_419_600_000


def test_the_terms_of_sunco_as_the_plan_has_them() -> None:
    terms = terms_of(reference_plan(), "sunco", NOW)
    assert (terms.time_zone, terms.always_open, terms.tests, terms.retired) == (
        "America/Los_Angeles",
        False,
        False,
        False,
    )
    assert terms.caps == (Cap("leads", "day", 50), Cap("leads", "month", 900))
    (contract,) = terms.contracts
    assert (contract.contract_id, contract.campaign_id) == ("sunco-solar", "solar-us")
    assert contract.caps == (Cap("leads", "day", 40),)
    assert contract.lowest_price_minor == 4200
    assert len(terms.hours) == 6


def test_everyone_is_told_of_the_first_plan() -> None:
    plan = reference_plan()
    assert [terms.buyer_id for terms in all_terms(plan, NOW)] == ["sunco", "brightroof", "homebase"]
    assert changed_terms(None, plan, NOW) == all_terms(plan, NOW)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("price: 38.00", "price: 39.00", ["brightroof"]),
        ("caps: {leads: {day: 60}}", "caps: {leads: {day: 61}}", ["brightroof"]),
        ("spend: {day: 1500.00}", "spend: {day: 1600.00}", ["homebase"]),
        ("mon-fri: 08:00-20:00", "mon-fri: 09:00-20:00", ["sunco"]),
        ("owner:    {when: {owns_home: true}, add: 40}", "owner:    {when: {owns_home: true}, add: 41}", []),
    ],
)
def test_only_the_buyers_that_a_plan_changes_are_told(old: str, new: str, told: list[str]) -> None:
    text = reference_text()
    assert old in text
    changed = changed_terms(reference_plan(), plan_of(text.replace(old, new), 2), NOW)
    assert [terms.buyer_id for terms in changed] == told
    assert {terms.plan_version for terms in changed} <= {2}


def test_a_buyer_that_no_plan_has_known_has_no_terms() -> None:
    with pytest.raises(KeyError):
        terms_of(reference_plan(), "nobody", NOW)
