"""An owner remembers a buyer's terms and pauses, and nothing older overwrites what is newer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from schemas.reasons import Reason
from schemas.records import BuyerCommand, BuyerState, BuyerTerms, ContractTerms
from tables import buyers

NOW = 1_780_419_600_000
CONTRACT = ContractTerms("c1", "solar-us", "hash", (), (), False)
TERMS = BuyerTerms("b1", 3, "UTC", 0, True, (), False, (), (CONTRACT,), "USD", False, NOW)


def pause(contract_id: str = "", until: int = -1, action: str = "pause") -> BuyerCommand:
    return BuyerCommand("b1", contract_id, action, until, NOW)


def state(*commands: BuyerCommand) -> BuyerState:
    known = BuyerState(TERMS, {}, False)
    for command in commands:
        known = buyers.with_command(known, command)
    return known


def test_first_terms_make_a_buyer() -> None:
    assert buyers.with_terms(None, TERMS) == BuyerState(TERMS, {}, False)


@pytest.mark.parametrize(("version", "taken"), [(2, False), (3, True), (4, True)])
def test_older_terms_never_overwrite_newer(version: int, taken: bool) -> None:
    newer = replace(TERMS, plan_version=version, tests=True)
    after = buyers.with_terms(state(), newer)
    assert (after is not None and after.terms.tests) is taken


def test_a_plan_does_not_resume_what_a_person_paused() -> None:
    after = buyers.with_terms(state(pause()), replace(TERMS, plan_version=4))
    assert after is not None
    assert buyers.pause_of(after, "c1", NOW) == (Reason.BUYER_PAUSED, -1)


def test_a_pause_of_the_buyer_stands_before_that_of_the_contract() -> None:
    assert buyers.pause_of(state(pause("c1")), "c1", NOW) == (Reason.CONTRACT_PAUSED, -1)
    assert buyers.pause_of(state(pause("c1"), pause()), "c1", NOW) == (Reason.BUYER_PAUSED, -1)
    assert buyers.pause_of(state(pause("c2")), "c1", NOW) is None


def test_a_pause_ends_at_its_until() -> None:
    paused = state(pause(until=NOW + 1))
    assert buyers.pause_of(paused, "c1", NOW) is not None
    assert buyers.pause_of(paused, "c1", NOW + 1) is None
    assert buyers.without_ended_pauses(paused, NOW) is paused
    assert buyers.without_ended_pauses(paused, NOW + 1).pauses == {}


def test_resume_ends_one_pause_and_leaves_the_others() -> None:
    resumed = state(pause(), pause("c1"), pause(action="resume"))
    assert resumed.pauses == {"c1": -1}


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(ValueError, match="says 'halt'; known are pause and resume"):
        state(pause(action="halt"))
