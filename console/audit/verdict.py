"""Judges leadflow by its topics alone: nothing lost, nothing sold twice, no cap passed, books that agree.

Shares no code with what it judges. Meant for a moment at which all work is done: a lead that is still on its way
counts as lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from console.audit.evidence import Evidence, Received
from console.audit.limits import Limit, Terms, misplaced, window_of
from schemas.reasons import Reason
from schemas.records import LeadSold, RightUnfilled

Kind = Literal["lost", "sold twice", "over cap", "books disagree"]


class Finding(NamedTuple):
    """One thing that must not be, in words with ids, never with a person."""

    kind: Kind
    what: str


class Fill(NamedTuple):
    """How far a cap was used in one window; `contract_id` "" is the buyer's own cap."""

    buyer_id: str
    contract_id: str
    limit: Limit
    window_start_at: int
    used: int
    full: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `fills`: every cap in every window in which it was met, by buyer, contract and window."""

    received: int
    findings: tuple[Finding, ...]
    fills: tuple[Fill, ...]

    def count(self, kind: Kind) -> int:
        """Return how many findings are of a kind."""
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def caps_full(self) -> int:
        """How many caps took exactly what they allow: none passed, no room for one more sale."""
        return sum(fill.full for fill in self.fills)

    def __str__(self) -> str:
        words = [f"{self.count(kind)} {kind}" for kind in ("lost", "sold twice", "over cap")]
        other = self.count("books disagree")
        words.append(f"{self.caps_full} cap{'' if self.caps_full == 1 else 's'} exactly full")
        return ", ".join(words + ([f"{other} disagreements in the books"] if other else []))


def judge(evidence: Evidence) -> Verdict:
    """Check everything that must hold when all work is done.

    1. Each received record ended once: unique, rejected or dead.
    2. Each unique lead was closed once, or is dead further on; each right of it ended once.
    3. No buyer bought a lead twice; no more rights were sold than there were.
    4. Each sale is in its buyer's topic once, at its price, and nothing else is.
    5. No cap in force was passed in any window, and each sale is counted in the window of its time.
    6. Each closing says what the sales and the ended rights of its lead say.
    """
    fills = tuple(_fills(evidence))
    findings = [
        *_received(evidence),
        *_unique(evidence),
        *_rights(evidence),
        *_deliveries(evidence),
        *_closings(evidence),
        *_caps(evidence),
    ]
    return Verdict(len(evidence.received), tuple(findings), fills)


def _received(evidence: Evidence) -> Iterator[Finding]:
    """Rule 1. A repeat that only routing knew was unique before: it is no second end."""
    ends = Counter(lead.received for lead in evidence.unique)
    ends.update(Received(f.received_partition, f.received_offset) for f in evidence.rejected if f.stage == "dedup")
    ends.update(Received(d.partition, d.offset) for d in evidence.dead if d.topic == "leads.received")
    for place in sorted(evidence.received - ends.keys()):
        yield Finding("lost", f"leads.received-{place.partition}@{place.offset} has no end")
    for place, count in sorted(ends.items()):
        if count > 1:
            yield Finding("books disagree", f"leads.received-{place.partition}@{place.offset} ended {count} times")


def _unique(evidence: Evidence) -> Iterator[Finding]:
    """Rule 2, leads. The same lead may be unique twice when claims were lost; routing then calls one a repeat."""
    closed = Counter(fact.lead_id for fact in evidence.closed)
    dead = {letter.key.decode("utf-8", "replace") for letter in evidence.dead if letter.key is not None}
    repeats = Counter(f.lead_id for f in evidence.rejected if f.stage == "routing" and f.reason == Reason.REPEAT)
    for lead_id, count in sorted(Counter(lead.lead_id for lead in evidence.unique).items()):
        if count != 1 + repeats[lead_id]:
            yield Finding("books disagree", f"lead {lead_id} was unique {count} times")
        if not closed[lead_id] and lead_id not in dead:
            yield Finding("lost", f"lead {lead_id} was never closed")
    for lead_id, count in sorted(closed.items()):
        if count > 1:
            yield Finding("books disagree", f"lead {lead_id} was closed {count} times")


class _Right(NamedTuple):
    lead_id: str
    leg: int
    round: int
    number: int


def _right(fact: LeadSold | RightUnfilled) -> _Right:
    return _Right(fact.lead_id, fact.leg, fact.round, fact.index)


def _rights(evidence: Evidence) -> Iterator[Finding]:
    """Rules 2 and 3: rights end once, all of a closed lead have ended, nobody buys a lead twice."""
    sold, unfilled = Counter(map(_right, evidence.sold)), Counter(map(_right, evidence.unfilled))
    for right, count in sorted(sold.items()):
        if count > 1:
            yield Finding("sold twice", f"right {right.number} of lead {right.lead_id} was sold {count} times")
        elif unfilled[right]:
            yield Finding("sold twice", f"right {right.number} of lead {right.lead_id} was sold, and ended unsold too")
    for right, count in sorted(unfilled.items()):
        if count > 1:
            yield Finding("books disagree", f"right {right.number} of lead {right.lead_id} ended {count} times")
    bought = Counter((sale.lead_id, sale.buyer_id) for sale in evidence.sold)
    for (lead_id, buyer_id), count in sorted(bought.items()):
        if count > 1:
            yield Finding("sold twice", f"{buyer_id} bought lead {lead_id} {count} times")
    yield from _missing_rights([*evidence.sold, *evidence.unfilled])


def _missing_rights(facts: Iterable[LeadSold | RightUnfilled]) -> Iterator[Finding]:
    ended: dict[tuple[str, int, int], set[int]] = defaultdict(set)
    rights: dict[tuple[str, int, int], int] = {}
    for fact in facts:
        group = (fact.lead_id, fact.leg, fact.round)
        ended[group].add(fact.index)
        rights[group] = fact.rights
    for group, indexes in sorted(ended.items()):
        for index in sorted(set(range(rights[group])) - indexes):
            yield Finding("lost", f"right {index} of lead {group[0]} has no end")
        for index in sorted(indexes - set(range(rights[group]))):
            yield Finding("sold twice", f"right {index} of lead {group[0]} is one more than it has")


def _deliveries(evidence: Evidence) -> Iterator[Finding]:
    """Rule 4."""
    sold = {sale.sale_id: sale for sale in evidence.sold}
    delivered = Counter(delivery.sale_id for delivery in evidence.delivered)
    for sale_id, count in sorted(delivered.items()):
        if count > 1:
            yield Finding("sold twice", f"sale {sale_id} is in its buyer's topic {count} times")
    for sale in evidence.sold:
        if not delivered[sale.sale_id]:
            yield Finding("lost", f"sale {sale.sale_id} to {sale.buyer_id} is not in the buyer's topic")
    for delivery in evidence.delivered:
        fact = sold.get(delivery.sale_id)
        said = fact and (fact.buyer_id, fact.lead_id, fact.price_minor, fact.currency, fact.test)
        if said is None:
            yield Finding("books disagree", f"{delivery.buyer_id} got sale {delivery.sale_id}, which is in no book")
        elif said != (delivery.buyer_id, delivery.lead_id, delivery.price_minor, delivery.currency, delivery.test):
            yield Finding("books disagree", f"sale {delivery.sale_id}: {delivery.buyer_id} got other terms than booked")


def _closings(evidence: Evidence) -> Iterator[Finding]:
    """Rule 6: how many were sold, for how much, what is owed once."""
    sales: dict[str, list[LeadSold]] = defaultdict(list)
    for sale in evidence.sold:
        sales[sale.lead_id].append(sale)
    unfilled: dict[str, Counter[str]] = defaultdict(Counter)
    for end in evidence.unfilled:
        unfilled[end.lead_id][end.reason] += 1
    for fact in evidence.closed:
        own = sales[fact.lead_id]
        owed = max((sale.payout_minor for sale in own), default=0)
        said = (fact.sold, fact.revenue_minor, fact.payout_minor, fact.reasons)
        if said != (len(own), sum(sale.price_minor for sale in own), owed, dict(unfilled[fact.lead_id])):
            yield Finding("books disagree", f"lead {fact.lead_id} was closed with other numbers than its sales have")
        if (fact.reason == Reason.SOLD) != bool(own):
            yield Finding("books disagree", f"lead {fact.lead_id} was closed as {fact.reason} with {len(own)} sales")


def _caps(evidence: Evidence) -> Iterator[Finding]:
    """Rule 5. Test leads count nowhere. Sales of one version are alike; versions follow each other in the inbox."""
    for buyer_id, sales in sorted(evidence.sales_of().items()):
        versions = {sale.buyer_plan_version for sale in sales}
        for version in sorted(versions):
            if _terms(evidence, version, buyer_id) is None:
                yield Finding("books disagree", f"{buyer_id} bought on plan {version}, which does not know it")
        counted = [sale for sale in sales if not sale.test]
        yield from _over(evidence, buyer_id, "", counted)
        for contract_id in sorted({sale.contract_id for sale in counted}):
            yield from _over(evidence, buyer_id, contract_id, [s for s in counted if s.contract_id == contract_id])
        for sale in counted:
            terms = _terms(evidence, sale.buyer_plan_version, buyer_id)
            wrong = terms and sale.time_zone == terms.time_zone and misplaced(sale, terms.week_starts)
            if wrong:
                yield Finding("books disagree", f"sale {sale.sale_id} is counted in another {wrong} than its own")


def _over(evidence: Evidence, buyer_id: str, contract_id: str, sales: Sequence[LeadSold]) -> Iterator[Finding]:
    """Count on through the plan versions; after those of one version, its caps must hold where it sold."""
    used: Counter[tuple[str, str, int]] = Counter()
    for version, group in groupby(sorted(sales, key=lambda s: s.buyer_plan_version), lambda s: s.buyer_plan_version):
        touched = _count(used, group)
        terms = _terms(evidence, version, buyer_id)
        for limit in terms.limits.get(contract_id, ()) if terms else ():
            for measure, window, start in sorted(touched):
                over = used[measure, window, start] - limit.limit
                if (measure, window) == (limit.measure, limit.window) and over > 0:
                    who = contract_id or buyer_id
                    yield Finding("over cap", f"{who} is {over} {measure} over its cap of {limit.limit} a {window}")


def _count(used: Counter[tuple[str, str, int]], sales: Iterable[LeadSold]) -> set[tuple[str, str, int]]:
    touched = set()
    for sale in sales:
        for window in ("hour", "day", "week", "month", "total"):
            for measure, amount in (("leads", 1), ("spend", sale.price_minor)):
                key = (measure, window, window_of(sale, window))
                used[key] += amount
                touched.add(key)
    return touched


def _fills(evidence: Evidence) -> Iterator[Fill]:
    """Yield how full each cap of the newest version is in every window with a sale."""
    newest = evidence.terms[max(evidence.terms)] if evidence.terms else {}
    sales = evidence.sales_of()
    for buyer_id, terms in newest.items():
        for contract_id, limits in terms.limits.items():
            own = [s for s in sales.get(buyer_id, ()) if not s.test and contract_id in ("", s.contract_id)]
            used: Counter[tuple[str, str, int]] = Counter()
            _count(used, own)
            for limit in limits:
                for (measure, window, start), amount in sorted(used.items()):
                    if (measure, window) == (limit.measure, limit.window):
                        full = _full(limit, amount, terms.lowest.get(contract_id, 0))
                        yield Fill(buyer_id, contract_id, limit, start, amount, full)


def _full(limit: Limit, used: int, lowest: int) -> bool:
    room = limit.limit - used
    return room == 0 or (limit.measure == "spend" and 0 < room < lowest)


def _terms(evidence: Evidence, version: int, buyer_id: str) -> Terms | None:
    return evidence.terms.get(version, {}).get(buyer_id)
