"""States and postal codes, made canonical."""

from __future__ import annotations

import re

from agents.dedup.text import Parse, wrong_type
from config.plan.values import US_STATES

_STATES = {spelling.casefold(): code for code, name in US_STATES.items() for spelling in (code, name)} | {
    "u.s. virgin islands": "VI",
    "virgin islands": "VI",
    "washington dc": "DC",
    "washington, dc": "DC",
    "d.c.": "DC",
}

_ZIP = re.compile(r"(\d{3,5})(?:-(\d{4}))?|(\d{5})(\d{4})", re.ASCII)

#: Postal codes by region: the pattern of the code without spaces and dashes, and where its separator goes.
_POSTAL: dict[str, tuple[str, str, int]] = {
    "AT": (r"\d{4}", "", 0),
    "AU": (r"\d{4}", "", 0),
    "BE": (r"\d{4}", "", 0),
    "CA": (r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d", " ", 3),
    "CH": (r"\d{4}", "", 0),
    "DE": (r"\d{5}", "", 0),
    "DK": (r"\d{4}", "", 0),
    "ES": (r"\d{5}", "", 0),
    "FR": (r"\d{5}", "", 0),
    "GB": (r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", " ", -3),
    "IE": (r"[A-Z]\d[\dW][A-Z\d]{4}", " ", 3),
    "IN": (r"[1-9]\d{5}", "", 0),
    "IT": (r"\d{5}", "", 0),
    "MX": (r"\d{5}", "", 0),
    "NL": (r"[1-9]\d{3}[A-Z]{2}", " ", 4),
    "NZ": (r"\d{4}", "", 0),
    "PL": (r"\d{5}", "-", 2),
    "PT": (r"\d{7}", "-", 4),
    "SE": (r"\d{5}", " ", 3),
    "US": (r"\d{5}(?:\d{4})?", "-", 5),
}
_ANY_POSTAL = re.compile(r"[A-Z0-9](?:[A-Z0-9 -]{0,10}[A-Z0-9])?", re.ASCII)


def us_state(value: str) -> str:
    """Return the two-letter code of a state, given by code or name in any case."""
    code = _STATES.get(value.casefold())
    if code is None:
        raise wrong_type("is not a state of the United States, by code or name")
    return code


def us_zip(value: str) -> str:
    """Return the five digits of a ZIP code; three or four digits have lost their leading zeros and get them back.

    ZIP+4 is read, with or without its dash, and the four are dropped: plans and buyers compare five digits. Who
    wants to keep them uses `postal_code` with region US.
    """
    if len(value) == 5 and value.isascii() and value.isdecimal():
        return value
    match = _ZIP.fullmatch(value)
    if match is None:
        raise wrong_type("is not a ZIP code")
    return (match[1] or match[3]).zfill(5)


def zip_note(value: str) -> str:
    """Return how `us_zip` changed this value, in words without the value; "" when it did not."""
    if len(value) == 5:
        return ""
    match = _ZIP.fullmatch(value)
    padded = match is not None and match[1] is not None and len(match[1]) < 5
    dropped = match is not None and (match[2] is not None or match[4] is not None)
    return " and ".join(text for text, held in (("leading zeros put back", padded), ("+4 dropped", dropped)) if held)


def postal_code(region: str) -> Parse:
    """Return a parser of the region's postal codes, in capitals with the usual separator.

    A region without a pattern here takes any twelve letters, digits, spaces and dashes.
    """
    known = _POSTAL.get(region)
    if known is None:
        return _any_postal
    pattern, separator, at = re.compile(known[0], re.ASCII), known[1], known[2]

    def parse(value: str) -> str:
        code = value.upper().replace(" ", "").replace("-", "")
        if pattern.fullmatch(code) is None:
            raise wrong_type(f"is not a postal code of {region}")
        cut = at % len(code) if separator else 0
        return f"{code[:cut]}{separator}{code[cut:]}" if cut else code

    return parse


def _any_postal(value: str) -> str:
    code = value.upper()
    if _ANY_POSTAL.fullmatch(code) is None:
        raise wrong_type("is not a postal code")
    return code
