"""What changes between two plans, in words, and what has to follow from it."""

from __future__ import annotations

import pytest

from config.plan import Plan, PlanDiff, Removal, check_sources, diff, succeed, unnamed
from tests.unit.plan.samples import REFERENCE, plan

HOMEBASE = REFERENCE[REFERENCE.index("  homebase:\n") : REFERENCE.index("# Readings")]
Change = tuple[str, str]


def _diff(*changes: Change) -> PlanDiff:
    return diff(plan(), plan(*changes))


def _without(*parts: str) -> Plan:
    text = REFERENCE
    for part in parts:
        assert part in text
        text = text.replace(part, "", 1)
    return check_sources({"plan.yaml": text})


def test_nothing_changes_between_equal_plans() -> None:
    assert _diff() == PlanDiff((), (), (), (), ())
    assert not _diff()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{day: 50, month: 900}", "{day: 40, month: 900}", "buyer sunco: cap on leads per day lowered 50 -> 40"),
        ("{day: 50, month: 900}", "{day: 50, month: 1000}", "buyer sunco: cap on leads per month raised 900 -> 1000"),
        ("{day: 50, month: 900}", "{day: 50}", "buyer sunco: cap removed: 900 leads per month"),
        ("{day: 50, month: 900}", "{day: 50, month: 900, total: 1}", "buyer sunco: cap added: 1 lead in all"),
        (
            "{spend: {day: 1500.00}}",
            "{spend: {day: 999.50}}",
            "buyer homebase: cap on spend per day lowered 1500.00 -> 999.50 USD",
        ),
        ("caps: {leads: {day: 40}}", "caps: unlimited", "contract sunco-solar: cap removed: 40 leads per day"),
        ("price: 38.00", "price: 39.50", "contract brightroof-solar: price: 38.00 USD -> 39.50 USD"),
        (
            "is: 55.00",
            "is: 54.00",
            "contract sunco-solar: price: 55.00 if grade is A, otherwise 42.00 USD -> "
            "54.00 if grade is A, otherwise 42.00 USD",
        ),
        (
            "{state: [AZ, CA, NV], grade",
            "{state: [AZ, CA], grade",
            "contract sunco-solar: accepts: state is one of AZ, CA, NV and grade is one of A, B -> "
            "state is one of AZ, CA and grade is one of A, B",
        ),
        ("weight: 3", "weight: 4", "contract sunco-solar: weight: 3 -> 4"),
        ("weight: 3", "weight: 3\n        priority: 2", "contract sunco-solar: priority: 1 -> 2"),
        ("weight: 3", "weight: 3\n        fields: [email]", "contract sunco-solar: gets: every field -> email"),
        ("America/Los_Angeles", "America/Denver", "buyer sunco: time zone: America/Los_Angeles -> America/Denver"),
        (
            "sat: 09:00-17:00",
            "sat: [09:00-12:00, 13:00-24:00]",
            "buyer sunco: hours: mon-fri 08:00-20:00, sat 09:00-17:00 -> "
            "mon-fri 08:00-20:00, sat 09:00-12:00 and 13:00-24:00",
        ),
        ("hours: always", "hours: {wed: 08:00-09:00}", "buyer homebase: hours: always -> wed 08:00-09:00"),
        ("tests: false", "tests: true", "buyer sunco: takes test leads from now on"),
        ("name: HomeBase", "name: HomeBase Inc", "buyer homebase: name: HomeBase -> HomeBase Inc"),
        ("within: 30d", "within: 36h", "campaign solar-us: duplicates: any of email, phone within 30d -> "
         "any of email, phone within 36h"),
        ("sell_within: 15m", "sell_within: 90s", "campaign solar-us: sell within: 15m -> 90s"),
        ("add: 40", "add: 35", "campaign solar-us: scoring rule owner: 40 points if owns_home is true -> "
         "35 points if owns_home is true"),
        ("A: 80", "A: 85", "campaign solar-us: grades: A from 80, B from 60, C from 30 -> "
         "A from 85, B from 60, C from 30"),
        ("{shared: 2}", "exclusive", "campaign solar-us: sold: shared by up to 2 buyers -> exclusive"),
        ("max: 5000", "max: 6000", "campaign solar-us: field monthly_bill: required integer from 0 to 5000, "
         "not personal -> required integer from 0 to 6000, not personal"),
        ("      first_name:", "      nick: {type: enum, values: [a, b]}\n      first_name:",
         "campaign solar-us: field nick added: enum, one of a, b"),
        ("payout: 14.00", "payout: 15.00", "supplier acme-forms: payout in solar-us: 14.00 USD on first sale -> "
         "15.00 USD on first sale"),
        ("week_starts: monday", "week_starts: sunday", "plan: week starts: monday -> sunday"),
    ],
)  # fmt: skip
def test_change_is_said_in_words(old: str, new: str, said: str) -> None:
    assert [str(change) for change in _diff((old, new)).changes] == [said]


