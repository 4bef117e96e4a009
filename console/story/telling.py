"""Tells a lead's story in words: sections of labelled lines, for everyone inside, or for one buyer.

Plain text in, plain text out: nothing is read here. Persons are masked unless asked. What a buyer is shown holds no
supplier, score, payout, margin or other buyer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from agents.asked import values_of
from config.plan.compiled import CompiledPlan
from config.plan.conditions import GRADE, NOTHING, Failing
from config.plan.explain import Answer, answers
from console.masking import mask
from console.reasons import in_words
from console.screen import local, money, near, priced, utc
from console.story.gathering import NotFound, Placed, Story
from schemas.reasons import Reason
from schemas.records import BuyerLead, CapUse, Lead, LeadReceived, LeadRejected, LeadSold, RightUnfilled, Slip, Step

_MILLISECONDS = re.compile(r"\b1\d{12}\b")
#: Numbers in the detail of a budget's step; those of a date have hyphens, colons or dots around them.
_AMOUNTS = re.compile(r"(?<![\d:.-])\b\d+\b(?![\d:.-])")
#: A price's rule that tells the score of a lead.
_SAYS_GRADE = re.compile(rf"\b{GRADE}\b")
#: Characters shown of a long text such as the words of a consent.
TEXT_MAX = 160


class Line(NamedTuple):
    """One line: what it is about, and what is said of it."""

    label: str
    text: str


@dataclass(slots=True)
class Section:
    """A part of the story under a heading."""

    title: str
    lines: list[Line] = field(default_factory=list)

    def say(self, label: str, text: str) -> None:
        """Add a line, unless there is nothing to say."""
        if text:
            self.lines.append(Line(label, text))


def tell(story: Story, *, unmask: bool = False) -> list[Section]:
    """Return the whole story, for those who may see everything but persons."""
    sections = [
        _came_in(story, unmask),
        *_unique(story),
        *_scored(story),
        *_contracts(story, unmask),
        *_tried(story),
        *_sold(story),
        *_ended(story),
        *_rejected(story),
        *_dead(story),
    ]
    return [section for section in sections if section.lines]


def tell_buyer(story: Story, buyer_id: str, *, unmask: bool = False) -> list[Section]:
    """Return what one buyer may know of a lead: what it bought, or why it did not.

    Raises:
        NotFound: the plan of that time has no such buyer.
    """
    zones = _zones(story.plan())
    own = [sale for sale in story.sold if sale.buyer_id == buyer_id]
    if buyer_id not in zones and not own:
        raise NotFound(f"the plan that decided on this lead has no buyer {buyer_id!r}{near(buyer_id, sorted(zones))}")
    section = Section(f"lead {story.lead_id}, as {buyer_id} may know it")
    for sale in own:
        known = replace(sale, price_rule="") if _SAYS_GRADE.search(sale.price_rule) else sale
        for line in _sale_lines(known, story.deliveries.get(sale.sale_id)):
            section.say(*line)
        delivery = story.deliveries.get(sale.sale_id)
        if delivery is not None and isinstance(delivery.record, BuyerLead):
            section.say("lead", _person(delivery.record.lead, unmask))
    if not own:
        section.say("sold", "not to this buyer")
        for line in _why_not_sold(story, buyer_id, unmask):
            section.say(*line)
    return [section]


def _why_not_sold(story: Story, buyer_id: str, unmask: bool) -> Iterator[Line]:
    """Say what each of a buyer's contracts did with a lead that it did not buy, without what it must not know."""
    steps = [step for step in _unique_steps(story) if step.buyer_id == buyer_id]
    for step in steps:
        yield Line(step.contract_id, _said(step, story.plan()))
    asked = {step.contract_id for step in steps}
    for contract, _, _, failing in _answers(story):
        if contract.buyer_id == buyer_id and contract.contract_id not in asked:
            yield Line(contract.contract_id, _own_answer(story, failing, unmask))


