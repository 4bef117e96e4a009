"""What buyers had asked for, read from a published plan's JSON by its names alone, and a judge's calendar."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.records import LeadSold

HOUR_MS = 3_600_000
#: How far a clock may have jumped back; a worker whose clock is further off has stopped by itself.
JUMP_MS = 60_000


class Limit(NamedTuple):
    """At most `limit` leads, or minor units of spend, in a window (hour, day, week, month, total)."""

    measure: str
    window: str
    limit: int


@dataclass(frozen=True, slots=True)
class Terms:
    """One buyer in one version: limits over all contracts (under "") and of each contract, by contract id.

    `lowest` maps a contract, and "", to the least price that it can pay: a budget with less left is full.
    """

    time_zone: str
    week_starts: int
    limits: dict[str, tuple[Limit, ...]]
    lowest: dict[str, int]
    name: str


def terms_of(plan_json: str) -> dict[str, Terms]:
    """Return every buyer's terms in a plan."""
    plan = json.loads(plan_json)
    return {buyer["id"]: _terms(buyer, plan.get("week_starts", 0)) for buyer in plan["buyers"]}


def _terms(buyer: dict[str, Any], week_starts: int) -> Terms:
    limits = {"": _limits(buyer)} | {contract["id"]: _limits(contract) for contract in buyer["contracts"]}
    lowest = {contract["id"]: min(price["minor"] for price in contract["price"]) for contract in buyer["contracts"]}
    lowest[""] = min(lowest.values(), default=0)
    return Terms(buyer["time_zone"], week_starts, limits, lowest, buyer.get("name", buyer["id"]))


def _limits(holder: dict[str, Any]) -> tuple[Limit, ...]:
    """Read caps as plans write them: [measure, window, limit]."""
    return tuple(Limit(*cap) for cap in holder.get("caps", ()))


def window_of(sale: LeadSold, window: str) -> int:
    """Return the start of the window that the sale says it is counted in."""
    return 0 if window == "total" else int(getattr(sale.windows, f"{window}_at"))


def misplaced(sale: LeadSold, week_starts: int) -> str | None:
    """Return which window of a sale is not the one of its time and zone, None when all are.

    An owner's windows never go back, so a clock that jumped back a little may leave a sale in the window that had
    begun: a sale within `JUMP_MS` before a window's start is let pass.
    """
    zone = ZoneInfo(sale.time_zone)
    starts = sale.windows
    first = min(starts.hour_at, sale.sold_at)
    if not first - JUMP_MS <= sale.sold_at < starts.hour_at + HOUR_MS:
        return "hour"
    at = max(sale.sold_at, starts.hour_at)
    day, today = _day(starts.day_at, zone), _day(at, zone)
    week, month = _day(starts.week_at, zone), _day(starts.month_at, zone)
    if day != today or _day(starts.day_at - 1, zone) == today:
        return "day"
    if week.weekday() != week_starts or not 0 <= (today.toordinal() - week.toordinal()) < 7:
        return "week"
    if month.day != 1 or (month.year, month.month) != (today.year, today.month):
        return "month"
    return None


def _day(at_ms: int, zone: ZoneInfo) -> Any:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()
