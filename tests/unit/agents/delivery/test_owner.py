"""The owner's decision: each check refuses with its reason, and the order of the checks is fixed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agents.delivery.owner import Books, Refusal, Sale, decide
from schemas.reasons import Reason
from schemas.records import BuyerState, BuyerTerms, Candidate, Cap, ContractTerms, Entry, OpenHours
from tables.buyers import BuyerRules, rules_of
from tables.caps import Account, roll

NOW = 1_780_419_600_000  # Tuesday 2 June 2026, 10:00 Pacific
PACIFIC = "America/Los_Angeles"
CONTRACT = ContractTerms("c1", "solar-us", "hash", (), (), False)
TERMS = BuyerTerms("b1", 1, PACIFIC, 0, True, (), True, (), (CONTRACT,), "USD", False, NOW)
CANDIDATE = Candidate("b1", "c1", 5500, "grade is A: 55.00 USD", "hash")
CLOSED_TODAY = (OpenHours(0, 480, 1200),)


def rules(pauses: dict[str, int] | None = None, missing: bool = False, **terms: Any) -> BuyerRules:
    return rules_of(BuyerState(replace(TERMS, **terms), pauses or {}, missing))


def contract(**changes: Any) -> tuple[ContractTerms, ...]:
    return (replace(CONTRACT, **changes),)


def bought(times: int, price_minor: int = 5500) -> Account:
    account = Account(roll(None, rules().calendar.at(NOW), NOW))
    for _ in range(times):
        account.count(price_minor)
    return account


def entry(state: str, contract_id: str = "c1") -> Books:
    return Books(Entry(state, "sale", contract_id, NOW), bought(0), bought(0))


def ask(known: BuyerRules | None, books: Books | None = None, **changes: Any) -> Sale | Refusal:
    asked: dict[str, Any] = {"test": False, "sell_by": NOW + 1, "now_ms": NOW, **changes}
    return decide(known, books or Books(None, bought(0), bought(0)), asked.pop("candidate", CANDIDATE), **asked)


def reason(known: BuyerRules | None, books: Books | None = None, **changes: Any) -> str:
    verdict = ask(known, books, **changes)
    return verdict.reason if isinstance(verdict, Refusal) else "SOLD"


def test_a_sale_counts_for_contract_and_buyer_and_is_billed_in_its_windows() -> None:
    sale = ask(rules())
    assert isinstance(sale, Sale)
    assert (sale.price_minor, sale.caps) == (5500, ())
    assert sale.counts
    assert sale.windows == rules().calendar.at(NOW).starts


def test_unknown_and_retired_buyers_and_contracts_decline() -> None:
    assert decide(None, None, CANDIDATE, test=False, sell_by=NOW + 1, now_ms=NOW) == Refusal(Reason.BUYER_RETIRED, "")
    assert reason(rules(retired=True)) == "BUYER_RETIRED"
    assert reason(rules(contracts=contract(retired=True))) == "BUYER_RETIRED"
    assert reason(rules(contracts=())) == "BUYER_RETIRED"


@pytest.mark.parametrize(
    ("state", "expected"),
    [(state, "ALREADY_SOLD_TO_BUYER") for state in ("SOLD", "HELD", "UNKNOWN", "PARKED", "RETURNED")]
    + [("REFUSED", "SOLD")],
)
def test_a_buyer_that_has_or_may_have_the_lead_declines_it(state: str, expected: str) -> None:
    assert reason(rules(), entry(state, "other-contract")) == expected


@pytest.mark.parametrize(("sell_by", "expected"), [(NOW, "STALE"), (NOW - 1, "STALE"), (NOW + 1, "SOLD")])
def test_past_its_freshness_a_lead_is_not_sold(sell_by: int, expected: str) -> None:
    assert reason(rules(), sell_by=sell_by) == expected


def test_other_terms_than_the_owners_are_not_sold_on() -> None:
    verdict = ask(rules(contracts=contract(terms="newer")))
    assert verdict == Refusal(Reason.TERMS_CHANGED, "ranked by hash, now newer")


def test_a_test_lead_goes_only_to_who_accepts_tests() -> None:
    assert reason(rules(tests=False), test=True) == "TESTS_NOT_ACCEPTED"
    assert reason(rules(tests=False)) == "SOLD"


def test_a_test_lead_costs_nothing_and_touches_no_cap() -> None:
    full = (Cap("leads", "day", 1),)
    sale = ask(rules(caps=full, contracts=contract(caps=full)), Books(None, bought(1), bought(1)), test=True)
    assert isinstance(sale, Sale)
    assert (sale.price_minor, sale.windows, sale.caps, sale.counts) == (0, rules().calendar.at(NOW).starts, (), False)


def test_pauses_of_buyer_and_contract_with_their_ends() -> None:
    assert ask(rules({"": -1})) == Refusal(Reason.BUYER_PAUSED, "until resumed")
    assert ask(rules({"c1": NOW + 1})) == Refusal(Reason.CONTRACT_PAUSED, f"until {NOW + 1}")
    assert reason(rules({"": NOW})) == "SOLD"
    assert reason(rules({"c2": -1})) == "SOLD"


def test_closed_hours_and_a_missing_topic() -> None:
    assert reason(rules(always_open=False, hours=CLOSED_TODAY)) == "BUYER_CLOSED_HOURS"
    assert reason(rules(missing=True)) == "TOPIC_UNAVAILABLE"


@pytest.mark.parametrize(
    ("of_buyer", "of_contract", "expected"),
    [
        ((Cap("leads", "day", 2),), (), "BUYER_CAP"),
        ((Cap("spend", "day", 16_499),), (), "BUYER_BUDGET"),
        ((), (Cap("leads", "hour", 2),), "CONTRACT_CAP"),
        ((), (Cap("spend", "total", 11_000),), "CONTRACT_BUDGET"),
        ((Cap("leads", "day", 3), Cap("spend", "day", 16_500)), (Cap("leads", "total", 3),), "SOLD"),
        ((Cap("leads", "day", 1),), (Cap("spend", "day", 1),), "CONTRACT_BUDGET"),
    ],
)
def test_caps_of_contract_before_buyer(of_buyer: tuple[Cap, ...], of_contract: tuple[Cap, ...], expected: str) -> None:
    known = rules(caps=of_buyer, contracts=contract(caps=of_contract))
    assert reason(known, Books(None, bought(2), bought(2))) == expected


def test_a_refusal_by_a_cap_says_the_numbers() -> None:
    verdict = ask(rules(caps=(Cap("spend", "day", 12_000),)), Books(None, bought(2), bought(2)))
    assert isinstance(verdict, Refusal)
    assert verdict.detail == "day: 11000 of 12000, price 5500"


def test_caps_in_force_are_shown_before_and_after_and_only_those() -> None:
    known = rules(caps=(Cap("leads", "day", 40),), contracts=contract(caps=(Cap("spend", "month", 900_000),)))
    sale = ask(known, Books(None, bought(3), bought(38)))
    assert isinstance(sale, Sale)
    assert [(use.scope, use.measure, use.window, use.before, use.after, use.limit) for use in sale.caps] == [
        ("contract", "spend", "month", 16_500, 22_000, 900_000),
        ("buyer", "leads", "day", 38, 39, 40),
    ]


def test_the_checks_stand_in_their_order() -> None:
    """From all that can be wrong, one thing after the other is mended: the next reason in order comes to light."""
    full = (Cap("leads", "day", 1),)
    wrong: dict[str, Any] = {
        "retired": True,
        "tests": False,
        "always_open": False,
        "hours": CLOSED_TODAY,
        "caps": full,
        "contracts": contract(terms="newer"),
    }
    pauses, missing, sell_by = {"": -1, "c1": -1}, True, NOW
    books = Books(Entry("SOLD", "sale", "c1", NOW), bought(1), bought(1))
    seen = []
    for mend in range(10):
        seen.append(reason(rules(pauses, missing, **wrong), books, sell_by=sell_by, test=mend <= 4))
        match mend:
            case 0:
                wrong["retired"] = False
            case 1:
                books = Books(None, books.of_contract, books.of_buyer)
            case 2:
                sell_by = NOW + 1
            case 3:
                wrong["contracts"] = contract(caps=full)
            case 5:
                del pauses[""]
            case 6:
                pauses.clear()
            case 7:
                wrong["always_open"] = True
            case 8:
                missing = False
    assert seen == [
        "BUYER_RETIRED",
        "ALREADY_SOLD_TO_BUYER",
        "STALE",
        "TERMS_CHANGED",
        "TESTS_NOT_ACCEPTED",
        "BUYER_PAUSED",
        "CONTRACT_PAUSED",
        "BUYER_CLOSED_HOURS",
        "TOPIC_UNAVAILABLE",
        "CONTRACT_CAP",
    ]
