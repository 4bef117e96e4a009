"""Phone numbers to E.164, by the metadata of libphonenumber; a short way for the forms most American leads have.

The short way gives the verdict that `phonenumbers` gives (tests compare them) at a fiftieth of the cost: numbers of the
North American plan, country code 1, written with digits and the usual punctuation, are matched against the patterns of
all regions of that plan, taken from the library itself. Most area codes are valid with every exchange, so one look is
enough for them.
"""

from __future__ import annotations

import re
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

from agents.dedup.text import Parse, wrong_type

_NORTH_AMERICA = 1
_PUNCTUATION = str.maketrans("", "", " ().-")
#: How long a number is in the form that most are written in, (415) 555-0001: its digits stand at known places.
_USUAL = len("(415) 555-0001")
#: How the pattern of an area code ends in which every exchange may be given out.
_WHOLE_AREA = r"[2-9]\d{6}"
_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


def phone(region: str) -> Parse:
    """Return a parser of numbers written as in `region` (`US`); raises ValueError for a region nobody knows.

    A number is accepted when it is valid and shares the region's country calling code: a campaign for `US` takes
    every number of the North American plan and refuses one of another country. An extension is dropped.
    """
    code = phonenumbers.country_code_for_region(region)
    if code == 0:
        raise ValueError(f"{region} is not a region with a country calling code")
    slow = _by_library(region, code)
    return _with_short_way(slow) if code == _NORTH_AMERICA else slow


def _by_library(region: str, code: int) -> Parse:
    def parse(value: str) -> str:
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            raise wrong_type("is not a phone number") from None
        if number.country_code != code or not phonenumbers.is_valid_number(number):
            raise wrong_type(f"is not a phone number of the calling code +{code}")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    return parse


def _with_short_way(slow: Parse) -> Parse:
    areas, valid = whole_areas(), north_american().fullmatch

    def parse(value: str) -> str:
        if len(value) == _USUAL and value[0] == "(" and value[4:6] == ") " and value[9] == "-":
            digits = f"{value[1:4]}{value[6:9]}{value[10:]}"
        else:
            digits = value.translate(_PUNCTUATION)
        if len(digits) == 11 and digits[0] == "1":
            national = digits[1:]
        elif len(digits) == 12 and digits[:2] == "+1":
            national = digits[2:]
        else:
            national = digits
        if len(national) != 10 or not (national.isdecimal() and value.isascii()):
            return slow(value)
        if (national[:3] not in areas or national[3] < "2") and valid(national) is None:
            raise wrong_type(f"is not a phone number of the calling code +{_NORTH_AMERICA}")
        return f"+{_NORTH_AMERICA}{national}"

    return parse


@cache
def north_american() -> re.Pattern[str]:
    """Return one pattern of all valid ten-digit numbers of the plan, the most common regions first."""
    return re.compile(rf"(?=\d{{10}}\Z)(?:{'|'.join(_patterns())})", re.ASCII)


@cache
def whole_areas() -> frozenset[str]:
    """Return the area codes whose numbers are all valid, if only their fourth digit is not 0 or 1."""
    numbers = [part for pattern in _patterns() for part in _alternatives(pattern) if part.endswith(_WHOLE_AREA)]
    heads = [re.compile(part.removesuffix(_WHOLE_AREA), re.ASCII) for part in numbers]
    return frozenset(area for area in map(str, range(200, 1000)) if any(head.fullmatch(area) for head in heads))


def _patterns() -> list[str]:
    patterns: dict[str, None] = {}
    for region in COUNTRY_CODE_TO_REGION_CODE[_NORTH_AMERICA]:
        metadata = PhoneMetadata.metadata_for_region(region)
        for kind in _KINDS:
            description = getattr(metadata, kind)
            if description is not None and description.national_number_pattern:
                patterns.setdefault(description.national_number_pattern)
    return list(patterns)


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at its outermost `|`."""
    parts, depth = [""], 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts
