"""The index answers what asking every contract by itself would, at a cost that hardly grows with their number."""

from __future__ import annotations

import time

import pytest

from config.plan import condition_index, conditions, field_index
from config.plan.condition_index import ROWS_MAX, ConditionIndex, rows_of
from config.plan.conditions import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Condition,
    FieldTest,
    Key,
    NotOf,
    Values,
    compile_condition,
    key_of,
)
from tests.support.chance import draws
from tests.unit.plan.drawn import draw_condition, draw_grade, draw_lead


def _asked(accepts: list[Condition], values: Values, grade: str) -> tuple[int, ...]:
    return tuple(n for n, condition in enumerate(accepts) if compile_condition(condition)(values, grade))


def test_index_equals_asking_each() -> None:
    for seed, draw in draws(200):
        accepts = [draw_condition(draw) for _ in range(draw.randint(0, 8))]
        index = _index(accepts)
        asked = [(draw_lead(draw), draw_grade(draw)) for _ in range(6)]
        for values, grade in asked + asked:
            assert index.ask(values, grade) == _asked(accepts, values, grade), f"seed {seed}"


def _index(accepts: list[Condition]) -> ConditionIndex[tuple[int, ...]]:
    return ConditionIndex(accepts, lambda numbers: numbers)


def _states(*codes: str) -> FieldTest:
    return FieldTest("state", "one_of", codes, "exact")


def _wide(parts: int) -> Condition:
    """Return a condition whose rows are two to the power of its parts."""
    pairs = [AnyOf((_states(f"S{n}", "CA"), FieldTest("bill", "at_least", (str(n),), "number"))) for n in range(parts)]
    return AllOf(tuple(pairs))


def test_condition_with_too_many_rows_is_asked_by_itself() -> None:
    assert rows_of(_wide(7)) is None
    assert len(rows_of(_wide(6)) or []) == ROWS_MAX
    index = _index([_states("CA"), _wide(7), EVERYTHING])
    assert index.ask({"state": "CA"}, "A") == (0, 1, 2)
    assert index.ask({"state": "NV", "bill": "6"}, "A") == (1, 2)
    assert index.ask({"state": "NV", "bill": "5"}, "A") == (2,)


def test_negation_is_pushed_to_the_tests() -> None:
    test, other = _states("CA"), _states("NV")
    assert rows_of(NotOf(AllOf((test, NotOf(other))))) == [((test, False),), ((other, True),)]
    assert rows_of(NotOf(AnyOf((test, other)))) == [((test, False), (other, False))]
    assert rows_of(NotOf(EVERYTHING)) == []


def test_no_contract_at_all() -> None:
    assert _index([]).ask({"state": "CA"}, "A") == ()


def test_longest_prefix_decides() -> None:
    accepts: list[Condition] = [
        FieldTest("zip", "starts_with", ("9",)),
        FieldTest("zip", "starts_with", ("900", "1")),
        NotOf(FieldTest("zip", "starts_with", ("90",))),
        FieldTest("zip", "one_of", ("90001",)),
    ]
    index = _index(accepts)
    for code in ["90001", "90101", "91000", "10001", "20001", "9", ""]:
        assert index.ask({"zip": code}, "A") == _asked(accepts, {"zip": code}, "A"), code


def test_answers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    accepts: list[Condition] = [FieldTest("bill", "at_least", (str(n),), "number") for n in range(100)]
    index = _index(accepts)
    for n in range(200):
        assert index.ask({"bill": str(n)}, "A") == tuple(range(min(n + 1, 100)))
    assert index.remembered == (101, 5_150)  # all above 99 are one class

    monkeypatch.setattr(condition_index, "ANSWERS_MAX", 20)
    monkeypatch.setattr(condition_index, "ANSWERED_MAX", 500)
    small = _index(accepts)
    for n in range(200):
        assert small.ask({"bill": str(n)}, "A") == tuple(range(min(n + 1, 100)))
        answers, numbers = small.remembered
        assert answers <= 20
        assert numbers <= 500


def _market(contracts: int) -> ConditionIndex[tuple[int, ...]]:
    """Return the index of contracts that each want two of fifty states, grades, and a bill."""
    return _index([_wish(number) for number in range(contracts)])


def _wish(number: int) -> Condition:
    return AllOf(
        (
            _states(f"S{number % 50}", f"S{number * 7 % 50}"),
            NotOf(FieldTest("grade", "one_of", ("D",))),
            FieldTest("bill", "at_least", (str(number % 10 * 20),), "number"),
        )
    )


def _cost_s(index: ConditionIndex[tuple[int, ...]]) -> float:
    leads_asked = [({"state": f"S{n % 50}", "bill": str(n % 200)}, "A") for n in range(2_000)]
    for values, grade in leads_asked:
        index.ask(values, grade)
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for values, grade in leads_asked:
            index.ask(values, grade)
        rounds.append(time.process_time() - begun)
    return min(rounds)


def test_five_thousand_contracts_cost_hardly_more_than_fifty() -> None:
    # The goal is 1.5 times (performance.md); 3 times is the floor below which something is wrong.
    assert _cost_s(_market(5_000)) < 3 * _cost_s(_market(50))


@pytest.mark.parametrize(
    ("op", "kind"), [("one_of", "exact"), ("one_of", "fold"), ("one_of", "number"), ("starts_with", "fold")]
)
def test_a_condition_of_a_thousand_values_is_made_ready_in_as_many_steps(
    op: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of thousands of ZIP codes are usual; each value is looked at a few times, not once for each other."""
    asked = 0

    def counted(kind: str, text: str | None) -> Key | None:
        nonlocal asked
        asked += 1
        return key_of(kind, text)

    for module in (conditions, field_index):
        monkeypatch.setattr(module, "key_of", counted)
    values = tuple(f"{number:05}" for number in range(1_000))
    index = ConditionIndex([FieldTest("x", op, values, kind)], lambda held: held)
    assert (index.ask({"x": "00999"}, ""), index.ask({"x": "10000"}, "")) == ((0,), ())
    assert asked < 10 * len(values)
