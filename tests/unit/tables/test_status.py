"""A contract's standing: the first reason that closes it, and until when."""

from __future__ import annotations

from msgspec.structs import replace

from schemas.records import BuyerState, BuyerTerms, Cap, ContractTerms, Counters, OpenHours
from tables.buyers import BuyerRules, rules_of
from tables.caps import Account, roll
from tables.status import OPEN, Standing, announcement, next_change, standing_of

NOW = 1_780_419_600_000  # Tuesday 2 June 2026, 17:00 UTC
HOUR = 3_600_000
CONTRACT = ContractTerms("c1", "solar-us", "hash", (), (), False, 3_000)
TERMS = BuyerTerms("b1", 1, "UTC", 0, True, (), False, (), (CONTRACT,), "USD", False, NOW)
DAY_END = NOW + 7 * HOUR


def rules(terms: BuyerTerms = TERMS, pauses: dict[str, int] | None = None, missing: bool = False) -> BuyerRules:
    return rules_of(BuyerState(terms, pauses or {}, missing))


def counters(of: BuyerRules, sales: int = 0, price_minor: int = 3_000) -> Counters:
    account = Account(roll(None, of.calendar.at(NOW), NOW))
    for _ in range(sales):
        account.count(price_minor)
    return account.close()


def standing(of: BuyerRules, sales: int = 0) -> Standing:
    return standing_of(of, "c1", counters(of, sales), counters(of, sales), NOW)


def with_caps(*caps: Cap, of_contract: tuple[Cap, ...] = ()) -> BuyerTerms:
    return replace(TERMS, caps=caps, contracts=(replace(CONTRACT, caps=of_contract),))


def test_open_when_nothing_closes_it() -> None:
    assert standing(rules()) == OPEN


def test_retired_buyer_contract_or_unknown_contract() -> None:
    closed = Standing(False, "BUYER_RETIRED", -1)
    assert standing(rules(replace(TERMS, retired=True))) == closed
    assert standing(rules(replace(TERMS, contracts=(replace(CONTRACT, retired=True),)))) == closed
    assert standing(rules(replace(TERMS, contracts=()))) == closed


def test_paused_until_resumed_or_until_a_time() -> None:
    assert standing(rules(pauses={"": -1})) == Standing(False, "BUYER_PAUSED", -1)
    assert standing(rules(pauses={"c1": NOW + HOUR})) == Standing(False, "CONTRACT_PAUSED", NOW + HOUR)


def test_closed_hours_until_the_next_opening() -> None:
    hours = (OpenHours(1, 18 * 60, 20 * 60),)
    assert standing(rules(replace(TERMS, always_open=False, hours=hours))) == Standing(
        False, "BUYER_CLOSED_HOURS", NOW + HOUR
    )


def test_a_missing_topic_closes_until_it_is_seen() -> None:
    assert standing(rules(missing=True)) == Standing(False, "TOPIC_UNAVAILABLE", -1)


def test_a_full_cap_closes_until_its_window_ends() -> None:
    assert standing(rules(with_caps(Cap("leads", "day", 2))), sales=1) == OPEN
    assert standing(rules(with_caps(Cap("leads", "day", 2))), sales=2) == Standing(False, "BUYER_CAP", DAY_END)


def test_with_two_full_caps_the_later_end_counts() -> None:
    terms = with_caps(Cap("leads", "day", 2), of_contract=(Cap("leads", "hour", 2),))
    assert standing(rules(terms), sales=2) == Standing(False, "CONTRACT_CAP", DAY_END)


def test_a_full_total_never_opens_by_itself() -> None:
    assert standing(rules(with_caps(Cap("leads", "total", 1))), sales=1).closed_until == -1


def test_a_budget_that_the_lowest_price_would_pass_is_used_up() -> None:
    assert standing(rules(with_caps(Cap("spend", "day", 9_000))), sales=2) == OPEN
    assert standing(rules(with_caps(Cap("spend", "day", 8_999))), sales=2) == Standing(False, "BUYER_BUDGET", DAY_END)


def test_the_next_change_is_the_earliest_of_hours_pauses_and_windows() -> None:
    hours = (OpenHours(1, 0, 19 * 60),)
    plain = rules(replace(TERMS, always_open=False, hours=hours), pauses={"c9": NOW + 5 * HOUR})
    assert next_change(plain, {}, NOW) == NOW + 2 * HOUR
    capped = {"c1": Standing(False, "BUYER_CAP", NOW + HOUR)}
    assert next_change(plain, capped, NOW) == NOW + HOUR


def test_an_announcement_says_all_of_it() -> None:
    status = announcement("b1", "c1", Standing(False, "BUYER_CAP", DAY_END), NOW)
    assert (status.contract_id, status.buyer_id, status.open) == ("c1", "b1", False)
    assert (status.reason, status.closed_until, status.at) == ("BUYER_CAP", DAY_END, NOW)