def _own_answer(story: Story, failing: Failing | None, unmask: bool) -> str:
    if failing is None:
        return "accepts it; its turn did not come" if story.closed else "accepts it; its turn may still come"
    return "does not accept it" if GRADE in failing.fields else _why_not(failing, _plain(story), unmask)


# --- how it came in ---------------------------------------------------------------------------------------------


def _came_in(story: Story, unmask: bool) -> Section:
    first = _first(story)
    what = f"{first.campaign_id}, {'test' if first.test else 'live'}" if first else "unreadable"
    section = Section(f"lead {story.lead_id or '(without identity)'}, {what}")
    for place, placed in sorted(story.received.items()):
        at = f"leads.received-{place.partition}@{place.offset}"
        time = utc(placed.time_ms) if placed else "(no longer kept)"
        section.say("received", f"{time}  {at}")
    if first is not None:
        section.say("supplier", f"{first.supplier_id}, its id {first.supplier_lead_id}")
    received = next((p.record for p in story.received.values() if p and isinstance(p.record, LeadReceived)), None)
    if isinstance(received, LeadReceived):
        section.say("submitted", utc(received.submitted_at))
        section.say("sub ids", ", ".join(received.sub_ids))
        for name, text in _proofs(received, unmask):
            section.say(name, text)
    if story.unique is not None:
        section.say("person", _person(story.unique.lead, unmask))
    elif isinstance(received, LeadReceived):
        section.say("person", _person(_as_received(received), unmask))
    return section


def _first(story: Story) -> Slip | LeadRejected | LeadReceived | None:
    if story.unique is not None:
        return story.unique.slip
    if story.rejected:
        return story.rejected[0]
    records = [placed.record for placed in story.received.values() if placed]
    return next((record for record in records if isinstance(record, LeadReceived)), None)


def _proofs(lead: LeadReceived, unmask: bool) -> Iterator[Line]:
    proofs = {
        "trustedform_cert_url": "consent",
        "jornaya_leadid": "jornaya",
        "tcpa_text": "wording",
        "landing_page_url": "page",
        "ip_address": "address",
    }
    for name, label in proofs.items():
        value: str | None = getattr(lead, name)
        if value:
            yield Line(label, (value if unmask else mask(name, value))[:TEXT_MAX])


def _as_received(lead: LeadReceived) -> Lead:
    return Lead(**{name: getattr(lead, name) for name in Lead.__struct_fields__})


def _person(lead: Lead, unmask: bool) -> str:
    own = {name: getattr(lead, name) for name in Lead.__struct_fields__ if name != "fields"}
    values = {name: value for name, value in {**own, **lead.fields}.items() if value}
    return ", ".join(f"{name} {value if unmask else mask(name, value)}" for name, value in values.items())


# --- what was decided about it ------------------------------------------------------------------------------------


def _rejected(story: Story) -> Iterator[Section]:
    """Why it went no further; of a lead that was unique, each time that it came in again."""
    for fact in sorted(story.rejected, key=lambda fact: fact.rejected_at):
        section = Section(f"{'came in again' if story.unique else 'rejected'}: {fact.reason}")
        section.say("when", f"{utc(fact.rejected_at)}, by {fact.stage}, plan {fact.plan_version}")
        section.say("why", in_words(fact.reason))
        for fault in fact.faults:
            section.say(fault.field, f"{fault.detail} ({fault.code})")
        if fact.keys_checked:
            section.say("dedupe", f"looked for the same {', '.join(fact.keys_checked)}")
        if fact.reason == Reason.DUPLICATE:
            section.say("found", f"the same {fact.key_hit} in {_earlier(fact)}")
        elif fact.reason == Reason.REPEAT:
            section.say("found", f"the very same lead: {_earlier(fact)}")
        yield section


def _earlier(fact: LeadRejected) -> str:
    lead = f"lead {fact.earlier_lead_id}" if fact.earlier_lead_id else "an earlier lead"
    return f"{lead}, received {utc(fact.earlier_at)}, leads.received-{fact.earlier_partition}@{fact.earlier_offset}"


