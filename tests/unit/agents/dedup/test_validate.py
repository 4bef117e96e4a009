"""A lead against its campaign's fields."""

from __future__ import annotations

from typing import Any

import pytest

from agents.asked import values_of
from agents.dedup.fields import compile_field
from agents.dedup.text import Wrong
from agents.dedup.validate import Validator
from config.plan.model import FieldRule
from schemas.codec import own_writer
from schemas.reasons import Reason
from schemas.records import Fault, LeadReceived
from tests.support.chance import any_text, draws
from tests.unit.agents.intake import NOW, received, rule

RULES = (
    rule("first_name", "text", required=True),
    rule("email", "email", required=True),
    rule("phone", "phone", region="US", required=True),
    rule("state", "us_state", required=True, personal=False),
    rule("postal_code", "us_zip"),
    rule("trustedform_cert_url", "url"),
    rule("owns_home", "boolean", personal=False),
    rule("monthly_bill", "integer", min="0", max="5000", condition_read=True),
    rule("roof", "enum", values=("Metal", "Tile"), personal=False),
    rule("born", "date", min="1900-01-01", max="2008-12-31"),
    rule("account", "text", pattern="[A-Z]{2}[0-9]+"),
)
VALIDATOR = Validator(RULES)


def test_a_lead_becomes_canonical() -> None:
    lead = received(
        first_name="  Maria ",
        email="Maria@Example.com",
        state="california",
        trustedform_cert_url="https://cert.trustedform.com/1",
        fields={"owns_home": "YES", "monthly_bill": "1,220", "roof": "metal", "born": "31 Dec 1990", "account": "AB1"},
    )
    found = VALIDATOR.check(lead)
    values, notes, faults = found.values, found.notes, found.faults
    assert (notes, faults) == ((), ())
    assert VALIDATOR.attributes(values) == {"state": "CA", "owns_home": "true", "roof": "Metal"}
    assert VALIDATOR.private(values) == {"monthly_bill": "1220"}
    person = VALIDATOR.lead(values)
    assert (person.first_name, person.email, person.phone) == ("Maria", "maria@example.com", "+14155550001")
    assert person.fields == {
        "trustedform_cert_url": "https://cert.trustedform.com/1",
        "owns_home": "true",
        "monthly_bill": "1220",
        "roof": "Metal",
        "born": "1990-12-31",
        "account": "AB1",
    }
    assert values_of(person) == values


def test_all_faults_come_at_once_in_the_plans_order_and_quote_nothing() -> None:
    lead = received(
        first_name=" ",
        email="secret-value",
        phone=None,
        state="Bavaria",
        fields={"owns_home": "perhaps", "monthly_bill": "9000", "roof": "glass", "born": "03/04/1990", "account": "x"},
    )
    faults = VALIDATOR.check(lead).faults
    assert [(fault.field, fault.code) for fault in faults] == [
        ("first_name", Reason.VALIDATION_MISSING),
        ("email", Reason.VALIDATION_TYPE),
        ("phone", Reason.VALIDATION_MISSING),
        ("state", Reason.VALIDATION_TYPE),
        ("owns_home", Reason.VALIDATION_TYPE),
        ("monthly_bill", Reason.VALIDATION_RANGE),
        ("roof", Reason.VALIDATION_ALLOWED_VALUES),
        ("born", Reason.VALIDATION_TYPE),
        ("account", Reason.VALIDATION_PATTERN),
    ]
    said = " ".join(fault.detail for fault in faults)
    assert not any(value in said for value in ("secret", "Bavaria", "perhaps", "9000", "glass", "03/04"))


def test_faults_stand_in_the_plans_order_wherever_a_field_is_read_from() -> None:
    rules = (rule("bill", "integer", required=True), rule("email", "email"), rule("roof", "boolean"))
    faults = Validator(rules).check(received(email="x", fields={"bill": "y", "roof": "z"})).faults
    assert [fault.field for fault in faults] == ["bill", "email", "roof"]


def test_what_the_campaign_does_not_list_is_dropped() -> None:
    lead = received(city="San Francisco", ip_address="192.0.2.1", fields={"owns_home": "no", "shoe_size": "43"})
    values = VALIDATOR.check(lead).values
    assert VALIDATOR.lead(values).city is None
    assert VALIDATOR.lead(values).fields == {"owns_home": "false"}


def test_a_field_named_like_a_column_reads_the_column_only() -> None:
    lead = received(email=None, fields={"email": "maria@example.com"})
    faults = VALIDATOR.check(lead).faults
    assert faults == (Fault("email", Reason.VALIDATION_MISSING, "is required and missing or empty"),)


def test_a_zip_that_lost_its_leading_zero_is_mended_and_noted() -> None:
    found = VALIDATOR.check(received(postal_code=" 8014 "))
    assert (found.values["postal_code"], found.notes, found.faults) == (
        "08014",
        ("postal_code: leading zeros put back",),
        (),
    )


