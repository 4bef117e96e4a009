"""The two records of a sale: the fact for everyone, and the lead for the buyer."""

from __future__ import annotations

from collections.abc import Iterable

from agents.delivery.owner import Sale
from schemas.records import Candidate, Lead, LeadSold, Step
from schemas.slip import OfferHead, Slips

_CORE = tuple(name for name in Lead.__struct_fields__ if name != "fields")


def fact_of(
    head: OfferHead,
    candidate: Candidate,
    sale: Sale,
    sale_id: str,
    trace: tuple[Step, ...],
    now_ms: int,
) -> LeadSold:
    """Return the fact that a right was sold: ids, numbers and fields that are not personal."""
    slip, right, terms = head.slip, head.right, sale.rules.state.terms
    return LeadSold(
        sale_id,
        slip.lead_id,
        slip.campaign_id,
        slip.supplier_id,
        slip.supplier_lead_id,
        candidate.buyer_id,
        candidate.contract_id,
        right.leg,
        right.round,
        right.index,
        right.rights,
        sale.price_minor,
        candidate.price_rule,
        candidate.terms,
        right.payout_minor,
        right.payout_owed,
        right.currency,
        slip.test,
        head.score.points,
        head.score.grade,
        now_ms,
        terms.time_zone,
        sale.windows,
        sale.caps,
        trace,
        slip.attributes,
        right.plan_version,
        terms.plan_version,
        slip.received_at,
        slip.received_partition,
        slip.received_offset,
    )


def body_for(slips: Slips, fields: tuple[str, ...], body: bytes) -> bytes:
    """Return the lead's body with only these fields in it; () means every field the campaign lists."""
    if not fields:
        return body
    return slips.body_of(only(slips.lead_of(body), fields))


def only(lead: Lead, fields: Iterable[str]) -> Lead:
    """Return the lead with the named fields alone."""
    named = frozenset(fields)
    core = {name: getattr(lead, name) for name in _CORE if name in named}
    return Lead(**core, fields={name: value for name, value in lead.fields.items() if name in named})
