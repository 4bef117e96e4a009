"""Numbers and dates are read in one way only, or refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from agents.dedup.numbers import day, decimal, integer
from agents.dedup.text import Wrong
from tests.support.chance import draws


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [("220", "220"), ("+220", "220"), ("0220", "220"), ("-7", "-7"), ("1,250", "1250"), ("220.00", "220"), ("-0", "0")],
)
def test_a_whole_number_is_canonical(given_text: str, canonical: str) -> None:
    assert integer(given_text) == canonical


@pytest.mark.parametrize("not_one", ["", "12.5", "1e3", "0x10", "1,25", "one", "٣", "1 000", "9" * 19, "$5", "--1"])
def test_what_is_no_whole_number_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong):
        integer(not_one)


def test_every_whole_number_is_read_as_itself() -> None:
    bounds = [
        sign * (10**digits - one) for digits in range(19) for sign in (1, -1) for one in (0, 1) if digits < 18 or one
    ]
    for number in [*bounds, *(draw.randrange(10 ** draw.randint(1, 18)) for _, draw in draws(200))]:
        assert integer(str(number)) == str(number)
        assert integer(f"{number:,}") == str(number)


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [("12.50", "12.5"), ("12", "12"), (".5", "0.5"), ("-0.00", "0"), ("1,234.5", "1234.5"), ("007.10", "7.1")],
)
def test_a_decimal_is_canonical(given_text: str, canonical: str) -> None:
    assert decimal(given_text) == canonical


@pytest.mark.parametrize("not_one", ["", "-", "1.", "1e5", "NaN", "inf", "1,5", "12,50", "1.2.3"])
def test_what_is_no_decimal_is_refused(not_one: str) -> None:
    with pytest.raises(Wrong):
        decimal(not_one)


def test_a_decimal_keeps_its_value() -> None:
    for _, draw in draws(300):
        number = Decimal(draw.randint(-(10**16), 10**16) // 10 ** draw.randint(0, 16)) / 10 ** draw.randint(0, 4)
        assert Decimal(decimal(format(number, "f"))) == number, number


@pytest.mark.parametrize(
    "same_day",
    [
        "1990-12-31",
        "1990/12/31",
        "19901231",
        "12/31/1990",
        "31/12/1990",
        "31.12.1990",
        "December 31, 1990",
        "dec 31 1990",
        "31 Dec 1990",
        "31-DEC-1990",
        "31st December 1990",
        "1990-12-31T00:00:00Z",
        "1990-12-31 00:00:00.000",
    ],
)
def test_clear_dates_are_iso(same_day: str) -> None:
    assert day(same_day) == "1990-12-31"


def test_a_date_with_equal_day_and_month_is_clear() -> None:
    assert day("5/5/1990") == "1990-05-05"


@pytest.mark.parametrize(
    "not_one",
    [
        "03/04/1990",
        "1990-02-30",
        "31/13/1990",
        "12/31/90",
        "yesterday",
        "1990-12-31T10:00:00Z",
        "0001-01-01",
        "9999-01-01",
    ],
)
def test_unclear_and_impossible_dates_are_refused(not_one: str) -> None:
    with pytest.raises(Wrong) as wrong:
        day(not_one)
    assert not_one not in wrong.value.detail


def test_an_unclear_date_says_what_to_write() -> None:
    with pytest.raises(Wrong, match="write 1990-12-31"):
        day("03/04/1990")


def test_every_iso_date_is_read_as_itself() -> None:
    first, last = date(1850, 1, 1).toordinal(), date(2200, 12, 31).toordinal()
    for _, draw in draws(200):
        some_day = date.fromordinal(draw.choice((first, last, draw.randint(first, last))))
        assert day(some_day.isoformat()) == some_day.isoformat()
        assert day(some_day.strftime("%d %B %Y")) == some_day.isoformat()