def _unique(story: Story) -> Iterator[Section]:
    if story.unique is None:
        return
    slip = story.unique.slip
    section = Section("valid and not seen before")
    section.say("when", f"{utc(slip.unique_at)}, plan {slip.plan_version}")
    for note in slip.notes:
        section.say("mended", note)
    plan = story.plans.get(slip.plan_version)
    campaign = plan.campaigns.get(slip.campaign_id) if plan else None
    if campaign is not None and campaign.dedupe is not None:
        rule = campaign.dedupe
        days = rule.within_ms / 86_400_000
        section.say("dedupe", f"no lead with the same {f' {_joint(rule.match)} '.join(rule.of)} within {days:g} days")
    section.say("sell by", utc(slip.sell_by))
    yield section


def _joint(match: str) -> str:
    return "or" if match == "any" else "and"


def _scored(story: Story) -> Iterator[Section]:
    if story.scored is None:
        return
    score = story.scored.score
    section = Section(f"grade {score.grade}, {score.points} points")
    section.say("when", utc(score.scored_at))
    for rule in score.rules:
        section.say(rule.rule, f"{rule.points:+d}")
    yield section


# --- who was asked ------------------------------------------------------------------------------------------------


def _contracts(story: Story, unmask: bool) -> Iterator[Section]:
    found = _answers(story)
    plan = story.plan()
    if not found or plan is None:
        return
    section = Section(f"contracts of plan {plan.version}")
    plain = _plain(story)
    for answer in found:
        if answer.failing is None:
            price = priced(answer.price_minor, plan.currency, answer.price_rule)
            section.say(answer.contract.contract_id, f"accepts, would pay {price}")
        else:
            section.say(answer.contract.contract_id, _why_not(answer.failing, plain, unmask))
    yield section


def _answers(story: Story) -> tuple[Answer, ...]:
    """Ask the plan that routed the lead again what each contract says."""
    plan = story.plan()
    if plan is None or story.unique is None or story.scored is None:
        return ()
    slip = story.unique.slip
    campaign = plan.campaigns.get(slip.campaign_id)
    values = values_of(story.unique.lead) if plan.version > slip.plan_version else {**slip.attributes, **slip.private}
    return answers(campaign, values, story.scored.score.grade) if campaign else ()


def _plain(story: Story) -> frozenset[str]:
    """Return the fields whose values may be shown: those that the campaign calls not personal, and the grade."""
    plan = story.plan()
    campaign = plan.campaigns.get(story.unique.slip.campaign_id) if plan and story.unique else None
    return frozenset(rule.name for rule in campaign.fields if not rule.personal) | {GRADE} if campaign else frozenset()


def _why_not(failing: Failing, plain: frozenset[str], unmask: bool) -> str:
    shown = [
        value if unmask or value == NOTHING or name in plain else mask(name, value)
        for name, value in zip(failing.fields, failing.got, strict=True)
    ]
    named = [f"{name} {value}" for name, value in zip(failing.fields, shown, strict=True)]
    return f"{Reason.FILTERED}: wants {failing.wanted}; got {shown[0] if len(shown) == 1 else ', '.join(named)}"


def _tried(story: Story) -> Iterator[Section]:
    """Who declined or was passed over, in order; what all rights of the lead met alike is said once."""
    section = Section("declined or passed over")
    plan = story.plan()
    for step in _unique_steps(story):
        section.say(step.contract_id, _said(step, plan))
    yield section


def _unique_steps(story: Story) -> list[Step]:
    ends: list[LeadSold | RightUnfilled] = [*story.sold, *story.unfilled]
    steps = dict.fromkeys(step for end in sorted(ends, key=lambda end: end.index) for step in end.trace)
    return sorted(steps, key=lambda step: step.at)


