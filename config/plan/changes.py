"""Says in words what changes between two forms of a part of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from config.plan.conditions import describe
from config.plan.model import Buyer, Campaign, CapSetting, Contract, Plan, ScoringRule, Supplier, SupplierTerms
from config.plan.money import amount_text
from config.plan.scalars import duration_text
from config.plan.times import WEEK_DAYS
from config.plan.words import (
    cap_window,
    cap_words,
    dedupe_words,
    field_words,
    grades_words,
    hours_words,
    price_words,
    selling_words,
)


class Change(NamedTuple):
    """One change: `subject` such as `contract sunco-solar`, and what changes in words."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


T = TypeVar("T")
P = TypeVar("P", Campaign, Supplier, Buyer, Contract)
#: What is compared of a part: a label, and the old and new form in words.
Rows = list[tuple[str, str, str]]


def changes(old: Plan, new: Plan) -> Iterator[Change]:
    """Yield every change, in the order of the new plan; a part that is gone comes after those that stay."""
    rows = [("currency", old.currency, new.currency)]
    rows.append(("week starts", WEEK_DAYS[old.week_starts], WEEK_DAYS[new.week_starts]))
    yield from _told("plan", _moved(rows))
    for campaign in paired(by_id(old.campaigns), by_id(new.campaigns)):
        yield from _told(f"campaign {campaign.key}", _campaign(campaign))
    for supplier in paired(by_id(old.suppliers), by_id(new.suppliers)):
        yield from _told(f"supplier {supplier.key}", _supplier(supplier, new.currency))
    for buyer in paired(by_id(old.buyers), by_id(new.buyers)):
        yield from _told(f"buyer {buyer.key}", _buyer(buyer, new.currency))
        before = buyer.old.contracts if buyer.old else ()
        for contract in paired(by_id(before), by_id(buyer.new.contracts if buyer.new else ())):
            yield from _told(f"contract {contract.key}", _contract(contract, new.currency))


class Pair(NamedTuple, Generic[T]):
    """A part of a plan, before and now; None on one side when it is new or gone."""

    key: str
    old: T | None
    new: T | None


def paired(old: Mapping[str, T], new: Mapping[str, T]) -> list[Pair[T]]:
    """Return every key of either side with both forms, in the order of the new side and then of the old."""
    keys = [*new, *(key for key in old if key not in new)]
    return [Pair(key, old.get(key), new.get(key)) for key in keys]


def by_id(parts: Sequence[P]) -> dict[str, P]:
    """Return parts of a plan by their ids, in their order."""
    return {part.id: part for part in parts}


def _told(subject: str, texts: Iterator[str]) -> Iterator[Change]:
    for text in texts:
        yield Change(subject, text)


def _moved(rows: Rows) -> Iterator[str]:
    for label, before, now in rows:
        if before != now:
            yield f"{label}: {before} -> {now}"


def _campaign(pair: Pair[Campaign]) -> Iterator[str]:
    old, new = pair.old, pair.new
    if new is None:
        yield "retired"
        return
    if old is None:
        yield f"added, {selling_words(new)}"
        return
    rows: Rows = [("duplicates", dedupe_words(old.dedupe), dedupe_words(new.dedupe))]
    rows.append(("sell within", duration_text(old.sell_within_ms), duration_text(new.sell_within_ms)))
    rows.append(("grades", grades_words(old), grades_words(new)))
    rows.append(("sold", selling_words(old), selling_words(new)))
    rows.append(("method", old.method, new.method))
    yield from _moved(rows)
    fields = (
        {rule.name: field_words(rule) for rule in old.fields},
        {rule.name: field_words(rule) for rule in new.fields},
    )
    yield from _listed("field", paired(*fields))
    rules = (
        {rule.name: _rule_words(rule) for rule in old.scoring},
        {rule.name: _rule_words(rule) for rule in new.scoring},
    )
    yield from _listed("scoring rule", paired(*rules))


