"""The readings at the end of the reference plan, as far as rules alone decide them, and the other samples."""

from __future__ import annotations

import pytest

from config.plan import CompiledCampaign, CompiledContract, compile_plan, load_plan, read_lead
from config.plan.model import Grade
from tests.unit.plan.samples import CALIFORNIAN, OHIOAN, SAMPLES, compiled, plan, solar

Values = dict[str, str]


@pytest.fixture(scope="module")
def campaign() -> CompiledCampaign:
    return solar()


def _prices(campaign: CompiledCampaign, values: Values) -> dict[str, int]:
    _, grade, _ = campaign.score(values)
    return {contract.buyer_id: contract.price(values, grade)[0] for contract in campaign.eligible(values, grade)}


def test_californian_owner_with_a_large_bill_is_an_a_of_90_points(campaign: CompiledCampaign) -> None:
    assert campaign.score(CALIFORNIAN) == (90, "A", (("owner", 40), ("big_bill", 30), ("sunbelt", 20)))


def test_all_three_are_eligible_for_it_at_55_38_and_30(campaign: CompiledCampaign) -> None:
    assert _prices(campaign, CALIFORNIAN) == {"sunco": 5500, "brightroof": 3800, "homebase": 3000}


def test_ohioan_owner_with_a_small_bill_is_a_c_of_40_points_for_homebase_at_12(campaign: CompiledCampaign) -> None:
    assert campaign.score(OHIOAN) == (40, "C", (("owner", 40),))
    assert _prices(campaign, OHIOAN) == {"homebase": 1200}


@pytest.mark.parametrize(
    ("values", "grade", "buyers"),
    [
        ({"state": "CA", "owns_home": "false", "monthly_bill": "149"}, "D", {"homebase"}),
        ({"state": "NV", "owns_home": "false", "monthly_bill": "150"}, "C", {"homebase"}),
        ({"state": "NV", "owns_home": "true", "monthly_bill": "10"}, "B", {"sunco", "homebase"}),
        ({"state": "OH", "owns_home": "false", "monthly_bill": "400"}, "C", {"brightroof", "homebase"}),
        ({"state": "OH", "owns_home": "true", "monthly_bill": "399"}, "B", {"homebase"}),
    ],
)
def test_edges_of_grades_and_conditions(
    campaign: CompiledCampaign, values: Values, grade: str, buyers: set[str]
) -> None:
    assert campaign.score(values)[1] == grade
    assert set(_prices(campaign, values)) == buyers


def test_what_the_plan_says_of_the_campaign(campaign: CompiledCampaign) -> None:
    assert (campaign.sell_within_ms, campaign.rights, campaign.method) == (900_000, 2, "weighted_round_robin")
    assert campaign.dedupe is not None
    assert (campaign.dedupe.match, campaign.dedupe.of) == ("any", ("email", "phone"))
    assert (campaign.dedupe.within_ms, campaign.dedupe.scope) == (30 * 86_400_000, "campaign")
    bill = campaign.fields[-1]
    assert (bill.name, bill.type, bill.required, bill.personal) == ("monthly_bill", "integer", True, False)
    assert (bill.min, bill.max, bill.condition_read) == ("0", "5000", True)
    assert [rule.name for rule in campaign.fields if rule.condition_read] == ["state", "owns_home", "monthly_bill"]


def test_what_the_plan_says_of_sunco() -> None:
    plan = compiled()
    terms = plan.buyer_terms("sunco", applied_at=7)
    assert (terms.buyer_id, terms.plan_version, terms.applied_at) == ("sunco", 1, 7)
    assert (terms.time_zone, terms.week_starts, terms.currency) == ("America/Los_Angeles", 0, "USD")
    assert (terms.always_open, terms.tests, terms.retired) == (False, False, False)
    assert [(hour.weekday, hour.start_minute, hour.end_minute) for hour in terms.hours] == [
        *((day, 480, 1200) for day in range(5)),
        (5, 540, 1020),
    ]
    assert [(cap.measure, cap.window, cap.limit) for cap in terms.caps] == [
        ("leads", "day", 50),
        ("leads", "month", 900),
    ]
    (contract,) = terms.contracts
    assert (contract.contract_id, contract.campaign_id, contract.fields) == ("sunco-solar", "solar-us", ())
    assert [(cap.measure, cap.window, cap.limit) for cap in contract.caps] == [("leads", "day", 40)]


def test_open_forms_are_said_with_words() -> None:
    terms = compiled().buyer_terms("homebase", 0)
    assert (terms.always_open, terms.hours) == (True, ())
    assert [(cap.measure, cap.window, cap.limit) for cap in terms.caps] == [("spend", "day", 150_000)]
    assert terms.contracts[0].caps == ()


def test_supplier_is_owed_14_on_the_first_sale() -> None:
    plan = compiled()
    terms = plan.supplier_terms("acme-forms", "solar-us")
    assert terms is not None
    assert (terms.payout_minor, terms.owed) == (1400, "on_first_sale")
    assert plan.has_supplier("acme-forms")
    assert plan.supplier_terms("acme-forms", "other") is None
    assert plan.supplier_terms("nobody", "solar-us") is None
    assert not plan.has_supplier("nobody")


def test_every_contract_explains_itself(campaign: CompiledCampaign) -> None:
    reading = read_lead(campaign, OHIOAN)
    assert (reading.points, reading.grade, reading.rules) == (40, "C", (("owner", 40),))
    sunco, brightroof, homebase = reading.answers
    assert sunco.failing == (("state",), "state is one of AZ, CA, NV", ("OH",))
    assert brightroof.failing == (
        ("state", "monthly_bill"),
        "state is one of CA, FL, NY, TX or monthly_bill is at least 400",
        ("OH", "90"),
    )
    assert homebase.failing is None
    assert (homebase.price_minor, homebase.price_rule) == (1200, "otherwise: 12.00 USD")


def test_rule_that_set_a_price_is_said_in_words(campaign: CompiledCampaign) -> None:
    words = [contract.price(CALIFORNIAN, "A")[1] for contract in campaign.contracts]
    assert words == ["grade is A: 55.00 USD", "38.00 USD", "grade is one of A, B: 30.00 USD"]


def test_plan_without_scoring_gives_everyone_the_lowest_grade() -> None:
    campaign = load_compiled("us500.yaml", "insurance-us")
    assert campaign.score({"state": "CA"}) == (0, "D", ())


def load_compiled(file: str, campaign_id: str) -> CompiledCampaign:
    return compile_plan(load_plan(SAMPLES / file), 1).campaigns[campaign_id]


def _ids(contracts: tuple[CompiledContract, ...]) -> list[str]:
    return [contract.contract_id for contract in contracts]


def test_two_campaigns_of_us500_take_the_same_row_by_their_own_rules() -> None:
    row = {"state": "NJ", "postal_code": "07001", "email": "ann@example.com", "web": "http://a.example"}
    business, insurance = load_compiled("us500.yaml", "business-us"), load_compiled("us500.yaml", "insurance-us")
    assert business.score(row)[:2] == (90, "A")
    assert _ids(business.eligible(row, "A")) == [
        "hudson-office-business",
        "garden-state-business",
        "main-street-business",
    ]
    assert _ids(insurance.eligible(row, "D")) == ["hudson-office-insurance", "shield-mutual-insurance"]
    assert (business.rights, insurance.rights) == (1, 2)
    assert business.private_fields == {"web", "email"}
    assert insurance.private_fields == {"postal_code"}


def test_demo_sells_to_two_of_at_least_eight_buyers_in_several_zones() -> None:
    plan = load_plan(SAMPLES / "demo.yaml")
    assert plan.campaigns[0].rights == 2
    assert plan.campaigns[0].grades == (Grade("A", 80), Grade("B", 60), Grade("C", 30))
    assert len(plan.buyers) >= 8
    assert len({buyer.time_zone for buyer in plan.buyers}) >= 4
    assert sum(not buyer.always_open for buyer in plan.buyers) >= 4


def test_a_grade_may_begin_at_0_where_rules_take_points_away() -> None:
    found = plan(
        ("big_bill: {when", "renter: {when: {owns_home: false}, add: -40}\n        big_bill: {when"), ("C: 30", "C: 0")
    )
    campaign = compile_plan(found, 1).campaigns["solar-us"]
    assert campaign.score({"owns_home": "true"})[:2] == (40, "C")
    assert campaign.score({"owns_home": "false"})[:2] == (-40, "D")
    assert campaign.score({})[:2] == (0, "C")
