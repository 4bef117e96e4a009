"""Checks one sale against the plan versions that it names: by what terms, to whom, when, at what price."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct

from console.audit.calendar import KINDS, is_open, wall, windows_at
from console.audit.cases import Delivered, Known, Offered, Sale, Sold
from console.audit.counts import named, uses_wanted
from console.audit.findings import Finding, Rule
from console.audit.inbox import pause_at
from console.audit.intake import sale_id_of, values_of
from console.audit.plans import Buyer, Contract, PlanRead
from schemas.errors import Poison
from schemas.records import Candidate, Lead, LeadSold


class World(Struct, frozen=True, gc=False):
    """What a sale is held against: the plan that routed it, its owner's plan, the lead, the Offer that it ended.

    `zones`: all that its buyer has had. `latest_ms`: the latest that any worker's clock may have shown by then.
    `told_by_ms`: when the owner must have been told of other terms than those of `owned_by`, by the broker's clock.
    """

    routed_by: PlanRead
    owned_by: PlanRead
    lead: Known
    offer: Offered | None
    zones: Collection[tuple[str, int]]
    latest_ms: int
    told_by_ms: int


def check_sale(sale: Sale, world: World) -> Iterator[Finding]:
    """Yield all that is wrong with a sale by itself."""
    fact = sale.fact
    yield from _identity(sale, world)
    yield from _routed(sale, world)
    buyer = world.owned_by.buyers.get(fact.buyer_id)
    contract = buyer.contracts.get(fact.contract_id) if buyer else None
    if buyer is None or contract is None:
        found = f"plan {fact.buyer_plan_version}, which has no such contract"
        yield Finding(Rule.TERMS, sale.at, _name(fact), f"a contract {fact.contract_id} of {fact.buyer_id}", found)
        return
    yield from _terms(sale, contract, world)
    yield from _door(sale, buyer, world)
    yield from _windows(sale, buyer, world)
    yield from _caps(sale, world)


def _name(fact: LeadSold) -> str:
    return f"sale {fact.sale_id} of lead {fact.lead_id} to {fact.contract_id}"


def _identity(sale: Sale, world: World) -> Iterator[Finding]:
    fact = sale.fact
    wanted = sale_id_of(fact.lead_id, fact.leg, fact.round, fact.index, fact.buyer_id)
    if fact.sale_id != wanted:
        yield Finding(Rule.RIGHTS, sale.at, _name(fact), f"sale_id {wanted}", fact.sale_id)
    if fact.attributes != world.lead.slip.attributes:
        yield Finding(Rule.RIGHTS, sale.at, _name(fact), "the attributes of its lead", "others")
    if fact.supplier_lead_id != world.lead.slip.supplier_lead_id:
        yield Finding(Rule.RIGHTS, sale.at, _name(fact), "the supplier's id of its lead", "another")
    if (fact.points, fact.grade) != (world.lead.score.points, world.lead.score.grade):
        expected = f"{world.lead.score.points} points, grade {world.lead.score.grade}"
        yield Finding(Rule.SCORE, sale.at, _name(fact), expected, f"{fact.points} points, grade {fact.grade}")


def _routed(sale: Sale, world: World) -> Iterator[Finding]:
    """Filters and price by the plan that routed, and what the route said of them."""
    fact, lead = sale.fact, world.lead
    contract = world.routed_by.contracts.get(fact.contract_id)
    if contract is None or (contract.buyer_id, contract.campaign_id) != (fact.buyer_id, fact.campaign_id):
        found = f"plan {fact.plan_version}, which has no such contract of {fact.buyer_id}"
        yield Finding(Rule.FILTERS, sale.at, _name(fact), f"a contract in campaign {fact.campaign_id}", found)
        return
    answer = contract.answer(lead.asked, lead.score.grade)
    if not answer.accepts:
        found = f"a lead that it does not accept (grade {lead.score.grade})"
        yield Finding(Rule.FILTERS, sale.at, _name(fact), "a lead that the contract accepts", found)
    price = 0 if fact.test else answer.price_minor
    if fact.price_minor != price:
        rule = Rule.TEST_LEAD if fact.test else Rule.PRICE
        yield Finding(
            rule, sale.at, _name(fact), f"{price} minor units of {world.routed_by.currency}", f"{fact.price_minor}"
        )
    if fact.currency != world.routed_by.currency:
        yield Finding(Rule.PRICE, sale.at, _name(fact), world.routed_by.currency, fact.currency)
    if contract.terms != fact.terms:
        expected = f"terms {contract.terms} of plan {fact.plan_version}"
        yield Finding(Rule.TERMS, sale.at, _name(fact), expected, f"terms {fact.terms}")
    yield from _candidate(sale, world)


def _candidate(sale: Sale, world: World) -> Iterator[Finding]:
    fact, offer = sale.fact, world.offer
    if offer is None:
        return
    found: Candidate | None = offer.route[offer.position]
    if found is None or found.contract_id != fact.contract_id:
        found = next((c for c in offer.route if c.contract_id == fact.contract_id), None)
    if found is None:
        yield Finding(Rule.PHANTOM, sale.at, _name(fact), f"its contract in the route of {offer.at}", "others there")
    elif (found.price_minor, found.price_rule, found.terms) != (fact.price_minor, fact.price_rule, fact.terms):
        expected = f"price and terms of the route at {offer.at}"
        yield Finding(Rule.PRICE, sale.at, _name(fact), expected, f"{fact.price_minor} by {fact.price_rule!r}")


def _terms(sale: Sale, contract: Contract, world: World) -> Iterator[Finding]:
    """The owner's terms: those of the plan version that it had been told of last."""
    fact, offer = sale.fact, world.offer
    if contract.terms != fact.terms:
        expected = f"terms {contract.terms} of plan {fact.buyer_plan_version}, the owner's"
        yield Finding(Rule.TERMS, sale.at, _name(fact), expected, f"terms {fact.terms}")
    told = offer.standing.version if offer else 0
    if told and told != fact.buyer_plan_version:
        expected = f"plan {told}, as the owner was told before {offer.at if offer else ''}"
        yield Finding(Rule.TERMS, sale.at, _name(fact), expected, f"plan {fact.buyer_plan_version}")
    elif offer and offer.at_ms > world.told_by_ms:
        expected = f"an owner that was told of a later plan by {world.told_by_ms}, before {offer.at}"
        yield Finding(Rule.TERMS, sale.at, _name(fact), expected, f"plan {fact.buyer_plan_version}")


