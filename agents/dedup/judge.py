"""The judgement of a received lead before anyone asks whether it was seen before: pure, and all of it in one place."""

from __future__ import annotations

import re

import msgspec

from agents.dedup.hashes import Hashes
from agents.dedup.keys import ClaimRule, PlanClaims
from agents.dedup.validate import Validator
from agents.views import PauseView
from config.plan.compiled import CompiledPlan
from config.plan.dedupes import DedupeHistory
from schemas.identity import lead_id
from schemas.reasons import Reason
from schemas.records import Fault, LeadReceived

#: How far a supplier's clock may run ahead of the broker's.
AHEAD_MS = 5 * 60_000
#: The longest identity that a supplier may give a lead, in characters.
SUPPLIER_LEAD_ID_MAX = 200

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class Received(msgspec.Struct, frozen=True, gc=False):
    """A decoded lead with its coordinates; `at` is the broker's time."""

    lead: LeadReceived
    partition: int
    offset: int
    at: int


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A lead that goes no further. `lead_id` is "" when the record does not identify a lead."""

    lead_id: str
    reason: Reason
    faults: tuple[Fault, ...] = ()


class Valid(msgspec.Struct, frozen=True, gc=False):
    """A lead that is right in itself, in canonical form, with its keys by label and the rules that made it so."""

    lead_id: str
    values: dict[str, str]
    notes: tuple[str, ...]
    keys: dict[str, str]
    sell_by: int
    campaign: CampaignRules

    def __repr__(self) -> str:
        return f"Valid({self.lead_id})"


class CampaignRules(msgspec.Struct, frozen=True, gc=False):
    """A campaign, compiled for intake."""

    validator: Validator
    claim: ClaimRule
    sell_within_ms: int


class Rules:
    """A version of the plan, compiled for intake."""

    def __init__(self, plan: CompiledPlan, hashes: Hashes, history: DedupeHistory | None = None) -> None:
        """Compile a plan; `history`: what the versions up to it have said of duplicates, if there were any."""
        self.plan = plan
        self.claims = claims = PlanClaims(plan, hashes, history)
        self.campaigns = {
            name: CampaignRules(Validator(campaign.fields), claims.rules[name], campaign.sell_within_ms)
            for name, campaign in plan.campaigns.items()
        }
        #: Who may send into what: the common case in one look.
        self.admitted = frozenset(
            (supplier.id, terms.campaign_id) for supplier in plan.plan.suppliers for terms in supplier.campaigns
        )
        self.email_hash = hashes.labelled("email")
        self.phone_hash = hashes.labelled("phone")


def judge(received: Received, rules: Rules, pauses: PauseView) -> Refused | Valid:
    """Return why the lead is refused, or the lead in canonical form.

    In this order: its identity, campaign known and not paused, supplier known, in the campaign and not paused, its
    fields (all faults at once), its time. A test lead is judged like any other.
    """
    lead, received_at = received.lead, received.at
    given = lead.supplier_lead_id
    admitted = (lead.supplier_id, lead.campaign_id) in rules.admitted
    if not (admitted and 0 < len(given) <= SUPPLIER_LEAD_ID_MAX and given.isprintable() and not given.isspace()):
        faults = identity_faults(lead)
        if faults:
            return Refused("", Reason.INVALID, faults)
    identity = lead_id(lead.supplier_id, lead.campaign_id, given, test=lead.test)
    if pauses or not admitted:
        reason = _not_admitted(received, rules.plan, pauses)
        if reason is not None:
            return Refused(identity, reason)
    campaign = rules.campaigns[lead.campaign_id]
    checked = campaign.validator.check(lead)
    if checked.faults:
        return Refused(identity, Reason.INVALID, checked.faults)
    submitted_at = lead.submitted_at
    if submitted_at > received_at + AHEAD_MS:
        return Refused(identity, Reason.SUBMITTED_IN_FUTURE)
    sell_by = (submitted_at if submitted_at < received_at else received_at) + campaign.sell_within_ms
    values = checked.values
    return Valid(identity, values, checked.notes, campaign.claim.keys(values), sell_by, campaign)


def _not_admitted(received: Received, plan: CompiledPlan, pauses: PauseView) -> Reason | None:
    lead = received.lead
    if lead.campaign_id not in plan.campaigns:
        return Reason.CAMPAIGN_UNKNOWN
    if pauses.paused("campaign", lead.campaign_id, received.at):
        return Reason.CAMPAIGN_PAUSED
    if plan.supplier_terms(lead.supplier_id, lead.campaign_id) is None:
        known = plan.has_supplier(lead.supplier_id)
        return Reason.SUPPLIER_NOT_IN_CAMPAIGN if known else Reason.SUPPLIER_UNKNOWN
    if pauses.paused("supplier", lead.supplier_id, received.at):
        return Reason.SUPPLIER_PAUSED
    return None


def identity_faults(lead: LeadReceived) -> tuple[Fault, ...]:
    """Return what is wrong with the three texts that identify a lead."""
    faults = [
        Fault(name, Reason.VALIDATION_PATTERN, "is not an id: lower-case letters, digits and -, at most 60")
        for name, value in (("campaign_id", lead.campaign_id), ("supplier_id", lead.supplier_id))
        if not _ID.fullmatch(value)
    ]
    given = lead.supplier_lead_id
    if not given.strip():
        faults.append(Fault("supplier_lead_id", Reason.VALIDATION_MISSING, "is required and empty"))
    elif len(given) > SUPPLIER_LEAD_ID_MAX:
        detail = f"is longer than {SUPPLIER_LEAD_ID_MAX} characters"
        faults.append(Fault("supplier_lead_id", Reason.VALIDATION_RANGE, detail))
    elif not given.isprintable():
        faults.append(Fault("supplier_lead_id", Reason.VALIDATION_TYPE, "holds a control character"))
    return tuple(faults)


def shown_ids(lead: LeadReceived) -> tuple[str, str, str]:
    """Return campaign, supplier and supplier's lead id as a fact may keep them: "" for each that is not right.

    Facts are kept for ever and hold no person: a record that puts a name where an id belongs does not get it there.
    """
    wrong = {fault.field for fault in identity_faults(lead)}
    return (
        "" if "campaign_id" in wrong else lead.campaign_id,
        "" if "supplier_id" in wrong else lead.supplier_id,
        "" if "supplier_lead_id" in wrong else lead.supplier_lead_id,
    )
