"""Judges one lead by all its records: called when nothing is missing, or when no more can be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, NamedTuple

from console.audit.cases import Case, Flow, Known, RightCase, Sale, Unfilled
from console.audit.ends import check_buyers, check_closing, check_rights, check_unfilled, plan_of
from console.audit.findings import Finding, Place, Rule
from console.audit.inbox import owed
from console.audit.intake import check_fields, check_origin, check_score
from console.audit.paths import fork, in_order, whole
from console.audit.pauses import Pauses
from console.audit.plans import PlanRead
from console.audit.sales import World, check_delivery, check_sale
from console.audit.scope import BUYERS
from console.audit.slack import Slack
from schemas.records import Lead, Slip
from schemas.topics import CLOSED, OFFERS, SCORED, SOLD, UNFILLED, UNIQUE

#: Later than any time.
NEVER: Final = 1 << 62
#: Where a dead letter stops a lead.
_STOPS = frozenset({UNIQUE, SCORED, SOLD, UNFILLED})


class Suspect(NamedTuple):
    """A lead that seems to have been taken in from one who was paused: the word that resumed may not be read yet."""

    finding: Finding
    kind: str
    id: str
    received_at: int
    decided_at: int


@dataclass
class Law:
    """What leads are judged by: the versions of the plan, pauses by hand, every zone that a buyer has had, and slack.

    `suspects` wait until all that was said of pauses by their time is read.
    """

    slack: Slack
    pauses: Pauses
    lead_of: Callable[[bytes], Lead]
    plans: dict[int, PlanRead] = field(default_factory=dict)
    zones: dict[str, dict[tuple[str, int], None]] = field(default_factory=dict)
    suspects: list[Suspect] = field(default_factory=list)
    newest: int = 0
    _replaced: dict[tuple[int, str], int] = field(default_factory=dict)

    def enact(self, plan: PlanRead) -> None:
        """Take a version."""
        self._replaced.clear()
        self.plans[plan.version] = plan
        self.newest = max(self.newest, plan.version)
        for buyer in plan.buyers.values():
            self.zones.setdefault(buyer.id, {})[buyer.time_zone, plan.week_starts] = None

    def convict(self, before_ms: int | None) -> Iterator[Finding]:
        """Yield what suspects of before a time, or all, are guilty of, by all that is known of pauses now."""
        ripe = [each for each in self.suspects if before_ms is None or each.decided_at < before_ms]
        self.suspects = [each for each in self.suspects if each not in ripe]
        for each in ripe:
            if self.pauses.stops(each.kind, each.id, each.received_at, each.decided_at):
                yield each.finding

    def replaced_at(self, version: int, buyer_id: str = "") -> int:
        """Return when a later version was published, or one that tells a buyer something else; NEVER if none was."""
        if version == self.newest:
            return NEVER
        known = self._replaced.get((version, buyer_id))
        if known is None:
            plan = self.plans[version]
            later = [each for number, each in self.plans.items() if number > version]
            if buyer_id:
                own = owed(buyer_id, plan)
                later = [each for each in later if owed(buyer_id, each) != own]
            known = min((each.appended_at for each in later), default=NEVER)
            self._replaced[version, buyer_id] = known
        return known

    def since(self, version: int, at_ms: int) -> list[PlanRead]:
        """Return a version and the later ones that may have been in force at a time, oldest first."""
        if version == self.newest:
            return [self.plans[version]]
        return [
            self.plans[number]
            for number in sorted(self.plans)
            if number == version or (number > version and self.plans[number].appended_at <= at_ms + self.slack.clock_ms)
        ]


def settled(case: Case, law: Law) -> bool:
    """Whether every record of the lead is there, and none too many: it may be judged and dropped."""
    flows = case.flows.values()
    if case.unreadable or case.misfits or not flows or not case.said_again:
        return False
    repeats = 0
    for flow in flows:
        if flow.received is None or flow.unique is None or flow.scored is None:
            return False
        repeats += flow.repeat is not None
    if repeats != len(flows) - (not case.again):
        return False
    if case.again:
        return not (case.rights or case.delivered or case.closed)
    return case.closed is not None and _all_ended(case) and _versions(case) <= law.plans.keys()


def _all_ended(case: Case) -> bool:
    """Whether each right has one end and each sale its delivery; then whether nothing of their paths is missing."""
    rights, delivered = case.rights, case.delivered
    if not rights or len(rights) != next(iter(rights.values())).end_rights:
        return False
    if len(rights) > 1 and len({index for _, _, index in rights}) < len(rights):
        return False  # one of them has two identities, and another one has none
    sales = 0
    for key, right in rights.items():
        sold = right.sold
        if (sold is None) is (right.unfilled is None) or not 0 <= key[2] < len(rights):
            return False
        if sold is not None:
            sales += 1
            if sold.fact.sale_id not in delivered:
                return False
    return sales == len(delivered) and all(map(_is_whole, rights.values()))


def _is_whole(right: RightCase) -> bool:
    return fork(right) is None and whole(right)


def _versions(case: Case) -> set[int]:
    """Return the versions of the plan that the records of a lead name."""
    found = {flow.slip.plan_version for flow in case.flows.values() if flow.slip is not None}
    for right in case.rights.values():
        found.update(offer.right.plan_version for offer in right.offers)
        if right.sold is not None:
            found.update((right.sold.fact.plan_version, right.sold.fact.buyer_plan_version))
        if right.unfilled is not None:
            found.add(right.unfilled.fact.plan_version)
    return found


def judge(case: Case, law: Law) -> Iterator[Finding]:
    """Yield all that is wrong with a lead of which nothing is missing."""
    if not case.again:
        yield from _judge(case, law)


def judge_as_it_is(case: Case, law: Law, rejected: bool) -> Iterator[Finding]:
    """Yield all that is wrong with a lead, what is missing included.

    `rejected`: its received record is known to have been rejected.
    """
    if case.again:
        yield from judge_again(case)
        yield from _not_repeats(case)
        return
    yield from _gaps(case, rejected)
    unknown = _versions(case) - law.plans.keys()
    if unknown:
        found = f"plan {', '.join(map(str, sorted(unknown)))}"
        yield Finding(Rule.PLAN, case.place, f"lead {case.lead_id}", "versions of internal.plan", found)
        return
    yield from _judge(case, law)


def _judge(case: Case, law: Law) -> Iterator[Finding]:
    for flow in case.flows.values():
        yield from _flow(flow, law)
    routed = case.routed
    if routed is not None and routed.slip is not None:
        lead = Known(routed.slip, routed.score, routed.asked) if routed.score is not None else None
        yield from _rights(case, routed.slip, lead, law.plans)
        if lead is not None:
            yield from _sold(case, lead, routed, law)
    yield from check_buyers(case)
    yield from check_closing(case)


def judge_again(case: Case) -> Iterator[Finding]:
    """Yield what came of a lead that has ended before: nothing may but a repeat that routing rejects."""
    subject = f"lead {case.lead_id}, which has ended before"
    for right in case.rights.values():
        for sale in (right.sold,) if right.sold else ():
            yield Finding(Rule.SOLD_TWICE, sale.at, subject, "no further sale", f"sale {sale.fact.sale_id}")
        if right.unfilled is not None:
            yield Finding(Rule.ENDED_TWICE, right.unfilled.at, subject, "no further end", right.unfilled.fact.reason)
        for offer in right.offers:
            yield Finding(Rule.FORKED, offer.at, subject, "no further Offer", f"one to {offer.buyer_id}")
        for reroute in right.reroutes:
            yield Finding(Rule.FORKED, reroute.at, subject, "no further Reroute", "one")
    for got in case.delivered.values():
        yield Finding(Rule.DELIVERED_TWICE, got.at, subject, "no further record", f"sale {got.sold.sale_id} again")
    if case.closed is not None:
        yield Finding(Rule.CLOSED_TWICE, case.closed.at, subject, "one closing", "another")
    for extra in case.extras:
        yield Finding(_rule_of(extra.at.topic, extra.sold), extra.at, subject, "nothing more", extra.what)


def _not_repeats(case: Case) -> Iterator[Finding]:
    subject = f"lead {case.lead_id}, which has ended before"
    for flow in case.flows.values():
        at = flow.unique or flow.scored
        if flow.repeat is None and at is not None:
            yield Finding(Rule.ENDED_TWICE, at, subject, "a rejection as REPEAT by routing", "none")
        elif flow.repeat is not None and at is None:
            yield Finding(Rule.ENDED_TWICE, flow.repeat, subject, "no further rejection by routing", "one")


def _rule_of(topic: str, sold: bool) -> Rule:
    if topic.startswith(BUYERS):
        return Rule.DELIVERED_TWICE
    known = {CLOSED: Rule.CLOSED_TWICE, OFFERS: Rule.FORKED}
    return Rule.SOLD_TWICE if sold else known.get(topic, Rule.ENDED_TWICE)


def _gaps(case: Case, rejected: bool) -> Iterator[Finding]:
    """What is missing, and what is too much."""
    subject = f"lead {case.lead_id}"
    yield from _extras(case, subject)
    for at in case.misfits:
        yield Finding(Rule.PHANTOM, at, subject, "the lead as it was unique", "another slip, score or body")
    known = any(flow.unique for flow in case.flows.values())
    if not known and not case.dead:
        yield from _phantoms(case, subject, rejected)
        return
    if rejected and case.sales:
        sale = case.sales[0]
        yield Finding(Rule.REJECTED_SOLD, sale.at, subject, "no sale: its record was rejected", sale.fact.sale_id)
    repeats = sum(flow.repeat is not None for flow in case.flows.values())
    if repeats != len(case.flows) - 1 and not case.dead:
        found = f"{len(case.flows)} unique records, {repeats} of them repeats"
        yield Finding(Rule.ENDED_TWICE, case.place, subject, "all but one to be repeats", found)
    if _STOPS & case.set_aside:
        return
    for flow in case.flows.values():
        if flow.scored is None and flow.unique is not None:
            yield Finding(Rule.LEAD_LOST, flow.unique, subject, "a record in leads.scored", "none")
    for key, right in case.rights.items():
        yield from _right_gaps(case, key[2], right)
    yield from _ended_again(case)
    yield from _rights_lost(case, subject)
    if case.closed is None:
        yield Finding(Rule.LEAD_LOST, case.place, subject, "a record in leads.closed", "none")


def _extras(case: Case, subject: str) -> Iterator[Finding]:
    """Records that say something again; as many as dead letters were sent back are no finding."""
    spare = dict(case.dead)
    for extra in case.extras:
        if spare.get(extra.at.topic, 0) > 0:
            spare[extra.at.topic] -= 1
            continue
        yield Finding(_rule_of(extra.at.topic, extra.sold), extra.at, subject, "this to be said once", extra.what)


def _phantoms(case: Case, subject: str, rejected: bool) -> Iterator[Finding]:
    rule = Rule.REJECTED_SOLD if rejected and case.sales else Rule.PHANTOM
    for sale in case.sales:
        yield Finding(rule, sale.at, subject, "a unique lead", f"none, and sale {sale.fact.sale_id}")
    if case.sales:
        return
    yield Finding(Rule.PHANTOM, case.place, subject, "a record in leads.unique", "none")


def _right_gaps(case: Case, index: int, right: RightCase) -> Iterator[Finding]:
    subject = f"right {index} of lead {case.lead_id}"
    forked = fork(right)
    if forked is not None:
        yield Finding(Rule.FORKED, forked, subject, "to be in one place", "two records of one step of its path")
    if right.ends == 0:
        at = in_order(right)[-1].at if right.offers else right.reroutes[0].at
        yield Finding(Rule.RIGHT_LOST, at, subject, "a sale or an end", "none")
        return
    if right.ends == 2 and right.unfilled is not None:
        yield Finding(Rule.ENDED_TWICE, right.unfilled.at, subject, "one end", "a sale, and an end without one")
    end = right.end
    if end is not None and forked is None and not case.unreadable and not whole(right):
        yield Finding(Rule.PHANTOM, end.at, subject, "an Offer for each step of its path", "a gap")
    if right.sold is not None and right.sold.fact.sale_id not in case.delivered:
        fact = right.sold.fact
        yield Finding(
            Rule.DELIVERY_LOST, right.sold.at, subject, f"sale {fact.sale_id} in buyers.{fact.buyer_id}.leads", "none"
        )


def _ended_again(case: Case) -> Iterator[Finding]:
    """Ends of a right that has ended in another leg or round: a right is the same one whatever its leg and round."""
    ended: dict[int, Sale | Unfilled] = {}
    for (_, _, index), right in sorted(case.rights.items(), key=itemgetter(0)):
        end = right.end
        if end is None:
            continue
        before = ended.setdefault(index, end)
        if before is end:
            continue
        rule = Rule.SOLD_TWICE if isinstance(before, Sale) and isinstance(end, Sale) else Rule.ENDED_TWICE
        yield Finding(rule, end.at, f"right {index} of lead {case.lead_id}", f"the one end at {before.at}", "another")


def _rights_lost(case: Case, subject: str) -> Iterator[Finding]:
    """Rights that no record names, and records of buyers that no sale names."""
    ends = [right.end for right in case.rights.values() if right.end is not None]
    known = {key[2] for key in case.rights}
    for index in sorted(set(range(ends[0].fact.rights)) - known) if ends else ():
        at = case.closed.at if case.closed else ends[0].at
        yield Finding(Rule.RIGHT_LOST, at, f"right {index} of {subject}", "a sale or an end", "none")
    sold = {sale.fact.sale_id for sale in case.sales}
    for sale_id, got in case.delivered.items():
        if sale_id not in sold:
            yield Finding(Rule.PHANTOM, got.at, subject, f"sale {sale_id} in leads.sold", "none")


def _flow(flow: Flow, law: Law) -> Iterator[Finding]:
    slip, at = flow.slip, flow.unique or flow.scored
    if slip is None or at is None:
        return
    plan = law.plans[slip.plan_version]
    if flow.received is not None:
        yield from check_origin(slip, flow.received, plan, at)
    if plan.version != law.newest or plan.appended_at > slip.unique_at:
        yield from _in_force(slip, plan, law, at)
    campaign = plan.campaigns.get(slip.campaign_id)
    if campaign is not None and flow.values is not None:
        yield from check_fields(slip, flow.values, campaign, at)
    if flow.scored is not None and flow.score is not None:
        yield from check_score(flow, law.since(slip.plan_version, flow.score.scored_at), flow.scored)
    for kind, id_ in (("supplier", slip.supplier_id), ("campaign", slip.campaign_id)) if law.pauses else ():
        if law.pauses.stops(kind, id_, slip.received_at, slip.unique_at):
            expected = f"a rejection: {kind} {id_} is paused"
            finding = Finding(Rule.PAUSED, at, f"lead {slip.lead_id}", expected, "unique")
            law.suspects.append(Suspect(finding, kind, id_, slip.received_at, slip.unique_at))


def _in_force(slip: Slip, plan: PlanRead, law: Law, at: Place) -> Iterator[Finding]:
    """A lead is taken in by a plan that was published, and not replaced before the lead came."""
    replaced_at = law.replaced_at(plan.version)
    if slip.unique_at + law.slack.clock_ms < plan.appended_at:
        expected = f"a plan that was published by {slip.unique_at}"
        yield Finding(Rule.PLAN, at, f"lead {slip.lead_id}", expected, f"one of {plan.appended_at}")
    if slip.received_at > replaced_at + law.slack.heard_ms:
        expected = f"a plan in force at {slip.received_at}"
        found = f"plan {plan.version}, replaced at {replaced_at}"
        yield Finding(Rule.PLAN, at, f"lead {slip.lead_id}", expected, found)


def _rights(case: Case, slip: Slip, lead: Known | None, plans: Mapping[int, PlanRead]) -> Iterator[Finding]:
    versions = {plan_of(right) for right in case.rights.values()} - {0}
    if not versions:
        return
    if len(versions) > 1 or min(versions) < slip.plan_version:
        expected = f"one plan version, {slip.plan_version} or later"
        yield Finding(Rule.RIGHTS, _end_place(case), f"rights of lead {case.lead_id}", expected, f"{sorted(versions)}")
    yield from check_rights(case, slip, plans[min(versions)])
    if lead is None:
        return
    for right in case.rights.values():
        if right.unfilled is not None and whole(right):
            yield from check_unfilled(right, right.unfilled, lead, plans)


def _end_place(case: Case) -> Place:
    ends: list[Sale | Unfilled] = [right.end for right in case.rights.values() if right.end is not None]
    return ends[0].at if ends else case.place


def _sold(case: Case, lead: Known, flow: Flow, law: Law) -> Iterator[Finding]:
    for right in case.rights.values():
        sale = right.sold
        if sale is None:
            continue
        fact = sale.fact
        offers = in_order(right)
        routed_by, owned_by = law.plans[fact.plan_version], law.plans[fact.buyer_plan_version]
        zones = law.zones.get(fact.buyer_id, ())
        offer = offers[-1] if offers else None
        if offer is not None and offer.right.plan_version != fact.plan_version:
            expected = f"plan {offer.right.plan_version} of the Offer at {offer.at}"
            yield Finding(Rule.TERMS, sale.at, f"sale {fact.sale_id}", expected, f"plan {fact.plan_version}")
        latest_ms = law.slack.latest(fact.sold_at, sale.at_ms)
        told_by_ms = law.replaced_at(owned_by.version, fact.buyer_id) + law.slack.heard_ms
        yield from check_sale(sale, World(routed_by, owned_by, lead, offer, zones, latest_ms, told_by_ms))
        got = case.delivered.get(fact.sale_id)
        if got is not None and flow.values is not None:
            yield from check_delivery(sale, got, flow.values, flow.body, owned_by, law.lead_of)
