"""Conditions as data, and the one compiler that turns them into predicates, words and explanations.

A condition is a tree of tests on single fields, joined by all, any and not. Values are canonical strings (true and
false, decimal points, ISO dates); `grade` is a field like the others, given apart. Every test fails on an absent
(missing, None or empty) value, except "is absent"; so `not: {state: CA}` holds for a lead without a state. What
should be a number or date and is none (the plan's types changed since) counts as absent: a condition never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import msgspec

#: The pseudo field that scoring adds.
GRADE = "grade"


Key = str | int | Decimal
Values = Mapping[str, str]
#: ISO dates compare as their texts do, if they are ISO dates.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Predicate = Callable[[Values, str], bool]


class FieldTest(msgspec.Struct, frozen=True, tag="test"):
    """One test of one field.

    `op`: one_of, at_least, at_most, more_than, less_than, starts_with, present. `kind` says how values compare:
    exact, fold (letters' case is ignored), number, date. `values`: canonical strings; one for the orders and for
    present ("true" or "false"), one or more otherwise, sorted and single.
    """

    field: str
    op: str
    values: tuple[str, ...]
    kind: str = "exact"


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Holds when every part holds; without parts it always holds."""

    parts: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Holds when at least one part holds; there is always one."""

    parts: tuple[Condition, ...]


class NotOf(msgspec.Struct, frozen=True, tag="not"):
    """Holds when its part does not."""

    part: Condition


Condition = FieldTest | AllOf | AnyOf | NotOf
EVERYTHING = AllOf(())


class Failing(NamedTuple):
    """Why a condition does not hold: the first part that fails, as fields, in words, and with what was there.

    `got` has the value of each of `fields`, NOTHING for an absent one. It may hold a person's values: it is for
    explanations shown to those who may see it, never for a log.
    """

    fields: tuple[str, ...]
    wanted: str
    got: tuple[str, ...]


NOTHING = "nothing"
"""Stands in an explanation for a value that the lead does not have."""


def key_of(kind: str, text: str | None) -> Key | None:
    """Return what a canonical string compares by; None for an absent value or one that is not of its kind."""
    if not text:
        return None
    if kind == "exact":
        return text
    if kind == "fold":
        return text.casefold()
    if kind == "date":
        return text if _DATE.fullmatch(text) else None
    return _number(text)


def _number(text: str) -> Key | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def fields_of(condition: Condition) -> frozenset[str]:
    """Return the names of all fields that a condition reads, `grade` among them if it does."""
    return frozenset(test.field for test in tests_of(condition))


def tests_of(condition: Condition) -> Iterator[FieldTest]:
    """Walk over all tests of a condition, in the order written."""
    match condition:
        case FieldTest():
            yield condition
        case NotOf(part=part):
            yield from tests_of(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from tests_of(part)


def compile_condition(condition: Condition) -> Predicate:
    """Return a function of (values, grade) that says whether the condition holds; it never raises."""
    match condition:
        case FieldTest():
            return _compile_test(condition)
        case NotOf(part=part):
            inner = compile_condition(part)
            return lambda values, grade: not inner(values, grade)
        case AllOf(parts=parts):
            return _compile_all(tuple(compile_condition(part) for part in parts))
        case AnyOf(parts=parts):
            branches = tuple(compile_condition(part) for part in parts)
            return lambda values, grade: any(holds(values, grade) for holds in branches)


def _compile_all(parts: tuple[Predicate, ...]) -> Predicate:
    if not parts:
        return lambda values, grade: True
    if len(parts) == 1:
        return parts[0]

    def holds(values: Values, grade: str) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs as much as the tests themselves
            if not part(values, grade):
                return False
        return True

    return holds


def _compile_test(test: FieldTest) -> Predicate:
    if test.field == GRADE:
        allowed = frozenset(test.values)
        return lambda values, grade: grade in allowed
    field = test.field
    if test.op == "one_of" and test.kind in {"exact", "date"}:
        texts = frozenset(test.values)
        return lambda values, grade: values.get(field) in texts
    kind, matches = test.kind, key_test(test)
    return lambda values, grade: matches(key_of(kind, values.get(field)))


def key_test(test: FieldTest) -> Callable[[Key | None], bool]:
    """Return the test as a function of a value's key (`key_of`); None, an absent value, fails unless asked for."""
    if test.op == "present":
        wanted = test.values == ("true",)
        return lambda key: (key is not None) is wanted
    keys = tuple(key for text in test.values if (key := key_of(test.kind, text)) is not None)
    if test.op == "one_of":
        members = frozenset(keys)
        return lambda key: key in members
    if test.op == "starts_with":
        prefixes = tuple(str(key) for key in keys)
        return lambda key: key is not None and str(key).startswith(prefixes)
    return _order_test(test.op, keys[0])


def _order_test(op: str, bound: Key) -> Callable[[Key | None], bool]:
    # Keys of one field are all numbers or all ISO dates; the ignores say that mypy cannot know it.
    if op == "at_least":
        return lambda key: key is not None and key >= bound  # type: ignore[operator]
    if op == "at_most":
        return lambda key: key is not None and key <= bound  # type: ignore[operator]
    if op == "more_than":
        return lambda key: key is not None and key > bound  # type: ignore[operator]
    return lambda key: key is not None and key < bound  # type: ignore[operator]


def describe(condition: Condition) -> str:
    """Say a condition in words: `state is one of AZ, CA and monthly_bill is at least 150`."""
    match condition:
        case FieldTest():
            return f"{condition.field} {wanted(condition)}"
        case NotOf(part=part):
            return f"not ({describe(part)})"
        case AllOf(parts=()):
            return "everything"
        case AllOf(parts=parts):
            return " and ".join(_inner(part) for part in parts)
        case AnyOf(parts=parts):
            return " or ".join(_inner(part) for part in parts)


def _inner(condition: Condition) -> str:
    words = describe(condition)
    return f"({words})" if isinstance(condition, AnyOf | AllOf) and len(condition.parts) > 1 else words


_OP_WORDS = {
    "at_least": "is at least",
    "at_most": "is at most",
    "more_than": "is more than",
    "less_than": "is less than",
}


def wanted(test: FieldTest) -> str:
    """Say what a test wants of its field, without the field's name: `is one of AZ, CA`."""
    if test.op == "present":
        return "is present" if test.values == ("true",) else "is absent"
    listed = ", ".join(test.values)
    if test.op == "one_of":
        return f"is {listed}" if len(test.values) == 1 else f"is one of {listed}"
    if test.op == "starts_with":
        return f"starts with {listed}" if len(test.values) == 1 else f"starts with one of {listed}"
    return f"{_OP_WORDS[test.op]} {listed}"


def first_failing(condition: Condition, values: Values, grade: str) -> Failing | None:
    """Return the first part that does not hold, or None when the condition holds."""
    if compile_condition(condition)(values, grade):
        return None
    match condition:
        case AllOf(parts=parts):
            failings = (first_failing(part, values, grade) for part in parts)
            return next(failing for failing in failings if failing is not None)
        case FieldTest() | AnyOf() | NotOf():
            names = tuple(dict.fromkeys(test.field for test in tests_of(condition)))
            return Failing(names, describe(condition), tuple(_got(name, values, grade) for name in names))


def _got(field: str, values: Values, grade: str) -> str:
    value = grade if field == GRADE else values.get(field)
    return value if value else NOTHING
