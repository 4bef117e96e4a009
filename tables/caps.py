"""What a buyer and a contract have bought in their windows, and when a cap refuses (rules 6 and 8).

Everything is counted from the first sale, capped or not, so that a cap set at noon sees the morning. A lowered cap
takes nothing back, it only stops new sales.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.records import Cap, CapUse, Count, Counters, Windows
from tables.windows import FOREVER_MS, KINDS, Moment

LEADS: Final = "leads"
SPEND: Final = "spend"

_ORDER: Final = {
    (measure, kind): rank for rank, (measure, kind) in enumerate((m, k) for m in (LEADS, SPEND) for k in KINDS)
}


def buyer_key(buyer_id: str) -> str:
    """Return the key of a buyer's counters in the table `caps`."""
    return f"buyer/{buyer_id}"


def contract_key(contract_id: str) -> str:
    """Return the key of a contract's counters in the table `caps`."""
    return f"contract/{contract_id}"


def in_order(caps: Iterable[Cap]) -> tuple[Cap, ...]:
    """Return the caps in the order in which they are checked: leads before spend, shortest window first."""
    return tuple(sorted(caps, key=lambda cap: _ORDER[cap.measure, cap.window]))


def roll(counters: Counters | None, moment: Moment, now_ms: int) -> Counters:
    """Return the counters with every window that is over replaced by an empty one; the same object if none is.

    A window that has not ended by its own stored end stays, also when the clock went back or the zone changed.
    """
    if counters is None:
        counters = _NOTHING
    elif (
        now_ms < counters.hour.end_at
        and now_ms < counters.day.end_at
        and now_ms < counters.week.end_at
        and now_ms < counters.month.end_at
    ):
        return counters
    starts, ends = moment
    return Counters(
        _rolled(counters.hour, starts.hour_at, ends.hour_at, now_ms),
        _rolled(counters.day, starts.day_at, ends.day_at, now_ms),
        _rolled(counters.week, starts.week_at, ends.week_at, now_ms),
        _rolled(counters.month, starts.month_at, ends.month_at, now_ms),
        counters.total,
    )


def align(counters: Counters | None, of_buyer: Counters) -> Counters:
    """Return a contract's counters in its buyer's windows: a sale counts for both in the same ones.

    `of_buyer` is rolled. Every sale of a contract counts for its buyer too, so the buyer's windows are never behind;
    where the contract's are, nothing was sold in the buyer's.
    """
    if counters is None:
        counters = _NOTHING
    elif (
        counters.hour.start_at == of_buyer.hour.start_at
        and counters.day.start_at == of_buyer.day.start_at
        and counters.week.start_at == of_buyer.week.start_at
        and counters.month.start_at == of_buyer.month.start_at
    ):
        return counters
    return Counters(
        _aligned(counters.hour, of_buyer.hour),
        _aligned(counters.day, of_buyer.day),
        _aligned(counters.week, of_buyer.week),
        _aligned(counters.month, of_buyer.month),
        counters.total,
    )


def used(counters: Counters, cap: Cap) -> int:
    """Return what is used of a cap, in leads or minor units."""
    window: Count = getattr(counters, cap.window)
    return window.leads if cap.measure == LEADS else window.spend_minor


def fill(caps: Iterable[Cap], counters: Counters, now_ms: int) -> Iterator[tuple[Cap, float]]:
    """Yield each cap with the share of it that is used now: 1 is full, above 1 it was lowered since.

    The counters need not be rolled: of a window that is over nothing is used.
    """
    for cap in caps:
        window: Count = getattr(counters, cap.window)
        yield cap, used(counters, cap) / cap.limit if now_ms < window.end_at else 0.0


class Account:
    """The counters of a buyer or contract during one turn, in which there is one `now` and no window ends.

    `counters` are those that the turn began with, rolled or aligned; what the turn sells is added to every window
    alike, so it is kept as two numbers until `close` writes it down.
    """

    __slots__ = ("_leads", "_spend_minor", "counters", "windows")

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.windows = Windows(
            counters.hour.start_at, counters.day.start_at, counters.week.start_at, counters.month.start_at
        )
        self._leads = 0
        self._spend_minor = 0

    def first_full(self, caps: tuple[Cap, ...], price_minor: int) -> Cap | None:
        """Return the first cap that has no room for a sale at this price, or None; `caps` as by `in_order`.

        Leads: used >= limit (never ==: a cap may have been lowered below what was used). Spend: used + price > limit.
        """
        for cap in caps:
            if cap.measure == LEADS:
                if self.used(cap) >= cap.limit:
                    return cap
            elif self.used(cap) + price_minor > cap.limit:
                return cap
        return None

    def used(self, cap: Cap) -> int:
        """Return what is used of a cap, in leads or minor units."""
        window: Count = getattr(self.counters, cap.window)
        return window.leads + self._leads if cap.measure == LEADS else window.spend_minor + self._spend_minor

    def uses(self, scope: str, caps: tuple[Cap, ...], price_minor: int) -> tuple[CapUse, ...]:
        """Return each cap in force as a sale at this price meets it; to be asked before the sale is counted."""
        return tuple([self._use(scope, cap, price_minor) for cap in caps]) if caps else ()

    def count(self, price_minor: int) -> None:
        """Count a sale in every window."""
        self._leads += 1
        self._spend_minor += price_minor

    @property
    def has_sold(self) -> bool:
        """Whether the turn has counted a sale."""
        return self._leads > 0

    def close(self) -> Counters:
        """Return the counters with the sales of the turn."""
        counters, leads, spend = self.counters, self._leads, self._spend_minor
        return Counters(
            _plus(counters.hour, leads, spend),
            _plus(counters.day, leads, spend),
            _plus(counters.week, leads, spend),
            _plus(counters.month, leads, spend),
            _plus(counters.total, leads, spend),
        )

    def _use(self, scope: str, cap: Cap, price_minor: int) -> CapUse:
        before = self.used(cap)
        after = before + (1 if cap.measure == LEADS else price_minor)
        start_at = getattr(self.counters, cap.window).start_at
        return CapUse(scope, cap.measure, cap.window, start_at, before, after, cap.limit)


def _rolled(old: Count, start_at: int, end_at: int, now_ms: int) -> Count:
    if now_ms < old.end_at:
        return old
    return Count(start_at if start_at > old.start_at else old.end_at, end_at, 0, 0)


def _aligned(old: Count, of_buyer: Count) -> Count:
    return old if old.start_at == of_buyer.start_at else Count(of_buyer.start_at, of_buyer.end_at, 0, 0)


def _plus(window: Count, leads: int, spend_minor: int) -> Count:
    return Count(window.start_at, window.end_at, window.leads + leads, window.spend_minor + spend_minor)


_NEVER = Count(-1, -1, 0, 0)
_NOTHING = Counters(_NEVER, _NEVER, _NEVER, _NEVER, Count(0, FOREVER_MS, 0, 0))