def test_first_version_adds_everything_and_names_every_buyer() -> None:
    first = diff(None, plan())
    assert len(first.changes) == 8
    assert all(change.text.startswith("added") for change in first.changes)
    assert str(first.changes[2]) == "buyer sunco: added (SunCo Inc, America/Los_Angeles)"
    assert str(first.changes[5]) == (
        "contract brightroof-solar: added, buys from solar-us at 38.00 USD: "
        "(state is one of CA, FL, NY, TX or monthly_bill is at least 400) and not (grade is D)"
    )
    assert first.buyers == ("brightroof", "homebase", "sunco")
    assert (first.removed, first.refused, first.widened) == ((), (), ())


@pytest.mark.parametrize(
    ("change", "buyers"),
    [
        (("{day: 50, month: 900}", "{day: 40, month: 900}"), ("sunco",)),
        (("price: 38.00", "price: 39.00"), ("brightroof",)),
        (("weight: 3", "weight: 4"), ()),
        (("weight: 3", "priority: 2"), ()),
        (("name: HomeBase", "name: Other"), ()),
        (("add: 40", "add: 41"), ()),
        (("week_starts: monday", "week_starts: sunday"), ("brightroof", "homebase", "sunco")),
        (("weight: 3", "fields: [email, phone]"), ("sunco",)),
    ],
)
def test_only_buyers_whose_owner_would_know_something_else_are_named(change: Change, buyers: tuple[str, ...]) -> None:
    assert _diff(change).buyers == buyers


def test_removed_buyer_must_be_named_and_takes_its_contracts_with_it() -> None:
    found = diff(plan(), _without(HOMEBASE))
    assert [str(change) for change in found.changes] == ["buyer homebase: retired", "contract homebase-solar: retired"]
    assert found.removed == (Removal("buyer", "homebase"),)
    assert found.buyers == ("homebase",)
    assert unnamed(found.removed, []) == found.removed
    assert unnamed(found.removed, ["homebase"]) == unnamed(found.removed, ["buyer/homebase"]) == ()
    assert unnamed(found.removed, ["contract/homebase"]) == found.removed


def test_removed_contract_must_be_named_and_its_buyer_is_told() -> None:
    found = _diff(("      sunco-solar:\n", "      sunco-sun:\n"))
    assert found.removed == (Removal("contract", "sunco-solar"),)
    assert found.buyers == ("sunco",)
    assert [str(change).split(",")[0] for change in found.changes] == [
        "contract sunco-sun: added",
        "contract sunco-solar: retired",
    ]


def test_retired_ids_grow_from_version_to_version_and_are_never_used_again() -> None:
    second = succeed(plan(), _without(HOMEBASE))
    third = succeed(second, second)
    assert [buyer.id for buyer in third.retired.buyers] == ["homebase"]
    assert [contract.id for contract in third.retired.contracts] == ["homebase-solar"]
    assert diff(third, plan()).refused == (
        "the id of buyer homebase was used before and is retired: give the new one another id",
        "the id of contract homebase-solar was used before and is retired: give the new one another id",
    )


