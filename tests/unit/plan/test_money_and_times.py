"""Amounts are exact, durations and opening hours mean what they say."""

from __future__ import annotations

import pytest

from config.plan.money import CURRENCIES, MINOR_MAX, amount_text, minor_units
from config.plan.scalars import duration_text
from config.plan.words import hours_words
from tests.support.chance import draws
from tests.unit.plan.samples import compiled, plan


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("42.00", "USD", 4200),
        ("42", "USD", 4200),
        ("42.5", "USD", 4250),
        ("0.07", "USD", 7),
        ("1500", "JPY", 1500),
        ("1500.0", "JPY", None),
        ("42.005", "USD", None),
        ("1,500.00", "USD", None),
        ("-1.00", "USD", None),
        ("1e3", "USD", None),
        (".50", "USD", None),
        ("", "USD", None),
        ("٣", "USD", None),
        ("9" * 15, "USD", None),
    ],
)
def test_amount_is_read_from_its_text(text: str, currency: str, minor: int | None) -> None:
    assert minor_units(text, currency) == minor


def test_amount_comes_back_from_its_text() -> None:
    some = [draw.randrange(10 ** draw.randint(1, len(str(MINOR_MAX)) - 1)) for _, draw in draws(100)]
    for currency in sorted(CURRENCIES):
        for minor in (0, 1, 99, 100, MINOR_MAX, *some):
            assert minor_units(amount_text(minor, currency), currency) == minor


def test_negative_amounts_are_written_with_their_sign() -> None:
    assert [amount_text(minor, "USD") for minor in (-5, -1234, 0)] == ["-0.05", "-12.34", "0.00"]


@pytest.mark.parametrize(
    ("length_ms", "text"), [(900_000, "15m"), (86_400_000, "1d"), (90_000, "90s"), (1, "1ms"), (5_400_000, "90m")]
)
def test_duration_is_written_in_its_largest_unit(length_ms: int, text: str) -> None:
    assert duration_text(length_ms) == text


HOURS = "{mon-fri: 08:00-20:00, sat: 09:00-17:00}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("always", "always"),
        ("{mon-sun: 00:00-24:00}", "mon-sun 00:00-24:00"),
        ("{sat-mon: 10:00-11:00}", "mon 10:00-11:00, sat-sun 10:00-11:00"),
        ("{tue: [13:00-17:00, 08:00-12:00], wed: closed}", "tue 08:00-12:00 and 13:00-17:00"),
        ("{fri: 20:00-24:00, sat: 00:00-02:00}", "fri 20:00-24:00, sat 00:00-02:00"),
        ("{mon: '08:00 - 20:00'}", "mon 08:00-20:00"),
        ("{thu: [08:00-12:00, 12:00-17:00]}", "thu 08:00-12:00 and 12:00-17:00"),
    ],
)
def test_opening_hours_are_read_as(written: str, said: str) -> None:
    assert hours_words(plan((HOURS, written)).buyers[0]) == said


def test_midnight_at_the_end_is_minute_1440() -> None:
    (hour,) = compiled((HOURS, "{sun: 23:59-24:00}")).buyer_terms("sunco", 0).hours
    assert (hour.weekday, hour.start_minute, hour.end_minute) == (6, 1439, 1440)


def test_week_may_start_on_another_day() -> None:
    assert plan(("week_starts: monday", "week_starts: sunday")).week_starts == 6
    assert plan(("week_starts: monday\n", "")).week_starts == 0


def test_utc_is_a_zone() -> None:
    assert plan(("America/Los_Angeles", "UTC")).buyers[0].time_zone == "UTC"
