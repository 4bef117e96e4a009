"""Whether a contract can buy now, and until when it cannot: what its owner announces to the routers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.reasons import Reason
from schemas.records import BuyerStatus, Cap, Count, Counters
from tables.buyers import BuyerRules, ContractRules, pause_of
from tables.caps import LEADS, used
from tables.windows import FOREVER_MS


class Standing(NamedTuple):
    """Open (reason "", closed_until -1), or closed with the first reason and until when (-1: not known)."""

    open: bool
    reason: str
    closed_until: int


OPEN = Standing(True, "", -1)


def standing_of(
    rules: BuyerRules, contract_id: str, of_contract: Counters, of_buyer: Counters, now_ms: int
) -> Standing:
    """Return a contract's standing: the first of retired, paused, hours, topic, caps that closes it.

    The counters are rolled to `now_ms`. `closed_until` is when that reason ends; another may then hold, and the owner
    says so when it comes.
    """
    contract = rules.contracts.get(contract_id)
    if contract is None or contract.terms.retired or rules.state.terms.retired:
        return Standing(False, Reason.BUYER_RETIRED, -1)
    paused = pause_of(rules.state, contract_id, now_ms)
    if paused is not None:
        return Standing(False, paused.reason, paused.until)
    shift = rules.schedule.at(now_ms)
    if not shift.open:
        return Standing(False, Reason.BUYER_CLOSED_HOURS, _known(shift.until_ms))
    if rules.state.topic_missing:
        return Standing(False, Reason.TOPIC_UNAVAILABLE, -1)
    return _by_caps(rules, contract, of_contract, of_buyer)


def next_change(rules: BuyerRules, standings: dict[str, Standing], now_ms: int) -> int:
    """Return when a standing of this buyer may change by time alone: hours, ends of pauses and of full windows.

    A pause that ends while another reason closes the contract changes nothing.
    """
    candidates = [rules.schedule.at(now_ms).until_ms]
    candidates += [standing.closed_until for standing in standings.values() if standing.closed_until > now_ms]
    return min(candidates)


def announcement(buyer_id: str, contract_id: str, standing: Standing, now_ms: int) -> BuyerStatus:
    """Return a standing as it is announced."""
    return BuyerStatus(contract_id, buyer_id, standing.open, standing.reason, standing.closed_until, now_ms)


def cap_reason(scope: str, measure: str) -> Reason:
    """Return the reason code of a full cap of a "buyer" or "contract"."""
    if scope == "buyer":
        return Reason.BUYER_CAP if measure == LEADS else Reason.BUYER_BUDGET
    return Reason.CONTRACT_CAP if measure == LEADS else Reason.CONTRACT_BUDGET


def _by_caps(rules: BuyerRules, contract: ContractRules, of_contract: Counters, of_buyer: Counters) -> Standing:
    """Closed until the last of the full windows ends: while one is full the others cannot help."""
    lowest = contract.terms.lowest_price_minor
    full = [
        (scope, cap, window.end_at)
        for scope, caps, counters in (("contract", contract.caps, of_contract), ("buyer", rules.caps, of_buyer))
        for cap, window in _full(caps, counters, lowest)
    ]
    if not full:
        return OPEN
    scope, cap, _ = full[0]
    return Standing(False, cap_reason(scope, cap.measure), _known(max(end_at for _, _, end_at in full)))


def _full(caps: tuple[Cap, ...], counters: Counters, lowest_price_minor: int) -> Iterator[tuple[Cap, Count]]:
    for cap in caps:
        spent = used(counters, cap)
        if spent >= cap.limit or (cap.measure != LEADS and spent + lowest_price_minor > cap.limit):
            yield cap, getattr(counters, cap.window)


def _known(until_ms: int) -> int:
    return -1 if until_ms >= FOREVER_MS else until_ms
