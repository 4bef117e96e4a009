"""Conditions: the short form people write, what it means, and how it is explained."""

from __future__ import annotations

import pytest

from config.plan.conditions import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Condition,
    Failing,
    FieldTest,
    NotOf,
    compile_condition,
    describe,
    fields_of,
    first_failing,
    key_of,
)
from tests.support.chance import draws
from tests.unit.plan.drawn import draw_condition, draw_grade, draw_lead
from tests.unit.plan.samples import accepting

CA_NV = FieldTest("state", "one_of", ("CA", "NV"), "exact")
BILL = FieldTest("monthly_bill", "at_least", ("150",), "number")
GRADE_D = FieldTest("grade", "one_of", ("D",), "exact")


def _read(short: str) -> Condition:
    return accepting(short).contracts[0].accept


@pytest.mark.parametrize(
    ("short", "condition"),
    [
        ("everything", EVERYTHING),
        ("{state: [NV, CA]}", CA_NV),
        ("{state: {one_of: [CA, NV]}}", CA_NV),
        ("{state: CA}", FieldTest("state", "one_of", ("CA",), "exact")),
        ("{state: {is: CA}}", FieldTest("state", "one_of", ("CA",), "exact")),
        ("{owns_home: true}", FieldTest("owns_home", "one_of", ("true",), "exact")),
        ("{monthly_bill: 0150}", FieldTest("monthly_bill", "one_of", ("150",), "number")),
        ("{state: [CA, NV], monthly_bill: {at_least: 150}}", AllOf((CA_NV, BILL))),
        ("{all: [{state: [CA, NV]}, {monthly_bill: {at_least: 150}}]}", AllOf((CA_NV, BILL))),
        ("{any: [{state: [CA, NV]}, {monthly_bill: {at_least: 150}}]}", AnyOf((CA_NV, BILL))),
        ("{not: {grade: D}}", NotOf(GRADE_D)),
        (
            "{monthly_bill: {between: [150, 200]}}",
            AllOf((BILL, FieldTest("monthly_bill", "at_most", ("200",), "number"))),
        ),
        (
            "{monthly_bill: {at_least: 150, less_than: 200}}",
            AllOf((BILL, FieldTest("monthly_bill", "less_than", ("200",), "number"))),
        ),
        ("{postal_code: {starts_with: 900}}", FieldTest("postal_code", "starts_with", ("900",), "exact")),
        ("{email: {present: false}}", FieldTest("email", "present", ("false",), "fold")),
    ],
)
def test_short_form_is_read_as(short: str, condition: Condition) -> None:
    assert _read(short) == condition


@pytest.mark.parametrize(
    ("short", "values", "holds"),
    [
        ("{monthly_bill: {more_than: 150}}", {"monthly_bill": "150"}, False),
        ("{monthly_bill: {more_than: 150}}", {"monthly_bill": "151"}, True),
        ("{monthly_bill: {less_than: 150}}", {"monthly_bill": "149"}, True),
        ("{monthly_bill: {at_most: 150}}", {"monthly_bill": "150.00"}, True),
        ("{monthly_bill: {between: [100, 150]}}", {"monthly_bill": "1000"}, False),
        ("{first_name: [Zoë, Ann]}", {"first_name": "ANN"}, True),
        ("{first_name: {starts_with: [an, Z]}}", {"first_name": "Anna"}, True),
        ("{postal_code: {starts_with: ['900', '1']}}", {"postal_code": "90101"}, False),
        ("{not: {state: CA}}", {}, True),
        ("{state: CA}", {}, False),
        ("{state: {present: false}}", {"state": ""}, True),
        ("{state: {present: true}}", {"state": "CA"}, True),
        ("{monthly_bill: {at_least: 0}}", {"monthly_bill": "plenty"}, False),
        ("{monthly_bill: {at_least: 0}}", {"monthly_bill": "NaN"}, False),
        ("everything", {}, True),
    ],
)
def test_short_form_means(short: str, values: dict[str, str], holds: bool) -> None:
    assert compile_condition(_read(short))(values, "A") is holds


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ("everything", "everything"),
        ("{state: CA}", "state is CA"),
        ("{state: [CA, NV], monthly_bill: {at_least: 150}}", "state is one of CA, NV and monthly_bill is at least 150"),
        (
            "{any: [{state: CA}, {monthly_bill: {at_most: 9}, grade: A}]}",
            "state is CA or (monthly_bill is at most 9 and grade is A)",
        ),
        ("{not: {any: [{grade: D}, {state: CA}]}}", "not (grade is D or state is CA)"),
        ("{monthly_bill: {more_than: 1, less_than: 5}}", "monthly_bill is more than 1 and monthly_bill is less than 5"),
        ("{postal_code: {starts_with: [9, 1]}}", "postal_code starts with one of 1, 9"),
        ("{email: {present: true}}", "email is present"),
        ("{email: {present: false}}", "email is absent"),
    ],
)
def test_condition_is_said_in_words(short: str, words: str) -> None:
    assert describe(_read(short)) == words


