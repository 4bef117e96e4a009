"""Counts every sale anew, in every window of its buyer and its contract, and holds the caps against the counts.

A buyer's owner sells on one plan version after the other, never back. So after the sales of a version, all that were
made on it and on earlier ones must be within its caps: no order of records is needed, and none is trusted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from console.audit.calendar import KINDS, Starts
from console.audit.findings import Place
from console.audit.plans import Limit, PlanRead
from schemas.records import CapUse, LeadSold

_HOUR_MS = 3_600_000
#: How long a window can be, with the hour that comes twice.
_LONGEST_MS = {"hour": 2 * _HOUR_MS, "day": 26 * _HOUR_MS, "week": 170 * _HOUR_MS, "month": 746 * _HOUR_MS}


class Fill(NamedTuple):
    """How far a cap was used in one window; `contract_id` "" is the buyer's own cap."""

    buyer_id: str
    contract_id: str
    limit: Limit
    window_start_at: int
    used: int
    full: bool


class Over(NamedTuple):
    """A cap that a sale has passed."""

    holder: str
    limit: Limit
    used: int


class Gap(NamedTuple):
    """A count that sales have written down and that is not the count of the sales."""

    at: Place
    holder: str
    expected: str
    found: str


class Tally:
    """The sales of one holder (buyer or contract) in one window, by the plan version that they were made on."""

    __slots__ = ("by_version", "limits", "taken", "written")

    def __init__(self) -> None:
        self.by_version: dict[int, list[int]] = {}
        #: The caps of the versions that were sold on, by (measure, version).
        self.limits: dict[tuple[str, int], Limit] = {}
        #: Stretches [before, after) that sales have written down, by measure, joined, in order.
        self.taken: dict[str, list[tuple[int, int]]] = {}
        #: Lowest `before` and highest `after` of a version, by (measure, version), and where they stand.
        self.written: dict[tuple[str, int], tuple[int, int, Place]] = {}

    def sums(self, version: int) -> list[int]:
        """Return the sales and minor units of a version, to be counted on."""
        return self.by_version.setdefault(version, [0, 0])

    def used(self, measure: str, version: int | None = None) -> int:
        """Return what was used up to a version, or in all."""
        place = 0 if measure == "leads" else 1
        if version is None or len(self.by_version) == 1:
            return sum(sums[place] for sums in self.by_version.values())
        return sum(sums[place] for number, sums in self.by_version.items() if number <= version)

    def passed(self, version: int) -> Iterator[tuple[Limit, int]]:
        """Yield the caps of a version and later ones that the sales up to them have passed, with what was used."""
        for (measure, number), limit in self.limits.items():
            if number >= version:
                used = self.used(measure, number)
                if used > limit.limit:
                    yield limit, used

    def write(self, use: CapUse, version: int, at: Place) -> bool:
        """Note what a sale has written down; False when another sale has written down a part of it."""
        key = (use.measure, version)
        low, high, _ = self.written.get(key, (use.before, use.after, at))
        self.written[key] = (min(low, use.before), max(high, use.after), at)
        if use.after <= use.before:
            return True
        return _join(self.taken.setdefault(use.measure, []), use.before, use.after)

    def gaps(self) -> Iterator[tuple[Place, str, str]]:
        """Yield what was written down and cannot be: all sales of the window are known now."""
        for (measure, version), (low, high, at) in self.written.items():
            before, after = (
                self.used(measure, version - 1) if len(self.by_version) > 1 else 0,
                self.used(measure, version),
            )
            if version not in self.by_version or low < before or high > after:
                yield at, f"{measure} counted from {before} to {after} on plan {version}", f"from {low} to {high}"


def _join(taken: list[tuple[int, int]], start: int, end: int) -> bool:
    """Put a stretch among the others; False when it overlaps one (and it is left out)."""
    at = bisect_left(taken, (start, end))
    if (at > 0 and taken[at - 1][1] > start) or (at < len(taken) and taken[at][0] < end):
        return False
    if at < len(taken) and taken[at][0] == end:
        end = taken.pop(at)[1]
    if at > 0 and taken[at - 1][1] == start:
        taken[at - 1] = (taken[at - 1][0], end)
    else:
        taken.insert(at, (start, end))
    return True


class _Current(NamedTuple):
    """Where a holder's sales of one version and the same windows count: their sums, and the tallies that have caps."""

    named: tuple[object, ...]
    sums: list[list[int]]
    capped: list[Tally]


