"""Judges what became of the leads: each received record and each right ended once, likeness was seen, books agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from config.plan.model import DedupeRule
from console.simulation.evidence import Evidence
from schemas.reasons import Reason
from schemas.records import LeadRejected, LeadUnique

_EVERYWHERE: Final = "everywhere"
_LIKE: Final = (Reason.DUPLICATE, Reason.REPEAT)


def judge_leads(evidence: Evidence, garbage: int) -> Iterator[str]:
    """Yield what must not be, in words."""
    yield from _received(evidence, garbage)
    yield from _unique(evidence)
    yield from _rights(evidence)
    yield from _closings(evidence)
    yield from _repeats(evidence)
    yield from _duplicates(evidence)


def _received(evidence: Evidence, garbage: int) -> Iterator[str]:
    """Each received record is unique, rejected or dead, once; only what was sent as garbage is dead."""
    ends = Counter((lead.slip.received_partition, lead.slip.received_offset) for lead in evidence.unique)
    ends.update((r.received_partition, r.received_offset) for r in evidence.rejected if r.stage == "dedup")
    ends.update((letter.partition, letter.offset) for letter in evidence.dead if letter.topic == "leads.received")
    came = {(message.partition, message.offset) for message in evidence.received}
    yield from (f"received record {place} has no end" for place in sorted(came - ends.keys()))
    yield from (f"received record {place} ended {count} times" for place, count in sorted(ends.items()) if count > 1)
    yield from (f"received record {place} ended, and was never sent" for place in sorted(ends.keys() - came))
    if len(evidence.dead) != garbage:
        words = sorted(Counter((letter.topic, letter.reason, letter.detail) for letter in evidence.dead).items())
        yield f"{len(evidence.dead)} records are dead, {garbage} were garbage: {words}"


def _unique(evidence: Evidence) -> Iterator[str]:
    """A lead is unique once, but for those that routing calls repeats; each of them is scored once, closed once."""
    unique = Counter(lead.slip.lead_id for lead in evidence.unique)
    repeats = Counter(fact.lead_id for fact in evidence.rejected if fact.stage == "routing")
    scored = Counter(lead.slip.lead_id for lead in evidence.scored)
    closed = Counter(fact.lead_id for fact in evidence.closed)
    for lead_id, count in unique.items():
        if count != 1 + repeats[lead_id]:
            yield f"lead {lead_id} was unique {count} times, and {repeats[lead_id]} times a repeat in routing"
        if scored[lead_id] != count:
            yield f"lead {lead_id} was unique {count} times and scored {scored[lead_id]} times"
        if closed[lead_id] != 1:
            yield f"lead {lead_id} was closed {closed[lead_id]} times"
    yield from (f"lead {lead_id} was closed and never unique" for lead_id in closed.keys() - unique.keys())


def _rights(evidence: Evidence) -> Iterator[str]:
    """All rights of a lead end, each once; nobody buys a lead twice; each sale is in its buyer's topic once."""
    counts = Counter((end.lead_id, end.index) for end in evidence.ends)
    yield from (f"right {right} ended {count} times" for right, count in counts.items() if count > 1)
    for lead_id, rights in {end.lead_id: end.rights for end in evidence.ends}.items():
        missing = [index for index in range(rights) if not counts[lead_id, index]]
        if missing:
            yield f"rights {missing} of lead {lead_id} have no end"
    leads = {lead.slip.lead_id for lead in evidence.unique}
    ended = {end.lead_id for end in evidence.ends}
    yield from (f"lead {lead_id} has no right that ended" for lead_id in sorted(leads - ended))
    pairs = Counter((sale.lead_id, sale.buyer_id) for sale in evidence.sold)
    yield from (f"{buyer} bought lead {lead} {count} times" for (lead, buyer), count in pairs.items() if count > 1)
    booked = Counter((s.buyer_id, s.sale_id, s.lead_id, s.price_minor, s.test) for s in evidence.sold)
    had = Counter(
        (buyer_id, lead.sale_id, lead.lead_id, lead.price_minor, lead.test)
        for buyer_id, leads_of in evidence.delivered.items()
        for lead in leads_of
    )
    yield from (f"sale {sale} is booked {booked[sale]} times and delivered {had[sale]} times"
                for sale in booked.keys() | had.keys() if booked[sale] != had[sale])  # fmt: skip