def test_first_version_has_no_retired_ids() -> None:
    assert succeed(None, plan()) == plan()


def test_removed_campaign_and_supplier_are_retired() -> None:
    two = check_sources({"plan.yaml": REFERENCE.replace("suppliers:\n", _SECOND_CAMPAIGN)})
    found = diff(two, plan())
    assert found.removed == (Removal("campaign", "roofs"), Removal("supplier", "beta"))
    retired = succeed(two, plan()).retired
    assert (retired.campaigns, retired.suppliers) == (("roofs",), ("beta",))
    assert len(diff(succeed(two, plan()), two).refused) == 2
    assert [str(change) for change in found.changes] == ["campaign roofs: retired", "supplier beta: retired"]


_SECOND_CAMPAIGN = """\
  roofs:
    fields: {email: {type: email}}
    dedupe: none
    sell_within: 1h
    distribution: {sell: exclusive, method: weighted_round_robin}
suppliers:
  beta: {campaigns: {roofs: {payout: nothing, owed: on_first_sale}}}
"""


def test_contract_stays_with_its_buyer_and_campaign() -> None:
    first, second = "      sunco-solar:\n", "      homebase-solar:\n"
    moved = _diff((first, "      swap:\n"), (second, first), ("      swap:\n", second))
    assert moved.refused == (
        "contract homebase-solar moves from buyer homebase to sunco: retire it, and make a new one with another id",
        "contract sunco-solar moves from buyer sunco to homebase: retire it, and make a new one with another id",
    )
    text = REFERENCE.replace("suppliers:\n", _SECOND_CAMPAIGN)
    at = text.index("      homebase-solar:")
    other = text[:at] + text[at:].replace("solar-us", "roofs", 1).replace(
        "[{when: {grade: [A, B]}, is: 30.00}, {is: 12.00}]", "9"
    )
    assert diff(plan(), check_sources({"plan.yaml": other})).refused == (
        "contract homebase-solar moves from campaign solar-us to roofs: retire it, and make a new one with another id",
    )


def test_plan_keeps_its_currency() -> None:
    assert _diff(("currency: USD", "currency: EUR")).refused == (
        "the currency changes from USD to EUR, but caps and sales are counted in it: a plan keeps its currency",
    )


@pytest.mark.parametrize(
    ("dedupe", "widened"),
    [
        ("{match: any, of: [email, phone], within: 31d}", True),
        ("{match: any, of: [email, phone], within: 29d}", False),
        ("{match: any, of: [email, phone, last_name], within: 30d}", True),
        ("{match: any, of: [phone], within: 30d}", False),
        ("{match: all, of: [email, phone], within: 30d}", True),
        ("{match: any, of: [email, phone], within: 30d, scope: everywhere}", True),
        ("none", False),
    ],
)
def test_wider_search_for_duplicates_needs_claims_built_again(dedupe: str, widened: bool) -> None:
    found = _diff(("{match: any, of: [email, phone], within: 30d}", dedupe))
    assert found.widened == (("solar-us",) if widened else ())


def test_new_campaign_has_no_earlier_leads_to_claim() -> None:
    second = _SECOND_CAMPAIGN.replace("dedupe: none", "dedupe: {match: any, of: [email], within: 90d}")
    two = check_sources({"plan.yaml": REFERENCE.replace("suppliers:\n", second)})
    assert diff(plan(), two).widened == ()


def test_new_campaign_that_looks_further_back_everywhere_widens() -> None:
    everywhere = REFERENCE.replace("within: 30d}", "within: 30d, scope: everywhere}")
    rule = "dedupe: {match: any, of: [email], within: 90d, scope: everywhere}"
    two = everywhere.replace("suppliers:\n", _SECOND_CAMPAIGN.replace("dedupe: none", rule))
    found = diff(check_sources({"plan.yaml": everywhere}), check_sources({"plan.yaml": two}))
    assert found.widened == ("roofs",)