def test_an_optional_field_may_be_empty_but_not_wrong() -> None:
    assert "postal_code" not in VALIDATOR.check(received(postal_code=None)).values
    assert "postal_code" not in VALIDATOR.check(received(postal_code="  ")).values
    assert VALIDATOR.check(received(postal_code="x")).faults[0].field == "postal_code"


@pytest.mark.parametrize(
    ("type_", "low", "high", "outside"),
    [
        ("integer", "-5", "5000", ["-6", "5001"]),
        ("decimal", "9.5", "10", ["9.4999", "10.0001", "100"]),
        ("date", "2026-06-02", "2026-06-30", ["2026-06-01", "2026-07-01"]),
    ],
)
def test_bounds_belong_to_what_is_allowed(type_: str, low: str, high: str, outside: list[str]) -> None:
    read = compile_field(rule("x", type_, min=low, max=high)).read
    assert (read(low), read(high)) == (low, high)
    for value in outside:
        with pytest.raises(Wrong) as caught:
            read(value)
        assert (caught.value.code, value in caught.value.detail) == (Reason.VALIDATION_RANGE, False)


def test_a_value_that_is_far_too_long_is_refused_unread() -> None:
    faults = VALIDATOR.check(received(first_name="x" * 5000, email="a" * 70_000)).faults
    assert [(fault.field, fault.code) for fault in faults] == [
        ("first_name", Reason.VALIDATION_RANGE),
        ("email", Reason.VALIDATION_RANGE),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (rule("x", "colour"), "not a type"),
        (rule("x", "phone", region="ZZ"), "ZZ"),
        (rule("x", "text", pattern="("), "regular expression"),
        (rule("x", "text", min="1"), "no smallest"),
    ],
)
def test_a_rule_no_checked_plan_has_is_refused_when_compiled(bad: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compile_field(bad)


def test_what_a_field_remembers_is_bounded() -> None:
    field = compile_field(rule("n", "integer"))
    for number in range(5000):
        assert field.read(f"{number}.0") == field.read(f"{number}.0") == str(number)
    remembered = field.read.__self__  # type: ignore[attr-defined]
    assert len(remembered) == 2048
    for _ in range(2):
        with pytest.raises(Wrong):
            field.read("no number")
    assert "no number" not in remembered


def test_no_lead_makes_validation_stumble() -> None:
    for seed, draw in draws(150):
        names = draw.sample([r.name for r in RULES] + ["more"], draw.randint(0, 6))
        values = {name: draw.choice((any_text(draw, 60), *LIKELY.get(name, ("more",)))) for name in names}
        extra = _extra(values) | {any_text(draw, 20): any_text(draw, 60)}
        found = VALIDATOR.check(LeadReceived("id", "solar-us", "acme-forms", NOW, **_columns(values), fields=extra))
        if not found.faults:
            columns, more = _columns(found.values), _extra(found.values)
            again = VALIDATOR.check(LeadReceived("id", "solar-us", "acme-forms", NOW, **columns, fields=more))
            assert again.values == found.values, f"seed {seed}"


LIKELY = {
    "first_name": ["Maria", " ", "Ma  ria"],
    "email": ["maria@example.com", "Maria@Example.com", "maria"],
    "phone": ["(415) 555-0001", "4155550001", "1"],
    "state": ["CA", "california", "XX"],
    "postal_code": ["94107", " 94107 ", "8014", "94107-1234", "x", ""],
    "trustedform_cert_url": ["https://cert.trustedform.com/1", "ftp://x"],
    "owns_home": ["yes", "true", "perhaps", ""],
    "monthly_bill": ["220", "1,220", "9000"],
    "roof": ["metal", "Metal", "straw"],
    "born": ["1990-12-31", "31 Dec 1990"],
    "account": ["AB1", "ab1"],
}


@pytest.mark.parametrize("rules", [RULES, RULES[4:], RULES[4:5], ()], ids=["all", "some", "one", "none"])
def test_a_lead_is_judged_alike_as_a_whole_and_field_by_field(rules: tuple[FieldRule, ...]) -> None:
    validator = Validator(rules)
    for seed, draw in draws(150):
        values = {name: draw.choice(some) for name, some in LIKELY.items() if draw.random() < 0.8}
        lead = LeadReceived("id", "solar-us", "acme-forms", NOW, **_columns(values), fields=_extra(values))
        found = validator.check(lead)
        assert found == validator.check_each(lead), f"seed {seed}"
        if not found.faults:
            assert validator.body(found.values) == own_writer("Lead")(validator.lead(found.values)), f"seed {seed}"
            assert list(validator.attributes(found.values)) == [
                name for name in ("state", "owns_home", "roof") if name in found.values
            ], f"seed {seed}"


def _columns(values: dict[str, str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in LeadReceived.__struct_fields__}


def _extra(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in LeadReceived.__struct_fields__}
