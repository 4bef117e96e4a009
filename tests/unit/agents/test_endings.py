"""Many reasons summed up in one."""

from __future__ import annotations

import pytest

from agents.endings import reason_of_lead, reason_of_right
from schemas.records import Step


def trace(*reasons: str) -> list[Step]:
    """Return one step a reason, each of a contract of its own; `2:X` is a step of contract 2."""
    steps = []
    for number, reason in enumerate(reasons):
        contract, _, code = reason.rpartition(":")
        steps.append(Step("b", contract or f"c{number}", number, code, ""))
    return steps


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ([], "NO_BUYERS"),
        (["BUYER_CAP"], "ALL_CAPPED"),
        (["BUYER_CAP", "CONTRACT_BUDGET", "CONTRACT_CAP", "BUYER_BUDGET"], "ALL_CAPPED"),
        (["BUYER_CLOSED_HOURS", "TOPIC_UNAVAILABLE"], "ALL_CLOSED"),
        (["BUYER_PAUSED", "CONTRACT_PAUSED"], "ALL_PAUSED"),
        (["BUYER_CAP", "BUYER_PAUSED"], "MIXED"),
        (["TESTS_NOT_ACCEPTED", "TESTS_NOT_ACCEPTED"], "TESTS_NOT_ACCEPTED"),
        (["ALREADY_SOLD_TO_BUYER"], "NO_BUYERS"),
        (["ALREADY_SOLD_TO_BUYER", "BUYER_CAP"], "ALL_CAPPED"),
        (["1:TERMS_CHANGED", "1:BUYER_CAP"], "ALL_CAPPED"),
        (["1:BUYER_PAUSED", "1:BUYER_CAP"], "ALL_CAPPED"),
        (["TERMS_CHANGED"], "NO_BUYERS"),
    ],
)
def test_the_reason_of_a_right(reasons: list[str], expected: str) -> None:
    assert reason_of_right(trace(*reasons)) == expected


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["NO_COVERAGE"], "NO_COVERAGE"),
        (["NO_BUYERS", "ALL_CAPPED"], "ALL_CAPPED"),
        (["NO_BUYERS"], "NO_BUYERS"),
        (["ALL_CLOSED", "ALL_CAPPED"], "MIXED"),
        (["STALE"], "STALE"),
    ],
)
def test_the_reason_of_a_lead(reasons: list[str], expected: str) -> None:
    assert reason_of_lead(reasons) == expected


def test_a_code_of_a_later_release_is_passed_on() -> None:
    assert reason_of_right(trace("WALLET_EMPTY")) == "WALLET_EMPTY"
    assert reason_of_right(trace("WALLET_EMPTY", "BUYER_CAP")) == "MIXED"
    assert reason_of_lead(["WALLET_EMPTY", "NO_BUYERS"]) == "WALLET_EMPTY"
