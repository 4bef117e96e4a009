"""Checks what intake and scoring have made of a received record: who it is, when, with which fields, at which grade."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha1
from operator import attrgetter
from uuid import UUID

from msgspec.structs import asdict

from console.audit.cases import Flow, Received, Sent
from console.audit.findings import Finding, Place, Rule
from console.audit.plans import Campaign, Likeness, PlanRead, Scored
from schemas.records import Lead, LeadRejected, Slip

#: Root of all computed ids (protocol, rule 1), and what stands between the parts of a name.
_NAMESPACE = UUID("6ba7c0de-1eaf-5000-8000-1eadf10a0001").bytes
_BETWEEN = "\x1f"
#: How far a supplier's clock may run ahead of the broker's.
_AHEAD_MS = 300_000


def lead_id_of(sent: Sent) -> str:
    """Return the identity that a received record gives its lead."""
    kind = "test" if sent.test else "live"
    return _uuid5(_BETWEEN.join((sent.supplier_id, sent.campaign_id, kind, sent.supplier_lead_id)))


def sale_id_of(lead_id: str, leg: int, round_: int, index: int, buyer_id: str) -> str:
    """Return the identity of the sale of a right to a buyer."""
    return _uuid5(f"{lead_id}/{leg}/{round_}/{index}/{buyer_id}")


def _uuid5(name: str) -> str:
    """Return a version 5 id (RFC 9562): SHA-1 of namespace and name, with version and variant written over it."""
    digits = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


#: A digit with its two highest bits set to 10.
_VARIANTS = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


def check_origin(slip: Slip, received: Received, plan: PlanRead, at: Place) -> Iterator[Finding]:
    """Compare a unique lead with the record that it was received as."""
    sent = received.sent
    if sent is None:
        yield Finding(
            Rule.INTAKE, at, f"lead {slip.lead_id}", "a received record that can be read", "bytes that cannot"
        )
        return
    campaign = plan.campaigns.get(sent.campaign_id)
    within = campaign.sell_within_ms if campaign else 0
    sell_by = min(sent.submitted_at, received.at_ms) + within
    wanted = (*sent, lead_id_of(sent), received.at_ms, sell_by)
    found = _origin_of(slip)
    for name, value, was in zip(_OF_ORIGIN, wanted, found, strict=True) if wanted != found else ():
        if value != was:
            shown = (str(value), str(was)) if name != "supplier_lead_id" else ("the same", "another")
            yield Finding(Rule.INTAKE, at, f"{name} of lead {slip.lead_id}", *shown)
    if campaign is None or (slip.supplier_id, slip.campaign_id) not in plan.payouts:
        who = f"{slip.supplier_id} to send into {slip.campaign_id}"
        yield Finding(Rule.INTAKE, at, f"lead {slip.lead_id}", f"plan {plan.version} to allow {who}", "no such terms")
    if sent.submitted_at > received.at_ms + _AHEAD_MS:
        late = f"{sent.submitted_at}, received at {received.at_ms}"
        yield Finding(Rule.INTAKE, at, f"submitted_at of lead {slip.lead_id}", "at most 5 min ahead", late)


_OF_ORIGIN = (*Sent._fields, "lead_id", "received_at", "sell_by")
_origin_of: Callable[[Slip], tuple[object, ...]] = attrgetter(*_OF_ORIGIN)


def check_rejection(fact: LeadRejected, received: Received, at: Place) -> Iterator[Finding]:
    """Compare a rejection by intake with the record that it rejects; an id that is none is left out of the fact."""
    sent, subject = received.sent, f"rejection of lead {fact.lead_id}"
    if sent is None:
        yield Finding(Rule.INTAKE, at, subject, "a received record that can be read", "bytes that cannot")
        return
    if (fact.test, fact.received_at) != (sent.test, received.at_ms):
        expected = f"test {sent.test}, received at {received.at_ms}"
        yield Finding(Rule.INTAKE, at, subject, expected, f"test {fact.test}, received at {fact.received_at}")
    for name in ("campaign_id", "supplier_id", "supplier_lead_id"):
        if getattr(fact, name) not in ("", getattr(sent, name)):
            yield Finding(Rule.INTAKE, at, f"{name} of {subject}", "the same", "another")
    if fact.lead_id not in ("", lead_id_of(sent)):
        yield Finding(Rule.INTAKE, at, subject, f"lead {lead_id_of(sent)}", "another")
    if (fact.earlier_partition, fact.earlier_offset) == (fact.received_partition, fact.received_offset):
        yield Finding(Rule.INTAKE, at, subject, "another lead that it is like", "itself")


def check_fields(slip: Slip, values: Mapping[str, str], campaign: Campaign, at: Place) -> Iterator[Finding]:
    """Compare a lead's fields with those of its campaign, by names; values are held against type and bounds."""
    subject = f"fields of lead {slip.lead_id}"
    if not values.keys() <= campaign.fields.keys():
        foreign = ", ".join(sorted(values.keys() - campaign.fields.keys()))
        yield Finding(Rule.INTAKE, at, subject, f"fields of campaign {campaign.id} only", foreign)
    if not campaign.required <= values.keys():
        missing = ", ".join(sorted(campaign.required - values.keys()))
        yield Finding(Rule.INTAKE, at, subject, f"{missing}, which the campaign requires", "none")
    wrong = [name for name, fits in campaign.bounded.items() if name in values and not fits(values[name])]
    if wrong:
        yield Finding(Rule.INTAKE, at, subject, "values within their type and bounds", f"{', '.join(wrong)} outside")
    if slip.attributes != {name: values[name] for name in campaign.public if name in values}:
        yield Finding(
            Rule.INTAKE, at, f"attributes of lead {slip.lead_id}", "its fields that are not personal", "others"
        )
    if not slip.private.items() <= values.items():
        yield Finding(Rule.INTAKE, at, f"private fields of lead {slip.lead_id}", "those of its body", "others")


