"""What the auditor holds of a lead shows no person, wherever it is shown."""

from __future__ import annotations

from console.audit.cases import Known
from schemas.records import Score, Slip

SECRET = "Maria Example 0100"


def test_what_a_lead_was_is_shown_by_its_id_alone() -> None:
    slip = Slip(
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
    known = Known(slip, Score(90, "A", (), 0), {**slip.attributes, **slip.private})
    assert SECRET in known.asked.values()
    for shown in (repr(known), str(known), f"{known}", repr([known])):
        assert SECRET not in shown
        assert "lead-1" in shown
