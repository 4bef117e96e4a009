"""Judges each buyer's sales in their order: counted anew under every cap, on the terms in force, open and fresh."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from config.plan.compiled import CompiledContract
from config.plan.model import Buyer, CapSetting
from console.simulation.evidence import Evidence
from console.simulation.outside import BACK_MOST_MS
from schemas.records import CapUse, LeadSold, LeadUnique, Slip, Windows

_HOUR_MS: Final = 3_600_000
#: Longest that each window may be, ms: a day of 25 hours among them.
_LONGEST_MS: Final = {"hour": _HOUR_MS, "day": 25 * _HOUR_MS, "week": 169 * _HOUR_MS, "month": 745 * _HOUR_MS}
WINDOWS: Final = ("hour", "day", "week", "month", "total")

#: A unique lead: its id, and where it was received.
Origin = tuple[str, int, int]
#: Leads and spend by (buyer id, or contract id, and kind and start of the window).
Used = dict[tuple[str, str, int], list[int]]


class Books:
    """One buyer's sales counted anew, in the order of its topic."""

    def __init__(self) -> None:
        self.used: Used = defaultdict(lambda: [0, 0])
        self.current: dict[str, int] = {}

    def of(self, holder: str, window: str, start_at: int) -> list[int]:
        """Return [leads, spend] that a buyer or contract has used of a window."""
        return self.used[holder, window, start_at]

    def count(self, sale: LeadSold) -> None:
        """Count a sale in all of its windows."""
        for window in WINDOWS:
            for holder in (f"buyer/{sale.buyer_id}", f"contract/{sale.contract_id}"):
                counts = self.of(holder, window, start_of(sale.windows, window))
                counts[0] += 1
                counts[1] += sale.price_minor


def start_of(windows: Windows, window: str) -> int:
    """Return when a window of a sale starts; the total has always been."""
    return 0 if window == "total" else int(getattr(windows, f"{window}_at"))


def judge_sales(evidence: Evidence) -> tuple[list[str], Mapping[str, Books]]:
    """Return what must not be, in words, and each buyer's books."""
    sold = {sale.sale_id: sale for sale in evidence.sold}
    # A lead may be unique twice, long after its claims have run out: the sale says which of the two it is of.
    unique = {_origin(lead.slip): lead for lead in evidence.unique}
    found: list[str] = []
    books: dict[str, Books] = {}
    for buyer_id, leads in evidence.delivered.items():
        own = books[buyer_id] = Books()
        version = 0
        for lead in leads:
            sale = sold.get(lead.sale_id)
            if sale is None:
                continue  # said elsewhere: delivered and not booked
            if sale.buyer_plan_version < version:
                found.append(f"{buyer_id} sold by version {sale.buyer_plan_version} after version {version}")
            version = max(version, sale.buyer_plan_version)
            found += [f"sale {sale.sale_id} to {buyer_id}: {what}" for what in _sale(evidence, sale, unique, own)]
    return found, books


def _origin(of: Slip | LeadSold) -> Origin:
    return of.lead_id, of.received_partition, of.received_offset


def _sale(evidence: Evidence, sale: LeadSold, unique: Mapping[Origin, LeadUnique], books: Books) -> Iterator[str]:
    lead = unique.get(_origin(sale))
    if lead is None:
        yield "of a lead that was never unique"
        return
    if sale.sold_at >= lead.slip.sell_by:
        yield f"{sale.sold_at - lead.slip.sell_by} ms too late"
    plan = evidence.plans[sale.buyer_plan_version]
    buyer = next((one for one in plan.plan.buyers if one.id == sale.buyer_id), None)
    contract = _contract(evidence, sale)
    if buyer is None or contract is None:
        yield f"to a buyer or contract that version {plan.version} has retired"
        return
    yield from _terms(sale, contract)
    yield from _hours(sale, buyer)
    if sale.test:
        if sale.price_minor or sale.caps or not buyer.tests:
            yield "a test lead that costs, counts, or was not wanted"
        return
    yield from _windows(sale, books)
    yield from _caps(sale, buyer, books)
    books.count(sale)


def _contract(evidence: Evidence, sale: LeadSold) -> CompiledContract | None:
    campaign = evidence.plans[sale.buyer_plan_version].campaigns.get(sale.campaign_id)
    contracts = campaign.contracts if campaign is not None else ()
    return next((contract for contract in contracts if contract.contract_id == sale.contract_id), None)


def _terms(sale: LeadSold, contract: CompiledContract) -> Iterator[str]:
    """Rule 14: price and filters are the owner's at that moment."""
    if not contract.accepts(sale.attributes, sale.grade).holds:
        yield f"contract {sale.contract_id} does not accept this lead"
    price = 0 if sale.test else contract.price(sale.attributes, sale.grade)[0]
    if sale.price_minor != price:
        yield f"for {sale.price_minor} instead of {price}"


def _hours(sale: LeadSold, buyer: Buyer) -> Iterator[str]:
    if buyer.always_open:
        return
    there = datetime.fromtimestamp(sale.sold_at / 1000, UTC).astimezone(ZoneInfo(buyer.time_zone))
    minute = there.hour * 60 + there.minute
    if not any(h.weekday == there.weekday() and h.start_minute <= minute < h.end_minute for h in buyer.hours):
        yield f"outside of its hours, at {there:%a %H:%M}"


def _windows(sale: LeadSold, books: Books) -> Iterator[str]:
    """Rule 8, and the window is that of the sale's time, but for clocks that went back."""
    for window, longest_ms in _LONGEST_MS.items():
        start_at = start_of(sale.windows, window)
        before = books.current.get(window, start_at)
        if start_at < before:
            yield f"its {window} starts at {start_at}, {before - start_at} ms before that of a former sale"
        books.current[window] = max(before, start_at)
        if not start_at - BACK_MOST_MS <= sale.sold_at < start_at + longest_ms:
            yield f"at {sale.sold_at} in the {window} that starts at {start_at}"


def _caps(sale: LeadSold, buyer: Buyer, books: Books) -> Iterator[str]:
    """Rule 6, for every cap that is in force, and what the sale says of it."""
    said = {(use.scope, use.measure, use.window): use for use in sale.caps}
    contract = next(contract for contract in buyer.contracts if contract.id == sale.contract_id)
    for scope, holder, caps in (
        ("buyer", f"buyer/{buyer.id}", buyer.caps),
        ("contract", f"contract/{contract.id}", contract.caps),
    ):
        for cap in caps:
            used = books.of(holder, cap.window, start_of(sale.windows, cap.window))[cap.measure != "leads"]
            yield from _cap(sale, scope, cap, used, said.pop((scope, cap.measure, cap.window), None))
    if said:
        yield f"names caps that are not in force: {sorted(said)}"


def _cap(sale: LeadSold, scope: str, cap: CapSetting, used: int, said: CapUse | None) -> Iterator[str]:
    after = used + (1 if cap.measure == "leads" else sale.price_minor)
    name = f"{scope}'s {cap.measure} a {cap.window}"
    if after > cap.limit:
        yield f"the {name} is at {after} of {cap.limit}"
    if said is None or (said.before, said.after, said.limit) != (used, after, cap.limit):
        yield f"the {name} is {used} -> {after} of {cap.limit}, and it says {said}"
