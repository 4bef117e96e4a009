"""What a contract remembers of its answers: as many as are allowed, and none that is wrong."""

from __future__ import annotations

from typing import Any

from console.audit.plans import Answer, Contract

#: As docs/audit.md says.
ANSWERS = 256
SAID: dict[str, Any] = {
    "id": "sunco-solar",
    "campaign_id": "solar-us",
    "accept": {"type": "test", "field": "postal_code", "op": "one_of", "values": ["0", "7"]},
    "price": [{"minor": 4200}],
}


class Watched(dict[str, str]):
    """A lead's values that count how often they are looked at."""

    looks = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(name, default)


def looks(contract: Contract, number: int) -> int:
    """Return how often the values are looked at for an answer, which must be right: once if it was remembered."""
    values = Watched(postal_code=str(number))
    assert contract.answer(values, "A") == Answer(number in (0, 7), 4200)
    return values.looks


def test_a_contract_remembers_256_answers_and_never_more() -> None:
    contract = Contract("sunco", SAID, "USD")
    new = looks(contract, 0)
    assert new > 1
    assert [looks(contract, number) for number in range(1, ANSWERS)] == [new] * (ANSWERS - 1)
    assert [looks(contract, number) for number in range(ANSWERS)] == [1] * ANSWERS
    assert looks(contract, ANSWERS) == new  # one too many: all others are forgotten
    assert looks(contract, 0) == new
    assert [looks(contract, ANSWERS), looks(contract, 0)] == [1, 1]


def test_another_grade_is_another_question() -> None:
    test = {"type": "test", "field": "grade", "op": "one_of", "values": ["A"]}
    contract = Contract("sunco", SAID | {"accept": test}, "USD")
    assert [contract.answer({}, grade).accepts for grade in ("A", "B", "A")] == [True, False, True]