def _closings(evidence: Evidence) -> Iterator[str]:
    """What a closing says is what the ends of its rights say."""
    sold: dict[str, int] = Counter(sale.lead_id for sale in evidence.sold)
    revenue: dict[str, int] = defaultdict(int)
    for sale in evidence.sold:
        revenue[sale.lead_id] += sale.price_minor
    reasons = Counter((end.lead_id, end.reason) for end in evidence.unfilled)
    payouts = {end.lead_id: end.payout_minor for end in evidence.ends}
    for fact in evidence.closed:
        lead_id = fact.lead_id
        owed = payouts.get(lead_id, 0) if sold[lead_id] and not fact.test else 0
        says = (fact.sold, fact.revenue_minor, fact.payout_minor)
        if says != (sold[lead_id], revenue[lead_id], owed):
            yield f"the closing of lead {lead_id} says {says} and not {(sold[lead_id], revenue[lead_id], owed)}"
        yield from (
            f"the closing of lead {lead_id} says {reason} {count} times and not {reasons[lead_id, reason]}"
            for reason, count in fact.reasons.items()
            if reasons[lead_id, reason] != count
        )


def _repeats(evidence: Evidence) -> Iterator[str]:
    """A repeat names another record than itself, and not all records of a lead are repeats."""
    others = {lead.slip.lead_id for lead in evidence.unique}
    others |= {fact.lead_id for fact in evidence.rejected if fact.reason != Reason.REPEAT}
    for fact in evidence.rejected:
        if fact.reason in _LIKE and _own(fact):
            yield f"{fact.stage} calls received record {_place(fact)} a {fact.reason} of itself"
        if fact.reason == Reason.REPEAT and fact.lead_id not in others:
            yield f"every record of lead {fact.lead_id} is a repeat"


def _own(fact: LeadRejected) -> bool:
    return (fact.earlier_partition, fact.earlier_offset) == _place(fact)


def _place(fact: LeadRejected) -> tuple[int, int]:
    return fact.received_partition, fact.received_offset


def _duplicates(evidence: Evidence) -> Iterator[str]:
    """No two unique leads are alike by the later one's plan. Tests neither are nor make duplicates."""
    by_value: dict[tuple[str, str], list[LeadUnique]] = defaultdict(list)
    for lead in evidence.unique:
        for name, value in (("email", lead.lead.email), ("phone", lead.lead.phone)):
            if value and not lead.slip.test:
                by_value[name, value].append(lead)
    pairs = {(id(one), id(two)): (one, two) for leads in by_value.values() for one, two in combinations(leads, 2)}
    for one, other in pairs.values():
        if one.slip.lead_id == other.slip.lead_id:
            continue
        later, earlier = sorted((one, other), key=lambda lead: (lead.slip.plan_version, lead.slip.received_at))[::-1]
        rule, of_earlier = (_rule(evidence, lead) for lead in (later, earlier))
        if rule is not None and _is_like(later, earlier, rule, of_earlier):
            yield f"leads {earlier.slip.lead_id} and {later.slip.lead_id} are alike, and both unique"


def _rule(evidence: Evidence, lead: LeadUnique) -> DedupeRule | None:
    campaign = evidence.plans[lead.slip.plan_version].campaigns.get(lead.slip.campaign_id)
    return campaign.dedupe if campaign is not None else None


def _is_like(later: LeadUnique, earlier: LeadUnique, rule: DedupeRule, of_earlier: DedupeRule | None) -> bool:
    """Whether one should have been a duplicate of the other.

    Of one campaign: by what it looks at now, for a plan that looks at more has the earlier leads claimed again. Of two:
    by what both looked at everywhere, each when it was judged, within the shorter of their windows: who was judged
    first is not known, for leads may wait in the log.
    """
    kinds, within_ms = _kinds(rule), rule.within_ms
    if earlier.slip.campaign_id != later.slip.campaign_id:
        if of_earlier is None or not of_earlier.scope == rule.scope == _EVERYWHERE:
            return False
        kinds, within_ms = kinds & _kinds(of_earlier), min(within_ms, of_earlier.within_ms)
    if abs(later.slip.received_at - earlier.slip.received_at) >= within_ms:
        return False
    one, other = later.lead, earlier.lead
    return any(
        all(getattr(one, n) is not None and getattr(one, n) == getattr(other, n) for n in kind) for kind in kinds
    )


def _kinds(rule: DedupeRule) -> frozenset[tuple[str, ...]]:
    """Return the sets of fields of which one must be the same."""
    return frozenset([tuple(sorted(rule.of))] if rule.match == "all" else [(name,) for name in rule.of])