def values_of(lead: Lead) -> dict[str, str]:
    """Return all values of a lead by field name."""
    columns = asdict(lead)
    fields: dict[str, str] = columns.pop("fields")
    if None in columns.values():
        columns = {name: value for name, value in columns.items() if value is not None}
    return {**fields, **columns}


def check_score(flow: Flow, plans: Sequence[PlanRead], at: Place) -> Iterator[Finding]:
    """Compare the score with the campaign's scoring by the plan at intake, or a later one in force by then."""
    slip, score = flow.slip, flow.score
    if slip is None or score is None:
        return
    found = Scored(score.points, score.grade, score.rules)
    campaigns = [plan.campaigns.get(slip.campaign_id) for plan in plans]
    answers = [campaign.score(flow.asked) if campaign else _UNSCORED for campaign in campaigns]
    if answers and found not in answers:
        yield Finding(Rule.SCORE, at, f"lead {slip.lead_id}", _score_words(answers[0]), _score_words(found))


_UNSCORED = Scored(0, "D", ())


def _score_words(score: Scored) -> str:
    rules = f" ({', '.join(f'{rule.rule} {rule.points:+d}' for rule in score.rules)})" if score.rules else ""
    return f"{score.points} points, grade {score.grade}{rules}"


def person_keys(campaign: Campaign, values: Mapping[str, str]) -> Iterator[tuple[Likeness, tuple[str, ...]]]:
    """Yield each way in which the campaign recognises a person again, with the parts that name this one."""
    for likeness in campaign.likenesses:
        if len(likeness.fields) == 1:
            value = values.get(likeness.fields[0])
            if value:
                yield likeness, (likeness.name, value)
        elif all(map(values.get, likeness.fields)):
            yield likeness, (likeness.name, *(values[name] for name in likeness.fields))
