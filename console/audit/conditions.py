"""The judge's own reading of a plan's conditions, from the JSON of a published version; no code of the workers' in it.

A test fails on an absent value (missing or empty), except "present: false". Numbers compare as decimals, dates as ISO
texts, `fold` without regard to case. Source: reference plan, `docs/plan.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar

Values = Mapping[str, str]
#: Says whether a condition holds for values and a grade.
Holds = Callable[[Values, str], bool]

Answer = TypeVar("Answer")

GRADE = "grade"
#: Answers to one question that are remembered.
_ANSWERS_MAX = 8_192
#: Texts that one test remembers; there are as many tests as contracts, and more.
_TEXTS_MAX = 256
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": lambda value, bound: bool(value >= bound),
    "at_most": lambda value, bound: bool(value <= bound),
    "more_than": lambda value, bound: bool(value > bound),
    "less_than": lambda value, bound: bool(value < bound),
}


def reading(condition: Mapping[str, Any]) -> Holds:
    """Return the condition as a function. Raises ValueError for a form that is not known."""
    kind = condition.get("type")
    if kind == "test":
        return _test(condition)
    if kind == "not":
        inner = reading(condition["part"])
        return lambda values, grade: not inner(values, grade)
    parts = [reading(part) for part in condition.get("parts", ())]
    if len(parts) == 1 and kind in ("all", "any"):
        return parts[0]
    if kind == "all":
        return lambda values, grade: all(part(values, grade) for part in parts)
    if kind == "any":
        return lambda values, grade: any(part(values, grade) for part in parts)
    raise ValueError(f"a condition of type {kind!r}")


def remembering(
    reads: Collection[str], ask: Callable[[Values, str], Answer], at_most: int = _ANSWERS_MAX
) -> Callable[[Values, str], Answer]:
    """Return the same question, whose answers are remembered: leads that are alike in what it reads are alike to it."""
    known: dict[tuple[str | None, ...], Answer] = {}
    fields = sorted(reads)

    def asked(values: Values, grade: str) -> Answer:
        key = (*map(values.get, fields), grade)
        answer = known.get(key)
        if answer is None:
            if len(known) >= at_most:
                known.clear()
            answer = known[key] = ask(values, grade)
        return answer

    return asked


def names(condition: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields that a condition reads, `grade` included."""
    if "field" in condition:
        yield condition["field"]
    for part in (*condition.get("parts", ()), *([condition["part"]] if "part" in condition else [])):
        yield from names(part)


def _test(test: Mapping[str, Any]) -> Holds:
    field, op, kind, wanted = test["field"], test["op"], test.get("kind", "exact"), list(test["values"])
    if field == GRADE:
        return lambda values, grade: grade in wanted
    if op == "present":
        present = wanted[0] in ("true", True)
        return lambda values, grade: (_comparable(kind, values.get(field)) is not None) == present
    if op == "one_of" and kind == "exact":
        exact = frozenset(wanted)
        return lambda values, grade: values.get(field) in exact
    if op not in ("one_of", "starts_with", *_ORDERS):
        raise ValueError(f"a test {op!r}")
    bounds = [bound for bound in (_comparable(kind, text) for text in wanted) if bound is not None]

    @lru_cache(maxsize=_TEXTS_MAX)
    def passes(text: str | None) -> bool:
        return _passes(op, _comparable(kind, text), bounds)

    return lambda values, grade: passes(values.get(field))


def _passes(op: str, value: Any, wanted: list[Any]) -> bool:
    if value is None:
        return False
    if op == "one_of":
        return value in wanted
    if op == "starts_with":
        return any(str(value).startswith(str(beginning)) for beginning in wanted)
    return _ORDERS[op](value, wanted[0])


def _comparable(kind: str, text: str | None) -> Any:
    """Return what a value compares by, None when it is absent or not of its kind."""
    if not text:
        return None
    if kind == "fold":
        return text.casefold()
    if kind == "date":
        return text if _ISO_DATE.fullmatch(text) else None
    if kind == "number":
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None
    return text
