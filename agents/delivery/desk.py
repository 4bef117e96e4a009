"""What an owner keeps at hand for one partition, beside its tables and derived from them: timers and what was said.

Losing it costs nothing: it is made anew from the tables, and the standing of every contract is announced again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from agents.delivery.announce import news_of
from schemas.records import BuyerState, BuyerStatus, Counters
from streams.stage import Table
from tables.buyers import BuyerRules, rules_of
from tables.caps import align, buyer_key, contract_key, fill, roll
from tables.status import Standing, announcement, next_change, standing_of

#: Tells the routers how a contract stands.
Announce = Callable[[BuyerStatus], None]


class CapFill(NamedTuple):
    """How full a cap is: 1 is full. An empty contract stands for the whole buyer."""

    buyer_id: str
    contract_id: str
    measure: str
    window: str
    ratio: float


class _Books(NamedTuple):
    """A buyer's rules and counters as last reviewed; the counters of the whole buyer under ""."""

    rules: BuyerRules
    counters: dict[str, Counters]


class Desk:
    """The buyers of one partition as their owner sees them in memory.

    `expires_at` and `topics_at` are the timers of the whole partition: forgetting old entries, and looking again for
    topics that are missing (None: none is). All times are UTC ms.
    """

    def __init__(self) -> None:
        self._buyers: Table[Any]
        self._caps: Table[Any]
        self._rules: dict[str, BuyerRules] = {}
        self._said: dict[str, dict[str, Standing]] = {}
        self._waiting: dict[str, dict[str, int]] = {}
        self._changes_at: dict[str, int] = {}
        self._books: dict[str, _Books] = {}
        self.expires_at = 0
        self.topics_at: int | None = 0

    def sit_down(self, buyers: Table[Any], caps: Table[Any]) -> None:
        """Work with these tables from now on: those of the epoch that is open."""
        self._buyers = buyers
        self._caps = caps

    def due_at(self) -> int:
        """Return when the earliest timer of this partition is due."""
        dues = [self.expires_at, *self._changes_at.values()]
        return min(dues) if self.topics_at is None else min(self.topics_at, *dues)

    def buyer_ids(self) -> list[str]:
        """Return the buyers whose terms were received, retired ones included."""
        return list(self._buyers.keys())

    def rules(self, buyer_id: str) -> BuyerRules | None:
        """Return the buyer ready to decide with, or None when its terms were never received."""
        state: BuyerState | None = self._buyers.get(buyer_id)
        if state is None:
            return None
        rules = self._rules.get(buyer_id)
        if rules is None or rules.state is not state:
            rules = self._rules[buyer_id] = rules_of(state)
        return rules

    def replace(self, buyer_id: str, state: BuyerState) -> None:
        """Write a buyer's new state."""
        self._buyers.put(buyer_id, state)

    def changing(self, now_ms: int) -> list[str]:
        """Return the buyers of whom something may change by time at this instant."""
        return [buyer_id for buyer_id, at in self._changes_at.items() if at <= now_ms]

    def cap_fill(self, now_ms: int) -> Iterator[CapFill]:
        """Yield how full the caps of all buyers are. May be called from any thread: what it reads is never changed.

        Who is retired has no caps.
        """
        for buyer_id, (rules, counters) in list(self._books.items()):
            caps = {"": rules.caps, **{key: one.caps for key, one in rules.contracts.items()}}
            for contract_id, of_contract in caps.items():
                for cap, ratio in fill(of_contract, counters[contract_id], now_ms):
                    yield CapFill(buyer_id, contract_id, cap.measure, cap.window, ratio)

    def review(self, buyer_ids: Iterable[str], announce: Announce, now_ms: int, *, at_once: bool = False) -> None:
        """Compare what these buyers' contracts can do with what was said, and announce what is due."""
        for buyer_id in buyer_ids:
            rules = self.rules(buyer_id)
            if rules is not None:
                self._review(buyer_id, rules, announce, now_ms, at_once)

    def _review(self, buyer_id: str, rules: BuyerRules, announce: Announce, now_ms: int, at_once: bool) -> None:
        said = self._said.setdefault(buyer_id, {})
        standings = self._standings(buyer_id, rules, said, now_ms)
        news = news_of(standings, said, self._waiting.get(buyer_id, {}), at_once=at_once, now_ms=now_ms)
        for contract_id, standing in news.now.items():
            announce(announcement(buyer_id, contract_id, standing, now_ms))
        said.update(news.now)
        self._waiting[buyer_id] = news.waiting
        self._changes_at[buyer_id] = min([next_change(rules, standings, now_ms), *news.waiting.values()])

    def _standings(self, buyer_id: str, rules: BuyerRules, said: Iterable[str], now_ms: int) -> dict[str, Standing]:
        """Return the standing of each contract, those that were announced once and are gone from the terms included."""
        moment = rules.calendar.at(now_ms)
        of_buyer = roll(self._caps.get(buyer_key(buyer_id)), moment, now_ms)
        contract_ids = dict.fromkeys([*rules.contracts, *said])
        counters = {key: align(self._caps.get(contract_key(key)), of_buyer) for key in contract_ids}
        self._books[buyer_id] = _Books(rules, {"": of_buyer, **counters})
        return {key: standing_of(rules, key, counters[key], of_buyer, now_ms) for key in contract_ids}
