"""An owner's memory of a buyer: its terms as received, its pauses, and whether its topic is there (rule 13)."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from schemas.reasons import Reason
from schemas.records import BuyerCommand, BuyerState, BuyerTerms, Cap, ContractTerms
from tables.caps import in_order
from tables.hours import Schedule, schedule_of
from tables.windows import Calendar, calendar_of

PAUSE: Final = "pause"
RESUME: Final = "resume"

#: The key of a pause of the whole buyer in `BuyerState.pauses`.
WHOLE_BUYER: Final = ""


class ContractRules(NamedTuple):
    """A contract's terms with its caps in the order in which they are checked."""

    terms: ContractTerms
    caps: tuple[Cap, ...]


class BuyerRules(NamedTuple):
    """A buyer's state made ready to decide with; derived from `state` alone, made anew when that is replaced."""

    state: BuyerState
    contracts: dict[str, ContractRules]
    caps: tuple[Cap, ...]
    calendar: Calendar
    schedule: Schedule


class Paused(NamedTuple):
    """A pause in force: what is paused and until when (-1: until resumed)."""

    reason: Reason
    until: int


def with_terms(state: BuyerState | None, terms: BuyerTerms) -> BuyerState | None:
    """Return the state under these terms, or None when they are older than those in force and must be ignored.

    Pauses stay as they are: a plan does not resume what a person paused.
    """
    if state is None:
        return BuyerState(terms, {}, False)
    if terms.plan_version < state.terms.plan_version:
        return None
    return replace(state, terms=terms)


def with_command(state: BuyerState, command: BuyerCommand) -> BuyerState:
    """Return the state after a pause or resume.

    Raises ValueError for an action that is neither.
    """
    pauses = {key: until for key, until in state.pauses.items() if key != command.contract_id}
    if command.action == PAUSE:
        pauses[command.contract_id] = command.until
    elif command.action != RESUME:
        raise ValueError(f"a buyer command says {command.action!r}; known are {PAUSE} and {RESUME}")
    return replace(state, pauses=pauses)


def without_ended_pauses(state: BuyerState, now_ms: int) -> BuyerState:
    """Return the state without pauses that are over; the same object when there are none."""
    lasting = {key: until for key, until in state.pauses.items() if not 0 <= until <= now_ms}
    return state if len(lasting) == len(state.pauses) else replace(state, pauses=lasting)


def pause_of(state: BuyerState, contract_id: str, now_ms: int) -> Paused | None:
    """Return the pause that stops this contract now, the buyer's before the contract's own, or None."""
    for key, reason in ((WHOLE_BUYER, Reason.BUYER_PAUSED), (contract_id, Reason.CONTRACT_PAUSED)):
        until = state.pauses.get(key)
        if until is not None and (until < 0 or now_ms < until):
            return Paused(reason, until)
    return None


def rules_of(state: BuyerState) -> BuyerRules:
    """Return the state made ready to decide with."""
    terms = state.terms
    return BuyerRules(
        state,
        {contract.contract_id: ContractRules(contract, in_order(contract.caps)) for contract in terms.contracts},
        in_order(terms.caps),
        calendar_of(terms.time_zone, terms.week_starts),
        schedule_of(terms.time_zone, terms.always_open, terms.hours),
    )
