"""What a field's values may look like in a plan: each type's canonical strings, and how they compare."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from config.plan.cursor import near_miss
from config.plan.model import FieldRule
from config.plan.postal import written, written_beginning

#: Every type of field, with how its values compare in conditions.
KINDS: Final = {
    "text": "fold",
    "email": "fold",
    "phone": "exact",
    "us_state": "exact",
    "us_zip": "exact",
    "postal_code": "fold",
    "integer": "number",
    "decimal": "number",
    "boolean": "exact",
    "date": "date",
    "enum": "exact",
    "url": "fold",
}
ORDERED: Final = frozenset({"integer", "decimal", "date"})
BEGINNINGS: Final = frozenset({"text", "email", "phone", "us_zip", "postal_code", "url"})

#: The states of the US, its district, territories and military post, as the post abbreviates them.
US_STATES: Final = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan",
    "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
    "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania",
    "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas",
    "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia",
    "WI": "Wisconsin", "WY": "Wyoming", "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands",
    "PR": "Puerto Rico", "VI": "US Virgin Islands", "AA": "Armed Forces Americas", "AE": "Armed Forces Europe",
    "AP": "Armed Forces Pacific",
}  # fmt: skip

_STATE_OF: Final = {name.lower(): code for code, name in US_STATES.items()}
#: Why a plan may not name a value that is spelled otherwise than values are read.
NEVER_READ: Final = "is no lead's value: outer and double spaces and what cannot be seen are taken out of values"
_FORMS: Final = {
    "us_zip": (re.compile(r"[0-9]{5}"), "write five digits, such as 07001"),
    "phone": (re.compile(r"\+[1-9][0-9]{5,14}"), "write it with country code, such as +12025550123"),
    "email": (re.compile(r"[^@\s]+@[^@\s]+"), "write an address such as ann@example.com"),
}
_BEGINNING_FORMS: Final = {
    "us_zip": (re.compile(r"[0-9]{1,5}"), "write its first digits, such as 900"),
    "phone": (re.compile(r"\+[1-9][0-9]{0,14}"), "write it with country code, such as +1415"),
}


def canonical(rule: FieldRule, text: str) -> tuple[str, str, str]:
    """Read a value that a condition (or a bound) names for a field.

    Returns:
        (canonical string, "", "") or ("", what is wrong, what would be right).
    """
    if rule.type == "us_state":
        return _state(text)
    if rule.type == "boolean":
        return (
            (text, "", "") if text in {"true", "false"} else ("", f"`{text}` is not a boolean", "write true or false")
        )
    if rule.type in ORDERED:
        return _ordered(rule, text)
    if rule.values and text not in rule.values:
        return "", f"`{text}` is not one of the field's values", near_miss(text, rule.values)
    if rule.type in _FORMS and not _FORMS[rule.type][0].fullmatch(text):
        return "", f"`{text}` is not of type {rule.type}", _FORMS[rule.type][1]
    if rule.type == "postal_code":
        return _postal(rule, text)
    return _as_read(text, spelled(text))


def beginning(rule: FieldRule, text: str) -> tuple[str, str, str]:
    """Read the beginning of a value, for `starts_with`; returns as `canonical`."""
    form = _BEGINNING_FORMS.get(rule.type)
    if form is not None and not form[0].fullmatch(text):
        return "", f"no {rule.type} begins with `{text}`", form[1]
    if rule.type == "postal_code":
        better = written_beginning(rule.region or "", text)
        return (text, "", "") if better.casefold() == text.casefold().rstrip(" -") else _by_post(text, better)
    return _as_read(text, f"{spelled(text)} " if text.endswith(" ") else spelled(text))


def spelled(text: str) -> str:
    """Return a text as a lead's value is read: one space between words, nothing that is not seen, composed (NFC)."""
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def _as_read(text: str, better: str) -> tuple[str, str, str]:
    """Refuse what no lead's value can be, for it is read as `better`: a condition on it would never hold."""
    if text == better:
        return text, "", ""
    return "", f"`{text}` {NEVER_READ}", f"write `{better}`"


def _postal(rule: FieldRule, text: str) -> tuple[str, str, str]:
    code = written(rule.region or "", text)
    if code is None:
        return (
            "",
            f"`{text}` is not a postal code{f' of {rule.region}' if rule.region else ''}",
            "write it as the post does",
        )
    return (text, "", "") if code.casefold() == text.casefold() else _by_post(text, code)


def _by_post(text: str, better: str) -> tuple[str, str, str]:
    return "", f"`{text}` is no lead's value: codes are read as the post writes them", f"write `{better}`"


def _state(text: str) -> tuple[str, str, str]:
    if text in US_STATES:
        return text, "", ""
    better = text.upper() if text.upper() in US_STATES else _STATE_OF.get(text.strip().lower(), "")
    return "", f"`{text}` is not a state", f"write {better}" if better else "write the two letters, such as CA"


def _ordered(rule: FieldRule, text: str) -> tuple[str, str, str]:
    value = _plain(rule.type, text)
    if value is None:
        return "", f"`{text}` is not a {_TYPE_WORDS[rule.type]}", _EXAMPLES[rule.type]
    if rule.min is not None and below(rule.type, value, rule.min):
        return "", f"`{text}` is below the field's min of {rule.min}", "no lead has such a value"
    if rule.max is not None and below(rule.type, rule.max, value):
        return "", f"`{text}` is above the field's max of {rule.max}", "no lead has such a value"
    return value, "", ""


_TYPE_WORDS: Final = {"integer": "whole number", "decimal": "number", "date": "date"}
_EXAMPLES: Final = {"integer": "write it like 150", "decimal": "write it like 12.5", "date": "write it like 2026-06-02"}


def _plain(type_: str, text: str) -> str | None:
    if len(text) > 30:
        return None
    if type_ == "date":
        try:
            return date.fromisoformat(text).isoformat() if len(text) == 10 else None
        except ValueError:
            return None
    if type_ == "integer":
        return str(int(text)) if re.fullmatch(r"-?[0-9]+", text) else None
    return _plain_decimal(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) else None


def _plain_decimal(text: str) -> str | None:
    try:
        return format(Decimal(text), "f")
    except InvalidOperation:
        return None


def below(type_: str, first: str, second: str) -> bool:
    """Say whether the first canonical value comes before the second, by the order of their type."""
    return first < second if type_ == "date" else Decimal(first) < Decimal(second)
