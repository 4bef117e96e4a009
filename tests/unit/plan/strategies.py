"""Random conditions and leads, over a few fields of every kind, close enough that tests often hit their bounds."""

from __future__ import annotations

from hypothesis import strategies as st

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


@st.composite
def field_tests(draw: st.DrawFn) -> FieldTest:
    """Draw one test of one field, as the checker would make it."""
    name = draw(st.sampled_from([*FIELDS, GRADE]))
    if name == GRADE:
        return FieldTest(GRADE, "one_of", tuple(sorted(draw(st.sets(st.sampled_from(GRADES), min_size=1)))))
    kind, values = FIELDS[name]
    ops = ["one_of", "present"] + (_ORDERS if kind in {"number", "date"} else ["starts_with"])
    op = draw(st.sampled_from(ops))
    if op == "present":
        return FieldTest(name, op, (draw(st.sampled_from(["true", "false"])),), kind)
    if op in _ORDERS:
        return FieldTest(name, op, (draw(st.sampled_from(values)),), kind)
    return FieldTest(name, op, tuple(sorted(draw(st.sets(st.sampled_from(values), min_size=1)))), kind)


def _joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    some = st.lists(parts, min_size=1, max_size=4).map(tuple)
    return st.one_of(some.map(AllOf), some.map(AnyOf), parts.map(NotOf), st.just(AllOf(())))


#: Conditions of any shape, three or four levels deep.
conditions: st.SearchStrategy[Condition] = st.recursive(field_tests(), _joined, max_leaves=12)


@st.composite
def leads(draw: st.DrawFn) -> dict[str, str]:
    """Draw a lead's values: some absent, some empty, some that are not of the field's kind."""
    found = {}
    for name, (_, values) in FIELDS.items():
        value = draw(st.one_of(st.none(), st.sampled_from(values), st.sampled_from(_STRANGE)))
        if value is not None:
            found[name] = value
    return found


grades = st.sampled_from([*GRADES, ""])
