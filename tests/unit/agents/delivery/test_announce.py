"""Closed is said at once, open after a second (P2)."""

from __future__ import annotations

from agents.delivery.announce import OPEN_DELAY_MS, News, news_of
from tables.status import OPEN, Standing

NOW = 1_000_000
FULL = Standing(False, "BUYER_CAP", NOW + 50)


def test_what_was_never_said_is_said_now() -> None:
    news = news_of({"c1": OPEN, "c2": FULL}, {}, {}, at_once=False, now_ms=NOW)
    assert news == News({"c1": OPEN, "c2": FULL}, {})


def test_what_was_said_is_not_said_again() -> None:
    assert news_of({"c1": FULL}, {"c1": FULL}, {}, at_once=False, now_ms=NOW) == News({}, {})


def test_closed_is_said_at_once() -> None:
    assert news_of({"c1": FULL}, {"c1": OPEN}, {}, at_once=False, now_ms=NOW).now == {"c1": FULL}


def test_another_reason_or_end_is_said_at_once() -> None:
    later = Standing(False, "BUYER_PAUSED", -1)
    assert news_of({"c1": later}, {"c1": FULL}, {}, at_once=False, now_ms=NOW).now == {"c1": later}


def test_open_waits_a_second_and_then_is_said() -> None:
    first = news_of({"c1": OPEN}, {"c1": FULL}, {}, at_once=False, now_ms=NOW)
    assert first == News({}, {"c1": NOW + OPEN_DELAY_MS})
    again = news_of({"c1": OPEN}, {"c1": FULL}, first.waiting, at_once=False, now_ms=NOW + 10)
    assert again == first
    due = news_of({"c1": OPEN}, {"c1": FULL}, first.waiting, at_once=False, now_ms=NOW + OPEN_DELAY_MS)
    assert due == News({"c1": OPEN}, {})


def test_an_opening_that_closes_while_it_waits_starts_its_second_anew() -> None:
    waiting = {"c1": NOW + OPEN_DELAY_MS}
    closed_again = news_of({"c1": FULL}, {"c1": FULL}, waiting, at_once=False, now_ms=NOW + 10)
    assert closed_again.waiting == {}


def test_what_a_person_or_a_plan_opens_is_said_at_once() -> None:
    assert news_of({"c1": OPEN}, {"c1": FULL}, {}, at_once=True, now_ms=NOW) == News({"c1": OPEN}, {})
