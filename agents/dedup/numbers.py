"""Numbers and dates as people write them, made canonical; what can be read in two ways is refused."""

from __future__ import annotations

import re
from datetime import date

from agents.dedup.text import wrong_type

_PLAIN_INTEGER = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_INTEGER = re.compile(r"([+-]?)(\d{1,18}|\d{1,3}(?:,\d{3}){1,5})(?:\.0{1,9})?", re.ASCII)
_DECIMAL = re.compile(r"([+-]?)(\d{1,18}|\d{1,3}(?:,\d{3}){1,5})?(?:\.(\d{1,9}))?", re.ASCII)

_ISO = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:[T ]00:00(?::00(?:\.0{1,9})?)?(?:Z|\+00:?00)?)?", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ -]([a-z]{3,9})\.?,?[ -](\d{4})", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})\.?[ -](\d{1,2})(?:st|nd|rd|th)?,?[ -](\d{4})", re.ASCII)
_MONTH_NAMES = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905 - read as one line
)
_MONTHS = {form: at for at, name in enumerate(_MONTH_NAMES, 1) for form in (name, name[:3])} | {"sept": 9}


def integer(value: str) -> str:
    """Return a whole number of at most 18 digits, without plus sign, leading zeros or thousands commas.

    `12.0` is the integer 12: spreadsheets write it so.
    """
    if _PLAIN_INTEGER.fullmatch(value):
        return value
    match = _INTEGER.fullmatch(value)
    if match is None:
        raise wrong_type("is not a whole number")
    return str(int(match[1] + match[2].replace(",", "")))


def decimal(value: str) -> str:
    """Return a decimal number (18 digits, 9 decimals at most) with a point and without trailing zeros."""
    match = _DECIMAL.fullmatch(value)
    if match is None or not (match[2] or match[3]):
        raise wrong_type("is not a decimal number with a point, such as 12.50")
    whole = (match[2] or "0").replace(",", "").lstrip("0") or "0"
    fraction = (match[3] or "").rstrip("0")
    digits = f"{whole}.{fraction}" if fraction else whole
    return f"-{digits}" if match[1] == "-" and digits != "0" else digits


def day(value: str) -> str:
    """Return a date as YYYY-MM-DD; read are ISO forms, named months, and numeric forms that can mean one day only.

    `31/12/1990` and `12/31/1990` are clear, `03/04/1990` is not and is refused. Years from 1850 to 2200.
    """
    found = _parts(value)
    if found is None:
        raise wrong_type("is not a date such as 1990-12-31")
    try:
        result = date(*found)
    except ValueError:
        raise wrong_type("is a date that no calendar has") from None
    if not 1850 <= result.year <= 2200:
        raise wrong_type("is a date outside of the years 1850 to 2200")
    return result.isoformat()


def _parts(value: str) -> tuple[int, int, int] | None:
    if match := _ISO.fullmatch(value):
        return int(match[1]), int(match[3]), int(match[4])
    if match := _NUMERIC.fullmatch(value):
        return _numeric(int(match[1]), int(match[3]), int(match[4]))
    lowered = value.lower()
    if match := _DAY_FIRST.fullmatch(lowered):
        return _named(match[2], int(match[1]), int(match[3]))
    if match := _MONTH_FIRST.fullmatch(lowered):
        return _named(match[1], int(match[2]), int(match[3]))
    return None


def _numeric(first: int, second: int, year: int) -> tuple[int, int, int]:
    """Return the one reading of two numbers as day and month; raises Wrong when there are two."""
    if first != second and first <= 12 and second <= 12:
        raise wrong_type("is a date whose day and month cannot be told apart; write 1990-12-31")
    return (year, second, first) if first > 12 else (year, first, second)


def _named(month: str, day_of_month: int, year: int) -> tuple[int, int, int] | None:
    number = _MONTHS.get(month)
    return None if number is None else (year, number, day_of_month)
