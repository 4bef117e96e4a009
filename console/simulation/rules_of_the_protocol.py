"""The rules of a sale right and of claims, each with a way to switch it off."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agents.dedup import memory_store, sentinel
from agents.dedup.claims import Claims
from agents.dedup.keys import PlanClaims
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.delivery import desk, owner
from agents.delivery import turn as delivery_turn
from agents.delivery.owner import Refusal, Sale
from agents.routing import turn as routing_turn
from agents.routing.stage import Routing
from agents.scoring.stage import ScoringStage
from console.simulation.claim_server import ClaimServer
from console.simulation.switching_off import Switches
from schemas.reasons import Reason
from schemas.records import Cap, Count, Counters
from schemas.topics import UNIQUE
from streams.stage import TopicPartition
from tables.caps import LEADS, Account, align
from tables.windows import FOREVER_MS


def routed_guard(switches: Switches) -> None:
    """Rule 2: a lead that was routed is routed again. It comes twice only when claims are lost unseen as well."""
    last_look(switches)

    class Forgetful:
        def __init__(self, table: Any) -> None:
            self.put = table.put

        def get(self, _: str) -> None:
            return None

    init: Any = routing_turn.Turn.__init__

    def forgetting(self: Any, *args: Any) -> None:
        init(self, *args)
        self._routed = Forgetful(self._routed)

    switches.set(routing_turn.Turn, "__init__", forgetting)


def all_rights(switches: Switches) -> None:
    """Rule 2: rights for which there is no candidate are not ended."""
    switches.set(routing_turn.Turn, "_unfilled", lambda *_: None)


def token_kept(switches: Switches) -> None:
    """Rule 3: a right that is refused is not always sent on."""
    onward = delivery_turn.Turn._onward

    def dropping(self: Any, head: Any, head_bytes: bytes, position: int | None, *rest: Any) -> None:
        if position is None:
            onward(self, head, head_bytes, position, *rest)

    switches.set(delivery_turn.Turn, "_onward", dropping)


def have_check(switches: Switches) -> None:
    """Rule 5: a buyer that has the lead may buy it again."""
    switches.set(owner, "has_lead", lambda entry: False)


def at_the_cap(switches: Switches) -> None:
    """Rule 6: a cap refuses when it is used exactly, and not when it was lowered below that."""

    def exactly(self: Account, caps: tuple[Cap, ...], price_minor: int) -> Cap | None:
        full = (
            cap
            for cap in caps
            if (self.used(cap) == cap.limit if cap.measure == LEADS else self.used(cap) + price_minor > cap.limit)
        )
        return next(full, None)

    switches.set(Account, "first_full", exactly)


def spend_with_price(switches: Switches) -> None:
    """Rule 6: a budget refuses only when it is spent, whatever the next lead costs."""

    def spent(self: Account, caps: tuple[Cap, ...], price_minor: int) -> Cap | None:
        return next((cap for cap in caps if self.used(cap) >= cap.limit), None)

    switches.set(Account, "first_full", spent)


def windows_stay(switches: Switches) -> None:
    """Rule 8: a clock that goes back over a window's end opens the old window again, empty."""

    def following(counters: Counters | None, moment: Any, now_ms: int) -> Counters:
        starts, ends = moment
        never = Count(-1, -1, 0, 0)
        before = counters or Counters(never, never, never, never, Count(0, FOREVER_MS, 0, 0))

        def window(old: Count, start_at: int, end_at: int) -> Count:
            return old if old.start_at == start_at else Count(start_at, end_at, 0, 0)

        return Counters(
            window(before.hour, starts.hour_at, ends.hour_at),
            window(before.day, starts.day_at, ends.day_at),
            window(before.week, starts.week_at, ends.week_at),
            window(before.month, starts.month_at, ends.month_at),
            before.total,
        )

    switches.set(delivery_turn, "roll", following)
    switches.set(desk, "roll", following)


def windows_together(switches: Switches) -> None:
    """A contract's windows are not those of its buyer: what it sold yesterday still counts."""

    def apart(counters: Counters | None, of_buyer: Counters) -> Counters:
        return align(None, of_buyer) if counters is None else counters

    switches.set(delivery_turn, "align", apart)
    switches.set(desk, "align", apart)


def retired_stays(switches: Switches) -> None:
    """Rule 13: a contract that was retired goes on buying what is on its way."""
    decide = owner.decide

    def lively(rules: Any, books: Any, candidate: Any, **rest: Any) -> Sale | Refusal:
        if rules is not None:
            contracts = {
                key: one._replace(
                    terms=replace(
                        one.terms, retired=False, terms=candidate.terms if one.terms.retired else one.terms.terms
                    )
                )
                for key, one in rules.contracts.items()
            }
            terms = replace(rules.state.terms, retired=False)
            rules = rules._replace(contracts=contracts, state=replace(rules.state, terms=terms))
        return decide(rules, books, candidate, **rest)

    switches.set(delivery_turn, "decide", lively)


