"""States and postal codes, made canonical."""

from __future__ import annotations

import re

from agents.dedup.text import Parse, wrong_type
from config.plan.postal import FORMS, written
from config.plan.values import US_STATES

_STATES = {spelling.casefold(): code for code, name in US_STATES.items() for spelling in (code, name)} | {
    "u.s. virgin islands": "VI",
    "virgin islands": "VI",
    "washington dc": "DC",
    "washington, dc": "DC",
    "d.c.": "DC",
}

_ZIP = re.compile(r"(\d{3,5})(?:-(\d{4}))?|(\d{5})(\d{4})", re.ASCII)


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

    A region without a form of its own takes any twelve letters, digits, spaces and dashes.
    """
    misfit = f"is not a postal code of {region}" if region in FORMS else "is not a postal code"

    def parse(value: str) -> str:
        code = written(region, value)
        if code is None:
            raise wrong_type(misfit)
        return code

    return parse