def _said(step: Step, plan: CompiledPlan | None) -> str:
    """Say one step in words: times instead of milliseconds, amounts instead of minor units."""
    detail = _MILLISECONDS.sub(lambda found: utc(int(found[0])), step.detail)
    if plan is not None and step.reason in (Reason.BUYER_BUDGET, Reason.CONTRACT_BUDGET):
        detail = _AMOUNTS.sub(lambda found: money(int(found[0]), plan.currency), detail)
    zone = _zones(plan).get(step.buyer_id)
    return f"{utc(step.at)}{_local(step.at, zone)} {step.reason}{f': {detail}' if detail else ''}"


def _local(at_ms: int, zone: str | None) -> str:
    return f" ({local(at_ms, zone)})" if zone else ""


def _zones(plan: CompiledPlan | None) -> dict[str, str]:
    return {buyer.id: buyer.time_zone for buyer in plan.plan.buyers} if plan else {}


# --- how it ended -------------------------------------------------------------------------------------------------


def _sold(story: Story) -> Iterator[Section]:
    for sale in sorted(story.sold, key=lambda sale: sale.index):
        section = Section(f"right {sale.index + 1} of {sale.rights}: sold to {sale.buyer_id}")
        for line in _sale_lines(sale, story.deliveries.get(sale.sale_id)):
            section.say(*line)
        yield section


def _sale_lines(sale: LeadSold, delivery: Placed | None) -> Iterable[Line]:
    yield Line("when", f"{utc(sale.sold_at)} ({local(sale.sold_at, sale.time_zone)})")
    yield Line("contract", sale.contract_id)
    yield Line("price", priced(sale.price_minor, sale.currency, sale.price_rule))
    for cap in sale.caps:
        yield Line("cap", _cap(cap, sale.currency))
    if not sale.caps:
        yield Line("cap", "none" if not sale.test else "none: a test lead counts nowhere")
    where = delivery.coordinates if delivery else f"not found in buyers.{sale.buyer_id}.leads (no longer kept?)"
    yield Line("record", where)
    yield Line("sale", sale.sale_id)


def _cap(cap: CapUse, currency: str) -> str:
    if cap.measure == "spend":
        before, after, limit = (money(minor, currency) for minor in (cap.before, cap.after, cap.limit))
    else:
        before, after, limit = f"{cap.before:,}", f"{cap.after:,}", f"{cap.limit:,}"
    return f"{cap.scope}, {cap.measure} a {cap.window}: {before} -> {after} of {limit}"


def _ended(story: Story) -> Iterator[Section]:
    for end in sorted(story.unfilled, key=lambda end: end.index):
        section = Section(f"right {end.index + 1} of {end.rights}: no buyer, {end.reason}")
        section.say("when", utc(end.unfilled_at))
        section.say("why", in_words(end.reason))
        yield section
    if story.closed is not None:
        fact = story.closed
        section = Section(f"closed: {fact.reason}, sold {fact.sold} of {fact.rights}")
        section.say("when", utc(fact.closed_at))
        section.say("why", "" if fact.sold else in_words(fact.reason))
        section.say("revenue", money(fact.revenue_minor, fact.currency))
        section.say("payout", money(fact.payout_minor, fact.currency))
        section.say("margin", money(fact.revenue_minor - fact.payout_minor, fact.currency))
        if not fact.sold and fact.value_minor:
            section.say("left", f"{money(fact.value_minor, fact.currency)} could have been had for it")
        yield section
    elif story.unique is not None and not story.dead:
        yield Section("not closed yet", [Line("so far", _so_far(story))])


def _so_far(story: Story) -> str:
    if story.sold or story.unfilled:
        return "some of its rights are still on their way"
    return "on its way to its first buyer" if story.scored else "waiting to be scored"


def _dead(story: Story) -> Iterator[Section]:
    for letter in story.dead:
        section = Section(f"set aside: {letter.reason}")
        section.say("when", utc(letter.at))
        section.say("where", f"{letter.topic}-{letter.partition}@{letter.offset}, by {letter.stage}")
        section.say("why", letter.detail)
        section.say("next", "`leadflow dead show` and `leadflow dead retry`")
        yield section