def _door(sale: Sale, buyer: Buyer, world: World) -> Iterator[Finding]:
    """Tests, pauses, hours, freshness."""
    fact, at = sale.fact, sale.fact.sold_at
    if fact.test and not buyer.tests:
        yield Finding(Rule.TEST_LEAD, sale.at, _name(fact), "a buyer that takes tests", f"{buyer.id}, which does not")
    paused = pause_at(world.offer.standing, fact.contract_id, world.latest_ms) if world.offer else None
    if paused:
        yield Finding(Rule.PAUSED, sale.at, _name(fact), "no sale while paused", f"a sale at {at}; {paused}")
    if not buyer.always_open and not is_open(at, buyer.time_zone, buyer.hours):
        found = f"sold on {wall(at, buyer.time_zone)}"
        yield Finding(Rule.HOURS, sale.at, _name(fact), f"an hour at which {buyer.id} is open", found)
    if at >= world.lead.slip.sell_by:
        found = f"{at}, {at - world.lead.slip.sell_by} ms late"
        yield Finding(Rule.STALE, sale.at, _name(fact), f"a sale before {world.lead.slip.sell_by}", found)


def _windows(sale: Sale, buyer: Buyer, world: World) -> Iterator[Finding]:
    """The windows of its time in its zone; an owner's windows never go back, and a zone changes with the next one."""
    fact = sale.fact
    if fact.time_zone != buyer.time_zone:
        yield Finding(Rule.WINDOWS, sale.at, _name(fact), f"zone {buyer.time_zone}", fact.time_zone)
    found, at = named(fact), fact.sold_at
    if found == windows_at(at, buyer.time_zone, world.owned_by.week_starts):
        return
    for kind, start in zip(KINDS, found, strict=True):
        expected = _possible(kind, at, start, world)
        if start not in expected:
            wanted = f"{kind} beginning at {min(expected, key=lambda each: abs(each - start))}"
            yield Finding(Rule.WINDOWS, sale.at, _name(fact), wanted, f"{kind} beginning at {start}")