def _rule_words(rule: ScoringRule) -> str:
    return f"{rule.add} points if {describe(rule.when)}"


def _listed(label: str, pairs: list[Pair[str]]) -> Iterator[str]:
    for key, old, new in pairs:
        if new is None:
            yield f"{label} {key} removed"
        elif old is None:
            yield f"{label} {key} added: {new}"
        elif old != new:
            yield f"{label} {key}: {old} -> {new}"


def _supplier(pair: Pair[Supplier], currency: str) -> Iterator[str]:
    old, new = pair.old, pair.new
    if new is None:
        yield "retired"
        return
    if old is None:
        yield f"added, sends into {', '.join(terms.campaign_id for terms in new.campaigns)}"
        return
    yield from _moved([("name", old.name, new.name)])
    before = {terms.campaign_id: _payout_words(terms, currency) for terms in old.campaigns}
    now = {terms.campaign_id: _payout_words(terms, currency) for terms in new.campaigns}
    yield from _listed("payout in", paired(before, now))


def _payout_words(terms: SupplierTerms, currency: str) -> str:
    return f"{amount_text(terms.payout_minor, currency)} {currency} {terms.owed.replace('_', ' ')}"


def _buyer(pair: Pair[Buyer], currency: str) -> Iterator[str]:
    old, new = pair.old, pair.new
    if new is None:
        yield "retired"
        return
    if old is None:
        yield f"added ({new.name}, {new.time_zone})"
        return
    rows: Rows = [("name", old.name, new.name), ("time zone", old.time_zone, new.time_zone)]
    rows.append(("hours", hours_words(old), hours_words(new)))
    rows.append(("when closed", old.when_closed, new.when_closed))
    rows.append(("delivery", old.delivery, new.delivery))
    yield from _moved(rows)
    if old.tests != new.tests:
        yield "takes test leads from now on" if new.tests else "takes no test leads any more"
    yield from _caps(old.caps, new.caps, currency)


def _contract(pair: Pair[Contract], currency: str) -> Iterator[str]:
    old, new = pair.old, pair.new
    if new is None:
        yield "retired"
        return
    if old is None:
        yield f"added, buys from {new.campaign_id} at {price_words(new, currency)}: {describe(new.accept)}"
        return
    rows: Rows = [("campaign", old.campaign_id, new.campaign_id)]
    rows.append(("accepts", describe(old.accept), describe(new.accept)))
    rows.append(("price", price_words(old, currency), price_words(new, currency)))
    rows.append(("priority", str(old.priority), str(new.priority)))
    rows.append(("weight", str(old.weight), str(new.weight)))
    rows.append(("gets", _fields_words(old), _fields_words(new)))
    yield from _moved(rows)
    yield from _caps(old.caps, new.caps, currency)


def _fields_words(contract: Contract) -> str:
    return ", ".join(contract.fields) or "every field"


def _caps(old: Sequence[CapSetting], new: Sequence[CapSetting], currency: str) -> Iterator[str]:
    before = {f"{cap.measure}/{cap.window}": cap for cap in old}
    now = {f"{cap.measure}/{cap.window}": cap for cap in new}
    for pair in paired(before, now):
        if pair.new is None and pair.old is not None:
            yield f"cap removed: {cap_words(pair.old, currency)}"
        elif pair.old is None and pair.new is not None:
            yield f"cap added: {cap_words(pair.new, currency)}"
        elif pair.old is not None and pair.new is not None and pair.old.limit != pair.new.limit:
            yield _cap_moved(pair.old, pair.new, currency)


def _cap_moved(old: CapSetting, new: CapSetting, currency: str) -> str:
    verb = "lowered" if new.limit < old.limit else "raised"
    if new.measure == "spend":
        limits = f"{amount_text(old.limit, currency)} -> {amount_text(new.limit, currency)} {currency}"
    else:
        limits = f"{old.limit} -> {new.limit}"
    return f"cap on {new.measure} {cap_window(new)} {verb} {limits}"
