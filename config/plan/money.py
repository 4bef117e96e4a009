"""Currencies that a plan may use, and amounts as text; never a float."""

from __future__ import annotations

import re
from typing import Final

#: Digits after the point of each currency (ISO 4217).
CURRENCIES: Final = {
    "AUD": 2,
    "BRL": 2,
    "CAD": 2,
    "CHF": 2,
    "DKK": 2,
    "EUR": 2,
    "GBP": 2,
    "INR": 2,
    "JPY": 0,
    "MXN": 2,
    "NOK": 2,
    "NZD": 2,
    "PLN": 2,
    "SEK": 2,
    "SGD": 2,
    "USD": 2,
    "ZAR": 2,
}
#: The most a single amount may be, in minor units: far above any price or budget, far below 64 bits.
MINOR_MAX: Final = 10**13

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def minor_units(text: str, currency: str) -> int | None:
    """Read `42.00` or `42` as minor units; None when it is not an amount of this currency."""
    digits = CURRENCIES[currency]
    found = _AMOUNT.fullmatch(text)
    if found is None or len(text) > 20:
        return None
    fraction = found[2] or ""
    if len(fraction) > digits:
        return None
    minor = int(found[1] + fraction.ljust(digits, "0"))
    return minor if minor <= MINOR_MAX else None


def amount_text(minor: int, currency: str) -> str:
    """Write minor units as an amount: 5500 -> `55.00`."""
    digits = CURRENCIES[currency]
    if digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    text = str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"
