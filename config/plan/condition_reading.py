"""Read conditions in their short form, checked against the fields they name.

{state: [CA, NV], monthly_bill: {at_least: 150}}     every line must hold; a list means one of
{any: [{...}, {...}], all: [{...}], not: {...}}      at least one, every one, none
{field: {at_least: 1, less_than: 9}}                 also at_most, more_than, between: [1, 9], is, one_of,
                                                     starts_with (a text or list), present: true or false
everything                                           the word for no condition at all
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.plan.conditions import EVERYTHING, GRADE, AllOf, AnyOf, Condition, FieldTest, NotOf
from config.plan.cursor import Cursor, near_miss
from config.plan.model import FieldRule
from config.plan.scalars import boolean
from config.plan.values import BEGINNINGS, KINDS, ORDERED, beginning, below, canonical

#: The words of a condition; no field may be called so.
JOINS: Final = ("any", "all", "not")
OPS: Final = ("is", "one_of", "at_least", "at_most", "more_than", "less_than", "between", "starts_with", "present")


class Names:
    """The names that a condition may use: a campaign's fields, and the grades if there are any to test."""

    def __init__(self, fields: Mapping[str, FieldRule], grades: tuple[str, ...], no_grade: str) -> None:
        self.fields = fields
        self.grades = grades
        self.no_grade = no_grade

    @property
    def words(self) -> list[str]:
        """All words that may stand on the left of a condition."""
        return [*self.fields, *([GRADE] if self.grades else []), *JOINS]


def condition(at: Cursor, names: Names) -> Condition:
    """Read a condition; what is wrong is told, and a stand-in returned."""
    if at.word() == "everything":
        return EVERYTHING
    if not at.is_mapping():
        at.problem("is not a condition", "write {field: value}, or the word `everything`")
        return EVERYTHING
    entries = at.entries("a condition")
    if not entries:
        at.problem("the condition is empty", "write {field: value}, or the word `everything`")
    parts = tuple(_entry(key, cursor, names) for key, cursor in entries)
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _entry(key: str, at: Cursor, names: Names) -> Condition:
    if key == "not":
        return NotOf(condition(at, names))
    if key in {"any", "all"}:
        parts = tuple(condition(item, names) for item in at.items("a list of conditions"))
        return AnyOf(parts) if key == "any" else AllOf(parts)
    if key == GRADE:
        return _grade(at, names)
    rule = names.fields.get(key)
    if rule is None:
        at.problem(f"`{key}` is not a field of the campaign", near_miss(key, names.words))
        return EVERYTHING
    return _field(at, rule)


def _grade(at: Cursor, names: Names) -> Condition:
    if not names.grades:
        at.problem("the grade cannot be tested here", names.no_grade)
        return EVERYTHING
    if at.is_mapping():
        at.problem("grades have no order here", "list them: grade: [A, B]")
        return EVERYTHING
    found = []
    for item in at.items("grades") if at.is_list() else [at]:
        text = item.text("a grade")
        if text and text not in names.grades:
            item.problem(f"no lead of this campaign gets the grade `{text}`", f"known: {', '.join(names.grades)}")
        found.append(text)
    return FieldTest(GRADE, "one_of", tuple(sorted(set(found))), "exact")


def _field(at: Cursor, rule: FieldRule) -> Condition:
    if not at.is_mapping():
        return _one_of(at, rule)
    entries = at.entries("a test")
    if not entries:
        at.problem("the test is empty", f"write one of: {', '.join(OPS)}")
    tests: list[FieldTest] = []
    for op, cursor in entries:
        tests += _op(op, cursor, rule)
    _check_order(at, tests, rule)
    return tests[0] if len(tests) == 1 else AllOf(tuple(tests))


def _op(op: str, at: Cursor, rule: FieldRule) -> list[FieldTest]:
    kind = KINDS[rule.type]
    if op not in OPS:
        at.problem(f"`{op}` is not a test", near_miss(op, OPS))
        return []
    if op in {"is", "one_of"}:
        return [_one_of(at, rule)]
    if op == "present":
        return [FieldTest(rule.name, "present", ("true" if boolean(at) else "false",), kind)]
    if op == "starts_with":
        return _starts_with(at, rule)
    if rule.type not in ORDERED:
        at.problem(f"`{op}` needs a number or a date, and {rule.name} is of type {rule.type}", "list values instead")
        return []
    if op == "between":
        return _between(at, rule)
    return [FieldTest(rule.name, op, (_value(at, rule),), kind)]


def _one_of(at: Cursor, rule: FieldRule) -> FieldTest:
    items = at.items("values") if at.is_list() else [at]
    found = {_value(item, rule) for item in items}
    if len(found) < len(items) and "" not in found:
        at.problem("a value is listed twice", "list each once")
    return FieldTest(rule.name, "one_of", tuple(sorted(found)), KINDS[rule.type])


def _between(at: Cursor, rule: FieldRule) -> list[FieldTest]:
    ends = at.items("two values, such as [100, 200]") if at.is_list() else []
    if len(ends) != 2:
        at.problem("`between` takes two values", "write [lowest, highest]; both belong to it")
        return []
    low, high = _value(ends[0], rule), _value(ends[1], rule)
    kind = KINDS[rule.type]
    return [FieldTest(rule.name, "at_least", (low,), kind), FieldTest(rule.name, "at_most", (high,), kind)]


def _starts_with(at: Cursor, rule: FieldRule) -> list[FieldTest]:
    if rule.type not in BEGINNINGS:
        at.problem(f"`starts_with` does not fit a field of type {rule.type}", "list values instead")
        return []
    found = set()
    for item in at.items("beginnings") if at.is_list() else [at]:
        value, what, fix = beginning(rule, item.text("the beginning of a value"))
        if what:
            item.problem(what, fix)
        found.add(value)
    return [FieldTest(rule.name, "starts_with", tuple(sorted(found)), KINDS[rule.type])]


def _value(at: Cursor, rule: FieldRule) -> str:
    text = at.text(f"a value of {rule.name}")
    if not text:
        return ""
    value, what, fix = canonical(rule, text)
    if what:
        at.problem(what, fix)
    return value


def _check_order(at: Cursor, tests: list[FieldTest], rule: FieldRule) -> None:
    """Tell when bounds on one field leave nothing between them."""
    if rule.type not in ORDERED:
        return
    lows = [t.values[0] for t in tests if t.op in {"at_least", "more_than"} and t.values[0]]
    highs = [t.values[0] for t in tests if t.op in {"at_most", "less_than"} and t.values[0]]
    if any(below(rule.type, high, low) for low in lows for high in highs):
        at.problem("no value is between these bounds", "give the lower bound first")
