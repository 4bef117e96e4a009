"""Checks what intake and scoring have made of a received record: who it is, when, with which fields, at which grade."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from hashlib import sha1
from typing import Any
from uuid import UUID

from console.audit.cases import Flow, Received, Sent
from console.audit.findings import Finding, Place, Rule
from console.audit.plans import Campaign, PlanRead
from schemas.records import Lead, Slip

#: Root of all computed ids (protocol, rule 1), and what stands between the parts of a name.
_NAMESPACE = UUID("6ba7c0de-1eaf-5000-8000-1eadf10a0001").bytes
_BETWEEN = "\x1f"
#: How far a supplier's clock may run ahead of the broker's.
_AHEAD_MS = 300_000

Attribute = Callable[[Any], Any]


def lead_id_of(sent: Sent) -> str:
    """Return the identity that a received record gives its lead."""
    kind = "test" if sent.test else "live"
    return _uuid5(_BETWEEN.join((sent.supplier_id, sent.campaign_id, kind, sent.supplier_lead_id)))


def sale_id_of(lead_id: str, leg: int, round_: int, index: int, buyer_id: str) -> str:
    """Return the identity of the sale of a right to a buyer."""
    return _uuid5(f"{lead_id}/{leg}/{round_}/{index}/{buyer_id}")


def _uuid5(name: str) -> str:
    """Return a version 5 id (RFC 9562): SHA-1 of namespace and name, with version and variant written over it."""
    number = int.from_bytes(sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16], "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 5 << 76 | 2 << 62
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


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
    found = (
        slip.supplier_lead_id,
        slip.campaign_id,
        slip.supplier_id,
        slip.submitted_at,
        slip.test,
        slip.lead_id,
        slip.received_at,
        slip.sell_by,
    )
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


def check_fields(slip: Slip, lead: Lead, campaign: Campaign, at: Place) -> Iterator[Finding]:
    """Compare a lead's fields with those of its campaign, by names; values are held against type and bounds."""
    values = values_of(lead)
    subject = f"fields of lead {slip.lead_id}"
    foreign = values.keys() - campaign.fields.keys()
    if foreign:
        yield Finding(Rule.INTAKE, at, subject, f"fields of campaign {campaign.id} only", ", ".join(sorted(foreign)))
    missing = campaign.required - values.keys()
    if missing:
        yield Finding(Rule.INTAKE, at, subject, f"{', '.join(sorted(missing))}, which the campaign requires", "none")
    wrong = [name for name, field in campaign.bounded.items() if name in values and not _fits(field, values[name])]
    if wrong:
        yield Finding(Rule.INTAKE, at, subject, "values within their type and bounds", f"{', '.join(wrong)} outside")
    public = {name: values[name] for name in campaign.public if name in values}
    if dict(slip.attributes) != public:
        yield Finding(
            Rule.INTAKE, at, f"attributes of lead {slip.lead_id}", "its fields that are not personal", "others"
        )
    if any(values.get(name) != value for name, value in slip.private.items()):
        yield Finding(Rule.INTAKE, at, f"private fields of lead {slip.lead_id}", "those of its body", "others")


def values_of(lead: Lead) -> dict[str, str]:
    """Return all values of a lead by field name."""
    values = dict(lead.fields)
    for name in _COLUMNS:
        value = getattr(lead, name)
        if value is not None:
            values[name] = value
    return values


_COLUMNS = tuple(name for name in Lead.__struct_fields__ if name != "fields")


def _fits(field: Mapping[str, Any], value: str) -> bool:
    kind = field["type"]
    if kind == "boolean":
        return value in ("true", "false")
    if kind == "enum":
        return value in field["values"]
    if kind in ("integer", "decimal"):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return False
        return Decimal(field.get("min") or number) <= number <= Decimal(field.get("max") or number)
    return True


def check_score(flow: Flow, plans: Sequence[PlanRead], at: Place) -> Iterator[Finding]:
    """Compare the score with the campaign's scoring by the plan at intake, or a later one in force by then."""
    slip, score = flow.slip, flow.score
    if slip is None or score is None or not plans:
        return
    found = (score.points, score.grade, tuple((rule.rule, rule.points) for rule in score.rules))
    wanted = None
    for plan in plans:
        answer = _scored(plan, slip)
        if answer == found:
            return
        wanted = wanted or answer
    assert wanted is not None  # noqa: S101 - there is a plan, so there was an answer
    yield Finding(Rule.SCORE, at, f"lead {slip.lead_id}", _score_words(wanted), _score_words(found))


def _scored(plan: PlanRead, slip: Slip) -> tuple[int, str, tuple[tuple[str, int], ...]]:
    campaign = plan.campaigns.get(slip.campaign_id)
    if campaign is None:
        return 0, "D", ()
    return campaign.score({**slip.attributes, **slip.private})


def _score_words(score: tuple[int, str, tuple[tuple[str, int], ...]]) -> str:
    points, grade, rules = score
    return f"{points} points, grade {grade}" + (
        f" ({', '.join(f'{name} {add:+d}' for name, add in rules)})" if rules else ""
    )


def person_keys(campaign: Campaign, lead: Lead) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (window in ms, parts that name a person) of each way in which the campaign recognises a person again."""
    rule = campaign.dedupe
    if rule is None:
        return
    values = values_of(lead)
    scope = "*" if rule.get("scope", "campaign") == "everywhere" else campaign.id
    groups = [tuple(sorted(rule["of"]))] if rule["match"] == "all" else [(field,) for field in rule["of"]]
    for group in groups:
        if all(values.get(field) for field in group):
            yield rule["within_ms"], (scope, "+".join(group), str(rule["within_ms"]), *(values[f] for f in group))
