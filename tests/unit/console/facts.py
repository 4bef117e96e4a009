"""Facts as tests write them: complete, and only what the test is about said."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.records import LeadClosed, LeadRejected, LeadSold, RightUnfilled, Windows


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


NOON = ms("2026-06-02T12:30:00-07:00")
WINDOWS = Windows(
    ms("2026-06-02T12:00:00-07:00"),
    ms("2026-06-02T00:00:00-07:00"),
    ms("2026-06-01T00:00:00-07:00"),
    ms("2026-06-01T00:00:00-07:00"),
)


def sale(lead: int, index: int = 0, buyer: str = "sunco", version: int = 1) -> LeadSold:
    return LeadSold(
        sale_id=f"sale-{lead}-{index}-{buyer}",
        lead_id=f"lead-{lead}",
        campaign_id="solar-us",
        supplier_id="acme",
        supplier_lead_id=f"L{lead}",
        buyer_id=buyer,
        contract_id=f"{buyer}-solar",
        leg=1,
        round=0,
        index=index,
        rights=2,
        price_minor=4200,
        price_rule="42.00 USD",
        terms="t",
        payout_minor=1400,
        payout_owed="on_first_sale",
        currency="USD",
        test=False,
        points=90,
        grade="A",
        sold_at=NOON,
        time_zone="America/Los_Angeles",
        windows=WINDOWS,
        caps=(),
        trace=(),
        attributes={},
        plan_version=1,
        buyer_plan_version=version,
        received_at=NOON,
        received_partition=0,
        received_offset=lead,
    )


def unfilled(lead: int, index: int = 1) -> RightUnfilled:
    return RightUnfilled(
        lead_id=f"lead-{lead}",
        campaign_id="solar-us",
        supplier_id="acme",
        leg=1,
        round=0,
        index=index,
        rights=2,
        payout_minor=1400,
        payout_owed="on_first_sale",
        currency="USD",
        test=False,
        reason="NO_BUYERS",
        trace=(),
        unfilled_at=NOON,
        plan_version=1,
        received_at=NOON,
        received_partition=0,
        received_offset=lead,
        value_minor=0,
    )


def closed(lead: int, sold: int) -> LeadClosed:
    return LeadClosed(
        lead_id=f"lead-{lead}",
        campaign_id="solar-us",
        supplier_id="acme",
        test=False,
        sold=sold,
        rights=2,
        revenue_minor=4200 * sold,
        payout_minor=1400 if sold else 0,
        currency="USD",
        reason="SOLD" if sold else "NO_BUYERS",
        reasons={} if sold == 2 else {"NO_BUYERS": 2 - sold},
        value_minor=0,
        closed_at=NOON,
        received_at=NOON,
        received_partition=0,
        received_offset=lead,
    )


def rejected(offset: int, reason: str = "INVALID", stage: str = "dedup", lead_id: str = "") -> LeadRejected:
    return LeadRejected(
        lead_id=lead_id,
        campaign_id="solar-us",
        supplier_id="acme",
        supplier_lead_id="x",
        test=False,
        stage=stage,
        reason=reason,
        faults=(),
        keys_checked=(),
        key_hit="",
        earlier_lead_id="",
        earlier_partition=-1,
        earlier_offset=-1,
        earlier_at=-1,
        received_at=NOON,
        received_partition=0,
        received_offset=offset,
        rejected_at=NOON,
        plan_version=1,
    )