def _possible(kind: str, at_ms: int, start: int, world: World) -> set[int]:
    """Return the starts that a window may have: now, or of a clock that was ahead, in any zone the buyer had.

    An epoch may be appended long after its decisions: every start until then is possible, `start` among them.
    """
    place = KINDS.index(kind)
    times = (at_ms, world.latest_ms, *((start,) if at_ms < start < world.latest_ms else ()))
    return {windows_at(time, zone, week_starts)[place] for zone, week_starts in world.zones for time in times}


def _caps(sale: Sale, world: World) -> Iterator[Finding]:
    """The caps that a sale lists: those in force, each counted on by this sale, none passed."""
    fact = sale.fact
    if fact.test:
        if fact.caps:
            yield Finding(
                Rule.TEST_LEAD, sale.at, _name(fact), "no cap touched by a test lead", f"{len(fact.caps)} caps"
            )
        return
    listed = [(use.scope, use.measure, use.window, use.window_start_at, use.limit) for use in fact.caps]
    wanted = uses_wanted(fact, world.owned_by)
    if listed != wanted and sorted(listed) != sorted(wanted):
        missing = [use for use in wanted if use not in listed] or [use for use in listed if use not in wanted]
        expected = f"the {len(wanted)} caps of plan {fact.buyer_plan_version}"
        yield Finding(Rule.CAP_RECORD, sale.at, _name(fact), expected, f"{len(listed)}, other than {missing[:1]}")
    for use in fact.caps:
        step = 1 if use.measure == "leads" else fact.price_minor
        if use.after - use.before != step or use.before < 0:
            expected = f"{use.scope} cap a {use.window} counted on by {step}"
            yield Finding(Rule.CAP_RECORD, sale.at, _name(fact), expected, f"{use.before} -> {use.after}")
        if use.after > use.limit:
            found = f"{use.before} -> {use.after}"
            yield Finding(Rule.CAP, sale.at, _name(fact), f"at most {use.limit} {use.measure} a {use.window}", found)


def check_delivery(
    sale: Sale,
    got: Delivered,
    values: Mapping[str, str],
    body: bytes,
    owned_by: PlanRead,
    lead_of: Callable[[bytes], Lead],
) -> Iterator[Finding]:
    """Compare the buyer's record with the sale, and its fields with the lead's (`body`: the lead as it travels)."""
    fact = sale.fact
    wanted = Sold(fact.lead_id, fact.sale_id, fact.sold_at, fact.price_minor, fact.currency, fact.test)
    if got.sold != wanted or got.buyer_id != fact.buyer_id:
        pairs = zip(("buyer_id", *Sold._fields), (fact.buyer_id, *wanted), (got.buyer_id, *got.sold), strict=True)
        for name, expected, was in pairs:
            if expected != was:
                yield Finding(Rule.DELIVERY, got.at, f"{name} of sale {fact.sale_id}", str(expected), str(was))
    contract = owned_by.contracts.get(fact.contract_id)
    if contract is None or (not contract.fields and got.body == body):
        return
    try:
        given = values_of(lead_of(got.body))
    except Poison:
        yield Finding(Rule.UNREADABLE, got.at, f"fields of sale {fact.sale_id}", "a lead", "bytes that are none")
        return
    allowed = {n: v for n, v in values.items() if not contract.fields or n in contract.fields}
    if given == allowed:
        return
    more = sorted(given.keys() - allowed.keys())
    less = sorted(allowed.keys() - given.keys())
    words = ([f"also {', '.join(more)}"] if more else []) + ([f"no {', '.join(less)}"] if less else [])
    subject = f"fields of sale {fact.sale_id}"
    yield Finding(
        Rule.DELIVERY_FIELDS, got.at, subject, "the fields of its contract", "; ".join(words) or "other values"
    )