@pytest.mark.parametrize(
    ("short", "failing"),
    [
        ("{state: CA, monthly_bill: {at_least: 150}}", (("monthly_bill",), "monthly_bill is at least 150", ("90",))),
        ("{state: TX, monthly_bill: {at_least: 150}}", (("state",), "state is TX", ("CA",))),
        ("{email: {present: true}}", (("email",), "email is present", ("nothing",))),
        ("{not: {grade: C}}", (("grade",), "not (grade is C)", ("C",))),
        (
            "{any: [{state: TX}, {email: {present: true}}]}",
            (("state", "email"), "state is TX or email is present", ("CA", "nothing")),
        ),
        ("{all: [{state: CA}, {all: [{owns_home: false}]}]}", (("owns_home",), "owns_home is false", ("true",))),
        ("everything", None),
    ],
)
def test_first_part_that_fails_is_named_with_both_values(short: str, failing: Failing | None) -> None:
    values = {"state": "CA", "monthly_bill": "90", "owns_home": "true"}
    assert accepting(short).contracts[0].first_failing(values, "C") == failing


def test_verdict_says_both() -> None:
    contract = accepting("{state: CA}").contracts[0]
    assert contract.accepts({"state": "CA"}, "A") == (True, None)
    assert contract.accepts({"state": "NV"}, "A") == (False, (("state",), "state is CA", ("NV",)))


def test_fields_that_are_read_are_known() -> None:
    assert fields_of(_read("{any: [{state: CA}, {not: {grade: D, email: {present: true}}}]}")) == {
        "state",
        "grade",
        "email",
    }


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("number", "10.50", 10.5),
        ("number", "007", 7),
        ("number", "sNaN", None),
        ("number", "", None),
        ("exact", None, None),
        ("fold", "STRASSE", "strasse"),
        ("date", "2026-06-02", "2026-06-02"),
        ("date", "soon", None),
    ],
)
def test_key_of_a_value(kind: str, text: str | None, key: object) -> None:
    assert key_of(kind, text) == key


def test_explanation_agrees_with_the_predicate() -> None:
    for seed, draw in draws(150):
        condition = draw_condition(draw)
        holds = compile_condition(condition)
        for _ in range(5):
            values, grade = draw_lead(draw), draw_grade(draw)
            assert (first_failing(condition, values, grade) is None) is holds(values, grade), f"seed {seed}"


def test_not_is_the_opposite() -> None:
    for seed, draw in draws(150):
        condition = draw_condition(draw)
        holds, holds_not = compile_condition(condition), compile_condition(NotOf(condition))
        for _ in range(5):
            values, grade = draw_lead(draw), draw_grade(draw)
            assert holds_not(values, grade) is not holds(values, grade), f"seed {seed}"
