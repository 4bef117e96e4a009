"""Random conditions and leads, over a few fields of every kind, close enough that tests often hit their bounds."""

from __future__ import annotations

import random

from config.plan.conditions import GRADE, AllOf, AnyOf, Condition, FieldTest, NotOf

#: Field -> how it compares, and the values that tests and leads draw from.
FIELDS: dict[str, tuple[str, list[str]]] = {
    "state": ("exact", ["AZ", "CA", "NV", "TX"]),
    "city": ("fold", ["Reno", "RENO", "reno", "Elko", "straße", "STRASSE"]),
    "bill": ("number", ["-5", "0", "10", "10.0", "10.5", "99", "100", "1e3"]),
    "moved": ("date", ["2025-12-31", "2026-01-01", "2026-06-02"]),
    "zip": ("exact", ["9", "90", "900", "90001", "89501", "10001"]),
    "owner": ("exact", ["true", "false"]),
}
GRADES = ["A", "B", "C", "D"]
#: What a lead may hold although the plan's types say otherwise: an older plan let it in.
_STRANGE = ["", "nonsense", "NaN", "Infinity", "12,5", "\x00", "٣"]
_ORDERS = ["at_least", "at_most", "more_than", "less_than"]
_LEVELS_MAX = 4


def draw_condition(draw: random.Random, levels: int = _LEVELS_MAX) -> Condition:
    """Draw a condition of any shape, at most so many levels deep."""
    shape = "test" if levels == 1 else draw.choice(("test", "test", "all", "any", "not", "everything"))
    if shape == "test":
        return _draw_test(draw)
    if shape == "not":
        return NotOf(draw_condition(draw, levels - 1))
    if shape == "everything":
        return AllOf(())
    parts = tuple(draw_condition(draw, levels - 1) for _ in range(draw.randint(1, 4)))
    return AllOf(parts) if shape == "all" else AnyOf(parts)


def _draw_test(draw: random.Random) -> FieldTest:
    """Draw one test of one field, as the checker would make it."""
    name = draw.choice([*FIELDS, GRADE])
    if name == GRADE:
        return FieldTest(GRADE, "one_of", _some(draw, GRADES))
    kind, values = FIELDS[name]
    op = draw.choice(["one_of", "present"] + (_ORDERS if kind in {"number", "date"} else ["starts_with"]))
    if op == "present":
        return FieldTest(name, op, (draw.choice(["true", "false"]),), kind)
    if op in _ORDERS:
        return FieldTest(name, op, (draw.choice(values),), kind)
    return FieldTest(name, op, _some(draw, values), kind)


def _some(draw: random.Random, values: list[str]) -> tuple[str, ...]:
    return tuple(sorted(draw.sample(values, draw.randint(1, len(values)))))


def draw_lead(draw: random.Random) -> dict[str, str]:
    """Draw a lead's values: some absent, some empty, some that are not of the field's kind."""
    found = {}
    for name, (_, values) in FIELDS.items():
        pool = draw.choice(([], values, values, _STRANGE))
        if pool:
            found[name] = draw.choice(pool)
    return found


def draw_grade(draw: random.Random) -> str:
    """Draw a grade, or none."""
    return draw.choice([*GRADES, ""])