def terms_hash(switches: Switches) -> None:
    """Rule 14: an owner sells at the price by which the lead was ranked, whatever its terms are now."""
    decide = owner.decide

    def trusting(rules: Any, books: Any, candidate: Any, **rest: Any) -> Sale | Refusal:
        contract = rules.contracts.get(candidate.contract_id) if rules is not None else None
        if contract is not None:
            candidate = replace(candidate, terms=contract.terms.terms)
        return decide(rules, books, candidate, **rest)

    switches.set(delivery_turn, "decide", trusting)


def freshness(switches: Switches) -> None:
    """Rule 15: an owner does not ask how old a lead is."""
    decide = owner.decide

    def patient(rules: Any, books: Any, candidate: Any, **rest: Any) -> Sale | Refusal:
        return decide(rules, books, candidate, **{**rest, "sell_by": rest["now_ms"] + 1})

    switches.set(delivery_turn, "decide", patient)


def opening_hours(switches: Switches) -> None:
    """A buyer buys outside of its hours."""
    closed: Any = owner._closed

    def awake(*args: Any) -> Refusal | None:
        refusal = closed(*args)
        return None if refusal is not None and refusal.reason == Reason.BUYER_CLOSED_HOURS else refusal

    switches.set(owner, "_closed", awake)


def tests_apart(switches: Switches) -> None:
    """A test lead costs and counts like any other."""
    by_caps: Any = owner._by_caps
    switches.set(owner, "_by_caps", lambda *args: by_caps(*args[:-1], False))


def plan_not_behind(switches: Switches) -> None:
    """A worker that lacks the plan by which a lead was taken in goes on: scoring scores, the router drops the lead."""

    def any_version(self: Any, batches: Any) -> None:
        for batch in batches:
            self._opened[batch.partition] = {message.offset: self._open(message) for message in batch.messages}

    switches.set(ScoringStage, "prepare", any_version)
    switches.set(Routing, "confirm", lambda self: None)


# --- claims -------------------------------------------------------------------------------------------------------


def last_look(switches: Switches) -> None:
    """Before it commits, a worker does not ask again whether the claims still stand."""
    switches.set(Claims, "confirm", lambda self, seal: None)


def claim_coordinates(switches: Switches) -> None:
    """A record does not know its own claims again."""
    switches.set(memory_store, "_coordinates", lambda value: object())


def generation_first(switches: Switches) -> None:
    """A rebuild notes the end of the log before it has set a new generation."""
    rebuild = Rebuilder._rebuild

    def early(self: Any, need: Any, owner_id: str) -> None:
        log, bounds = self._log, self._log.bounds()
        seen = self._store.look  # a step of its own, in which others may work on

        class Noted:
            read = staticmethod(log.read)

            @staticmethod
            def bounds() -> Any:
                return bounds

        seen()
        self._log = Noted()
        try:
            rebuild(self, need, owner_id)
        finally:
            self._log = log

    switches.set(Rebuilder, "_rebuild", early)


def all_partitions(switches: Switches) -> None:
    """A rebuild reads one partition of the log only."""
    bounds = ClientLog.bounds
    switches.set(ClientLog, "bounds", lambda self: dict(list(bounds(self).items())[:1]))


def uncommitted_leads(switches: Switches) -> None:
    """A rebuild reads what is committed, and does not wait for what is being committed."""
    bounds = ClientLog.bounds

    def stable(self: Any) -> Any:
        broker = self._client()._broker
        return {
            partition: (start, min(end, broker.log(TopicPartition(UNIQUE, partition)).last_stable))
            for partition, (start, end) in bounds(self).items()
        }

    switches.set(ClientLog, "bounds", stable)


def servers_run(switches: Switches) -> None:
    """A replica that takes over is taken for the server that was there before."""
    switches.set(ClaimServer, "restart", lambda self: None)


def widening(switches: Switches) -> None:
    """A plan that looks at more than before uses the claims as they are."""
    switches.set(sentinel, "covers", lambda held, wanted: True)


def judged_by(switches: Switches) -> None:
    """A rebuild goes by what the plan in force looks at, whatever a lead was judged by."""
    rule_since = PlanClaims.rule_since
    switches.set(
        PlanClaims, "rule_since", lambda self, campaign_id, _: rule_since(self, campaign_id, self.plan_version)
    )
