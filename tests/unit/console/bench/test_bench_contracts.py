"""The plans of the contracts' benchmark: about as many contracts accept a lead, however many there are."""

from __future__ import annotations

import random

import pytest

from console.bench import w1
from console.bench.contracts import BILL_FROM, BILL_TO, ELIGIBLE, plan_of


@pytest.mark.parametrize("contracts", [50, 500])
def test_as_many_contracts_accept_a_lead_in_every_plan(contracts: int) -> None:
    campaign = plan_of(contracts).campaigns[w1.CAMPAIGN]
    draw = random.Random(3)
    found = [
        len(
            campaign.eligible(
                {"state": draw.choice(w1.STATES), "monthly_bill": str(draw.randrange(BILL_FROM, BILL_TO))}, "A"
            )
        )
        for _ in range(400)
    ]
    assert len(campaign.contracts) == contracts
    assert sum(found) / len(found) == pytest.approx(ELIGIBLE, rel=0.15)
