"""Closing a lead once all its rights have ended: sold n of N, or unsold and why."""

from __future__ import annotations

from agents.endings import reason_of_lead
from schemas.reasons import Reason
from schemas.records import LeadClosed, LeadSold, OpenLead, RightUnfilled

#: How a right of a lead ended.
End = LeadSold | RightUnfilled


def settle(known: OpenLead | None, end: End, now_ms: int) -> OpenLead | LeadClosed:
    """Take the end of one right: the lead stays open, or closes.

    Idempotent on the right's index: an end that is already counted changes nothing.
    """
    opened = known if known is not None else _opened(end, now_ms)
    if end.index in opened.ended:
        return opened
    counted = _counted(opened, end)
    return counted if len(counted.ended) < counted.rights else _closed(counted, end, now_ms)


def owed(payout_minor: int, payout_owed: str, sold: int, *, test: bool) -> int:
    """Return what a supplier is owed for a lead: once, on its first sale; nothing for a test.

    Raises ValueError for terms that are not known: owing the wrong sum is worse than stopping.
    """
    if payout_owed != "on_first_sale":
        raise ValueError(f"a payout is owed {payout_owed!r}; known is on_first_sale")
    return payout_minor if sold and not test else 0


def _opened(end: End, now_ms: int) -> OpenLead:
    return OpenLead(end.rights, (), 0, 0, end.payout_minor, end.payout_owed, end.currency, {}, 0, now_ms)


def _counted(lead: OpenLead, end: End) -> OpenLead:
    sold, revenue, reasons, value = lead.sold, lead.revenue_minor, lead.reasons, lead.value_minor
    if isinstance(end, LeadSold):
        sold, revenue = sold + 1, revenue + end.price_minor
    else:
        reasons = {**reasons, end.reason: reasons.get(end.reason, 0) + 1}
        value = max(value, end.value_minor)
    ended = (*lead.ended, end.index)
    terms = lead.payout_minor, lead.payout_owed, lead.currency
    return OpenLead(lead.rights, ended, sold, revenue, *terms, reasons, value, lead.since_at)


def _closed(lead: OpenLead, end: End, now_ms: int) -> LeadClosed:
    return LeadClosed(
        lead_id=end.lead_id,
        campaign_id=end.campaign_id,
        supplier_id=end.supplier_id,
        test=end.test,
        sold=lead.sold,
        rights=lead.rights,
        revenue_minor=lead.revenue_minor,
        payout_minor=owed(lead.payout_minor, lead.payout_owed, lead.sold, test=end.test),
        currency=lead.currency,
        reason=Reason.SOLD if lead.sold else reason_of_lead(lead.reasons),
        reasons=lead.reasons,
        value_minor=0 if lead.sold else lead.value_minor,
        closed_at=now_ms,
        received_at=end.received_at,
        received_partition=end.received_partition,
        received_offset=end.received_offset,
    )
