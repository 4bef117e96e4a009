"""What the auditor holds of a lead shows no person, wherever it is shown."""

from __future__ import annotations

import pytest

from console.audit.cases import Delivered, Known, Sold
from console.audit.findings import Place
from console.audit.opening import Opened, OpenedOffer
from schemas.records import Right, Score, Slip

SECRET = "Maria Example 0100"
SLIP = Slip(
    lead_id="lead-1",
    campaign_id="solar-us",
    supplier_id="acme",
    supplier_lead_id=SECRET,
    test=False,
    submitted_at=0,
    received_at=0,
    received_partition=0,
    received_offset=0,
    unique_at=0,
    sell_by=1,
    plan_version=1,
    email_hash=SECRET,
    phone_hash=SECRET,
    attributes={"state": "CA"},
    private={"last_name": SECRET},
    notes=(),
)
SCORE = Score(90, "A", (), 0)
RIGHT = Right(1, 0, 0, 2, 500, "sold", "USD", 1, 0, rerouted=False)
BODY = SECRET.encode()


@pytest.mark.parametrize(
    "held",
    [
        Known(SLIP, SCORE, {**SLIP.attributes, **SLIP.private}),
        Opened(SLIP, SCORE, BODY),
        OpenedOffer(SLIP, SCORE, RIGHT, (), 0, (), BODY),
        Delivered(Place("buyers.b1.leads", 0, 7), "b1", Sold("lead-1", "sale-1", 0, 4200, "USD", test=False), BODY),
    ],
    ids=lambda held: type(held).__name__,
)
def test_what_is_held_of_a_lead_is_shown_by_its_ids_alone(held: object) -> None:
    for shown in (repr(held), str(held), f"{held}", repr([held])):
        assert SECRET not in shown
        assert "lead-1" in shown
