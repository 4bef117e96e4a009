"""Builders of leads and of what stands in front of them: valid by default, told only what a test is about."""

from __future__ import annotations

from collections.abc import Mapping

from config.plan.compiled import CompiledPlan
from schemas.identity import lead_id
from schemas.records import Lead, Points, Score, Slip

#: 10:00 in Los Angeles, 12:00 in Chicago, 13:00 in New York, on Tuesday 2 June 2026.
TUESDAY_10_PACIFIC_MS = 1_780_419_600_000
HOUR_MS = 3_600_000

GOOD_VALUES = {"state": "CA", "owns_home": "true", "monthly_bill": "220"}


def make_slip(
    number: int,
    values: Mapping[str, str] = GOOD_VALUES,
    *,
    campaign_id: str = "solar-us",
    supplier_id: str = "acme-forms",
    now_ms: int = TUESDAY_10_PACIFIC_MS,
    sell_within_ms: int = 900_000,
    test: bool = False,
    plan_version: int = 1,
) -> Slip:
    """Return the slip of lead `number`, received now at offset `number` of partition 0."""
    supplied = f"s-{number}"
    return Slip(
        lead_id=lead_id(supplier_id, campaign_id, supplied, test=test),
        campaign_id=campaign_id,
        supplier_id=supplier_id,
        supplier_lead_id=supplied,
        test=test,
        submitted_at=now_ms,
        received_at=now_ms,
        received_partition=0,
        received_offset=number,
        unique_at=now_ms,
        sell_by=now_ms + sell_within_ms,
        plan_version=plan_version,
        email_hash="",
        phone_hash="",
        attributes=dict(values),
        private={},
        notes=(),
    )


def make_lead(**fields: str) -> Lead:
    """Return a person in California; `fields` are what the vertical adds (a `state` among them is left out)."""
    fields.pop("state", None)
    return Lead(
        first_name="Ann",
        last_name="Example",
        email="ann@example.org",
        phone="+12135550123",
        state="CA",
        postal_code="90012",
        fields=fields,
    )


def make_score(plan: CompiledPlan, slip: Slip) -> Score:
    """Return the score that the plan gives to this slip's values."""
    points, grade, rules = plan.campaigns[slip.campaign_id].score({**slip.attributes, **slip.private})
    return Score(points, grade, tuple(Points(rule, given) for rule, given in rules), slip.unique_at)
