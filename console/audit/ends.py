"""Checks how a lead's rights and the lead itself ended: how many, why one went unsold, what the closing adds up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter

from console.audit.cases import Case, Known, RightCase, Sale, Unfilled
from console.audit.findings import Finding, Place, Rule
from console.audit.paths import in_order
from console.audit.plans import PlanRead
from schemas.reasons import CAPPED, CLOSED, PAUSED, Reason
from schemas.records import LeadClosed, LeadSold, RightUnfilled, Slip, Step

#: Steps that do not say why a right found no buyer.
_SILENT = frozenset({Reason.TERMS_CHANGED, Reason.ALREADY_SOLD_TO_BUYER})
_FAMILIES = ((CAPPED, Reason.ALL_CAPPED), (CLOSED, Reason.ALL_CLOSED), (PAUSED, Reason.ALL_PAUSED))
_NOTHING = (0, "on_first_sale")


def plan_of(right: RightCase) -> int:
    """Return the plan version by which a right was routed first; 0 when it is not known."""
    offers = in_order(right)
    if offers:
        return offers[0].right.plan_version
    end = right.end
    return end.fact.plan_version if end and not right.reroutes else 0


def check_rights(case: Case, slip: Slip, plan: PlanRead) -> Iterator[Finding]:
    """Every right of a lead is one of as many as the campaign sells, on the terms of the plan that routed the lead."""
    campaign = plan.campaigns.get(slip.campaign_id)
    rights = campaign.rights if campaign else 1
    wanted = (*_named(slip), plan.currency)
    payout = _NOTHING if slip.test else plan.payouts.get((slip.supplier_id, slip.campaign_id), _NOTHING)
    for key, right in case.rights.items():
        end = right.end
        if end is None:
            continue
        at, fact, subject = end.at, end.fact, f"right {key[2]} of lead {case.lead_id}"
        if fact.rights != rights or not 0 <= fact.index < rights:
            yield Finding(
                Rule.RIGHTS, at, subject, f"one of {rights}, as plan {plan.version} sells", f"one of {fact.rights}"
            )
        if (fact.payout_minor, fact.payout_owed) != payout:
            found = f"{fact.payout_minor} {fact.payout_owed}"
            yield Finding(Rule.PAYOUT, at, subject, f"{payout[0]} {payout[1]} by plan {plan.version}", found)
        said = (*_named(fact), fact.currency)
        for name, value, was in zip(_NAMES, wanted, said, strict=True) if said != wanted else ():
            if was != value:
                yield Finding(Rule.RIGHTS, at, f"{name} of {subject}", str(value), str(was))


_NAMES = ("campaign", "supplier", "test", "received_at", "received_partition", "received_offset", "currency")


#: What a lead's slip and all of its facts say alike.
_named: Callable[[Slip | LeadSold | RightUnfilled | LeadClosed], tuple[object, ...]] = attrgetter(
    "campaign_id", "supplier_id", "test", "received_at", "received_partition", "received_offset"
)


def check_unfilled(right: RightCase, end: Unfilled, lead: Known, plans: Mapping[int, PlanRead]) -> Iterator[Finding]:
    """A right that ended unsold says the reason that its trace gives, and the highest price that there was."""
    fact = end.fact
    subject = f"right {fact.index} of lead {fact.lead_id}"
    if fact.reason == Reason.ERROR:
        return
    wanted = _reason(right, end, lead, plans)
    if fact.reason != wanted:
        yield Finding(Rule.UNSOLD_REASON, end.at, subject, wanted, fact.reason)
    value = _value(right, end, lead, plans)
    if fact.value_minor != value:
        yield Finding(Rule.UNSOLD_REASON, end.at, subject, f"worth {value}", f"worth {fact.value_minor}")


def _reason(right: RightCase, end: Unfilled, lead: Known, plans: Mapping[int, PlanRead]) -> str:
    fact, offers, slip = end.fact, in_order(right), lead.slip
    if fact.trace and fact.trace[-1].reason == Reason.STALE:
        return Reason.STALE
    behind_reroute = bool(right.reroutes) and not (offers and offers[-1].right.rerouted)
    if offers and not behind_reroute:
        return reason_of_trace(fact.trace)
    plan = plans[fact.plan_version]
    campaign = plan.campaigns.get(slip.campaign_id)
    if not behind_reroute and campaign is not None and fact.unfilled_at >= slip.sell_by:
        return Reason.STALE
    if campaign is None or not campaign.worth(lead.asked, lead.score.grade).accepted:
        return Reason.NO_COVERAGE
    return reason_of_trace(fact.trace[len(right.reroutes[0].trace) :] if behind_reroute else fact.trace)


def reason_of_trace(trace: Iterable[Step]) -> str:
    """Return why nobody bought, by the last word of each contract that was asked or skipped."""
    last = {step.contract_id: step.reason for step in trace}
    said = set(last.values()) - _SILENT
    if not said:
        return Reason.NO_BUYERS
    for family, name in _FAMILIES:
        if said <= family:
            return name
    return said.pop() if len(said) == 1 else Reason.MIXED


def _value(right: RightCase, end: Unfilled, lead: Known, plans: Mapping[int, PlanRead]) -> int:
    """Return the highest price of a contract that accepts the lead, by the plan that routed it, or routed it again."""
    slip = lead.slip
    if slip.test:
        return 0
    offers = in_order(right)
    versions = {offers[0].right.plan_version} if offers else set()
    if right.reroutes or (not offers and end.fact.unfilled_at < slip.sell_by):
        versions.add(end.fact.plan_version)
    campaigns = [plans[version].campaigns.get(slip.campaign_id) for version in versions]
    return max((c.worth(lead.asked, lead.score.grade).value_minor for c in campaigns if c is not None), default=0)


def check_closing(case: Case) -> Iterator[Finding]:
    """A closing says what the ends of its lead add up to; the supplier is owed once, on the first sale."""
    closing = case.closed
    if closing is None:
        return
    fact, subject = closing.fact, f"lead {case.lead_id}"
    sold = [sale.fact for sale in case.sales]
    unfilled = [right.unfilled.fact for right in case.rights.values() if right.unfilled and not right.sold]
    ends: list[LeadSold | RightUnfilled] = [*sold, *unfilled]
    reasons: dict[str, int] = {}
    for end in unfilled:
        reasons[end.reason] = reasons.get(end.reason, 0) + 1
    wanted = (
        len(sold),
        ends[0].rights if ends else fact.rights,
        sum([one.price_minor for one in sold]),
        ends[0].currency if ends else fact.currency,
        reasons,
        Reason.SOLD if sold else _reason_of_lead(reasons),
        0 if sold else max((end.value_minor for end in unfilled), default=0),
    )
    said = (fact.sold, fact.rights, fact.revenue_minor, fact.currency, fact.reasons, fact.reason, fact.value_minor)
    for name, value, was in zip(_SUMS, wanted, said, strict=True) if said != wanted else ():
        if was != value:
            yield Finding(Rule.CLOSING, closing.at, f"{name} of {subject}", str(value), str(was))
    owed = max((one.payout_minor for one in sold), default=0) if not fact.test else 0
    if fact.payout_minor != owed:
        yield Finding(Rule.PAYOUT, closing.at, f"payout of {subject}", str(owed), str(fact.payout_minor))
    yield from _origin(case, closing.at)


_SUMS = ("sold", "rights", "revenue_minor", "currency", "reasons", "reason", "value_minor")


def _origin(case: Case, at: Place) -> Iterator[Finding]:
    closing, flow = case.closed, case.routed
    if closing is None or flow is None or flow.slip is None:
        return
    wanted, found = _named(flow.slip), _named(closing.fact)
    if wanted != found:
        yield Finding(Rule.CLOSING, at, f"lead {case.lead_id}", f"the lead received as {wanted}", f"{found}")


def _reason_of_lead(reasons: Mapping[str, int]) -> str:
    distinct = set(reasons)
    telling = distinct - {Reason.NO_BUYERS} or distinct
    if not telling:
        return Reason.NO_BUYERS
    return telling.pop() if len(telling) == 1 else Reason.MIXED


def check_buyers(case: Case) -> Iterator[Finding]:
    """Nobody bought the lead twice, and no more rights were sold than there are (I2)."""
    sales = case.sales
    if len(sales) == 1 and sales[0].fact.index < sales[0].fact.rights:
        return
    first: dict[str, Sale] = {}
    for sale in sales:
        before = first.setdefault(sale.fact.buyer_id, sale)
        if before is not sale:
            subject = f"lead {case.lead_id} and buyer {sale.fact.buyer_id}"
            yield Finding(
                Rule.BUYER_TWICE, sale.at, subject, f"the one sale at {before.at}", f"another, {sale.fact.sale_id}"
            )
    over = [sale for sale in sales if sale.fact.index >= sale.fact.rights]
    if not over and sales and len(sales) > sales[0].fact.rights:
        over = sales[-1:]
    for sale in over:
        subject = f"right {sale.fact.index} of lead {case.lead_id}"
        yield Finding(Rule.OVERSOLD, sale.at, subject, f"at most {sale.fact.rights} sales", f"{len(sales)}")
