"""Closing a lead once all its rights have ended: sold n of N, or unsold and why."""

from __future__ import annotations

from msgspec.structs import replace

from agents.endings import reason_of_lead
from schemas.reasons import Reason
from schemas.records import LeadClosed, LeadSold, OpenLead, RightUnfilled

#: How a right of a lead ended.
End = LeadSold | RightUnfilled


def settle(known: OpenLead | None, end: End, now_ms: int) -> OpenLead | LeadClosed:
    """Take the end of one right: the lead stays open, or closes.

    Idempotent on the right's index: an end that is already counted changes nothing.
    """
    if known is None and end.rights == 1 and isinstance(end, LeadSold):
        return _sold_at_once(end, now_ms)
    if known is not None and end.index in known.ended:
        return known
    counted = _begun(end, now_ms) if known is None else _counted(known, end)
    return counted if len(counted.ended) < counted.rights else _closed(counted, end, now_ms)


def _sold_at_once(end: LeadSold, now_ms: int) -> LeadClosed:
    """Return the end of a lead whose only right was sold: most leads end so, and no books are kept for them."""
    payout = owed(end.payout_minor, end.payout_owed, 1, test=end.test)
    return LeadClosed(
        end.lead_id,
        end.campaign_id,
        end.supplier_id,
        end.test,
        1,
        1,
        end.price_minor,
        payout,
        end.currency,
        Reason.SOLD,
        {},
        0,
        now_ms,
        end.received_at,
        end.received_partition,
        end.received_offset,
    )


def owed(payout_minor: int, payout_owed: str, sold: int, *, test: bool) -> int:
    """Return what a supplier is owed for a lead: once, on its first sale; nothing for a test.

    Raises ValueError for terms that are not known: owing the wrong sum is worse than stopping.
    """
    if payout_owed != "on_first_sale":
        raise ValueError(f"a payout is owed {payout_owed!r}; known is on_first_sale")
    return payout_minor if sold and not test else 0


def _begun(end: End, now_ms: int) -> OpenLead:
    """Return the lead after the first end of a right."""
    terms = end.payout_minor, end.payout_owed, end.currency
    if isinstance(end, LeadSold):
        return OpenLead(end.rights, (end.index,), 1, end.price_minor, *terms, {}, 0, now_ms)
    return OpenLead(end.rights, (end.index,), 0, 0, *terms, {end.reason: 1}, end.value_minor, now_ms)


def _counted(lead: OpenLead, end: End) -> OpenLead:
    """Return the lead after one more end."""
    ended = (*lead.ended, end.index)
    if isinstance(end, LeadSold):
        return replace(lead, ended=ended, sold=lead.sold + 1, revenue_minor=lead.revenue_minor + end.price_minor)
    reasons = {**lead.reasons, end.reason: lead.reasons.get(end.reason, 0) + 1}
    return replace(lead, ended=ended, reasons=reasons, value_minor=max(lead.value_minor, end.value_minor))


def _closed(lead: OpenLead, end: End, now_ms: int) -> LeadClosed:
    return LeadClosed(
        end.lead_id,
        end.campaign_id,
        end.supplier_id,
        end.test,
        lead.sold,
        lead.rights,
        lead.revenue_minor,
        owed(lead.payout_minor, lead.payout_owed, lead.sold, test=end.test),
        lead.currency,
        Reason.SOLD if lead.sold else reason_of_lead(lead.reasons),
        lead.reasons,
        0 if lead.sold else lead.value_minor,
        now_ms,
        end.received_at,
        end.received_partition,
        end.received_offset,
    )