class Counts:
    """All tallies that are open. Holders are `buyer/ID` and `contract/ID`."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, int], Tally] = {}
        self._current: dict[str, _Current] = {}

    def __len__(self) -> int:
        return len(self._tallies)

    def count(self, fact: LeadSold, plan: PlanRead | None) -> list[Over]:
        """Count a sale in the windows that it names; return the caps of its plan version that are passed with it."""
        buyer = plan.buyers.get(fact.buyer_id) if plan else None
        contract = buyer.contracts.get(fact.contract_id) if buyer else None
        version, price_minor = fact.buyer_plan_version, fact.price_minor
        over: list[Over] = []
        for holder, caps in (
            (f"contract/{fact.contract_id}", contract.caps if contract else ()),
            (f"buyer/{fact.buyer_id}", buyer.caps if buyer else ()),
        ):
            current = self._current_of(holder, caps, fact)
            for sums in current.sums:
                sums[0] += 1
                sums[1] += price_minor
            for tally in current.capped:
                over += [Over(holder, *passed) for passed in tally.passed(version)]
        return over

    def _current_of(self, holder: str, caps: Sequence[Limit], fact: LeadSold) -> _Current:
        """Return where a sale counts for a holder with these caps; mostly where the sale before did.

        Only here does a tally come to caps, and what differs takes the place of this: `capped` stays true.
        """
        starts, version = _starts(fact), fact.buyer_plan_version
        named = (*starts, version, caps)
        current = self._current.get(holder)
        if current is None or current.named != named:
            tallies = {kind: self._tally(holder, kind, start) for kind, start in zip(KINDS, (*starts, 0), strict=True)}
            for limit in caps:
                tallies[limit.window].limits[limit.measure, version] = limit
            each = tallies.values()
            sums = [tally.sums(version) for tally in each]
            current = self._current[holder] = _Current(named, sums, [tally for tally in each if tally.limits])
        return current

    def write(self, fact: LeadSold, at: Place) -> Iterator[CapUse]:
        """Note the uses that a sale has written down; yield those that another sale has taken before."""
        for use in fact.caps:
            holder = f"buyer/{fact.buyer_id}" if use.scope == "buyer" else f"contract/{fact.contract_id}"
            if not self._tally(holder, use.window, use.window_start_at).write(use, fact.buyer_plan_version, at):
                yield use

    def gaps(self, since_ms: int) -> Iterator[Gap]:
        """Yield false counts of the windows that began at or after a time; all of their sales must be known."""
        for key in self._tallies:
            if key[2] >= since_ms:
                yield from self._gaps_of(key)

    def close(self, before_ms: int, since_ms: int) -> Iterator[Gap]:
        """Forget the windows that were over before a time, yielding false counts as `gaps`; totals stay."""
        for key in [key for key in self._tallies if key[1] != "total" and key[2] + _LONGEST_MS[key[1]] < before_ms]:
            if key[2] >= since_ms:
                yield from self._gaps_of(key)
            del self._tallies[key]
            self._current.pop(key[0], None)

    def _gaps_of(self, key: tuple[str, str, int]) -> Iterator[Gap]:
        holder, kind, start = key
        for at, expected, found in self._tallies[key].gaps():
            yield Gap(at, f"{holder} in the {kind} of {start}", expected, found)

    def fills(self, plan: PlanRead) -> Iterator[Fill]:
        """Yield how full each cap of a plan is in every window with a sale, by buyer, contract and window."""
        starts: dict[tuple[str, str], list[int]] = {}
        for holder, kind, start in self._tallies:
            starts.setdefault((holder, kind), []).append(start)
        for buyer in plan.buyers.values():
            holders = [("", f"buyer/{buyer.id}", buyer.caps, buyer.lowest_minor)]
            holders += [(c.id, f"contract/{c.id}", c.caps, c.lowest_minor) for c in buyer.contracts.values()]
            for contract_id, holder, caps, lowest in holders:
                for limit in caps:
                    for start in sorted(starts.get((holder, limit.window), ())):
                        used = self._tallies[holder, limit.window, start].used(limit.measure)
                        yield Fill(buyer.id, contract_id, limit, start, used, _full(limit, used, lowest))

    def _tally(self, holder: str, kind: str, start: int) -> Tally:
        key = (holder, kind, start)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally()
        return found


def _starts(fact: LeadSold) -> tuple[int, int, int, int]:
    windows = fact.windows
    return windows.hour_at, windows.day_at, windows.week_at, windows.month_at


def _full(limit: Limit, used: int, lowest: int) -> bool:
    room = limit.limit - used
    return room == 0 or (limit.measure == "spend" and 0 < room < lowest)


def uses_wanted(fact: LeadSold, plan: PlanRead) -> list[tuple[str, str, str, int, int]]:
    """Return the caps in force that a sale must list: (scope, measure, window, start, limit), in no order."""
    buyer = plan.buyers[fact.buyer_id]
    of_contract, of_buyer = buyer.contracts[fact.contract_id].caps, buyer.caps
    if not of_contract and not of_buyer:
        return []
    starts = dict(zip(KINDS, (*_starts(fact), 0), strict=True))
    held: Sequence[tuple[str, Sequence[Limit]]] = (("contract", of_contract), ("buyer", of_buyer))
    return [(scope, *limit[:2], starts[limit.window], limit.limit) for scope, caps in held for limit in caps]


def named(fact: LeadSold) -> Starts:
    """Return the windows that a sale names."""
    return Starts(*_starts(fact))
