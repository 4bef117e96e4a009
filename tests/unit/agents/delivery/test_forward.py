"""Where a refused right goes: to the next who is open, as far as is known."""

from __future__ import annotations

import pytest

from agents.delivery.forward import next_open
from schemas.records import BuyerStatus, Candidate
from tests.support.leads import TUESDAY_10_PACIFIC_MS as NOW

ROUTE = [Candidate(f"b{n}", f"c{n}", 3000, "rule", "terms") for n in range(3)]


def onward(reasons: dict[str, str], *, test: bool) -> tuple[int | None, list[str]]:
    """Return where a right goes that b0 has refused, with these contracts closed, and who was skipped why."""

    def closing(contract_id: str, _: int) -> BuyerStatus | None:
        reason = reasons.get(contract_id)
        return BuyerStatus(contract_id, "b", False, reason, -1, NOW) if reason else None

    found = next_open(ROUTE, 0, closing, NOW, test=test)
    return found.position, [step.reason for step in found.skipped]


@pytest.mark.parametrize("test", [False, True])
def test_who_is_closed_is_skipped_with_the_reason(test: bool) -> None:
    assert onward({}, test=test) == (1, [])
    assert onward({"c1": "BUYER_CLOSED_HOURS"}, test=test) == (2, ["BUYER_CLOSED_HOURS"])
    assert onward({"c1": "BUYER_PAUSED", "c2": "BUYER_RETIRED"}, test=test) == (
        None,
        ["BUYER_PAUSED", "BUYER_RETIRED"],
    )


@pytest.mark.parametrize("reason", ["BUYER_CAP", "BUYER_BUDGET", "CONTRACT_CAP", "CONTRACT_BUDGET"])
def test_a_cap_closes_nobody_to_a_test_lead(reason: str) -> None:
    assert onward({"c1": reason}, test=False) == (2, [reason])
    assert onward({"c1": reason}, test=True) == (1, [])
