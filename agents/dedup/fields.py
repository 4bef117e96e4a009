"""Typed fields: what the plan says of a field, compiled to one reader, once a plan version."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from agents.dedup.numbers import day, decimal, integer
from agents.dedup.phones import phone
from agents.dedup.places import postal_code, us_state, us_zip, zip_note
from agents.dedup.text import Parse, Wrong, boolean, clean, clean_unicode, email, one_of, url
from config.plan.model import FieldRule
from schemas.reasons import Reason

#: The longest value that is looked at, in characters, before it is cleaned: bounds the work a hostile value causes.
LONGEST = {"text": 4096, "url": 2048, "email": 320}
LONGEST_OTHER = 128

#: Types with few different values, for which a field remembers what it has read, up to this many spellings.
_REMEMBERED = frozenset({"us_state", "boolean", "enum", "integer"})
_REMEMBERED_MAX = 2048


class Field(NamedTuple):
    """A field ready for use.

    `read` returns the canonical string of a value as received, "" when nothing is left of it, or raises Wrong.
    `note` says in words, without the value, how it was mended; "" when it was not.
    """

    name: str
    required: bool
    read: Parse
    note: Callable[[str], str] | None


def compile_field(rule: FieldRule) -> Field:
    """Return the field of a checked plan; raises ValueError for a type, region or pattern no checked plan has."""
    parse = _of_type(rule)
    if rule.pattern is not None:
        parse = _matching(parse, rule.pattern)
    if rule.min is not None or rule.max is not None:
        parse = _between(parse, rule)
    read = _reader(parse, LONGEST.get(rule.type, LONGEST_OTHER))
    if rule.type in _REMEMBERED:
        read = _Remembering(read).__getitem__
    return Field(rule.name, rule.required, read, _note if rule.type == "us_zip" else None)


def _note(raw: str) -> str:
    return zip_note(clean(raw))


def _reader(parse: Parse | None, longest: int) -> Parse:
    """Return what reads a value as received: its length, its characters, its type. The hot path of intake."""

    def read(raw: str) -> str:
        if len(raw) > longest:
            raise Wrong(Reason.VALIDATION_RANGE, f"is longer than {longest} characters")
        if raw.isascii() and raw.isprintable():
            value = raw.strip()
            if "  " in value:
                value = " ".join(value.split())
        else:
            value = clean_unicode(raw)
        return parse(value) if value and parse is not None else value

    return read


class _Remembering(dict[str, str]):
    """What has been read, by how it was spelled: `remembering[raw]` is one look. Bounded."""

    def __init__(self, read: Parse) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: str) -> str:
        canonical = self._read(raw)
        if len(self) < _REMEMBERED_MAX:
            self[raw] = canonical
        return canonical


def _of_type(rule: FieldRule) -> Parse | None:
    if rule.type in ("enum", "text") and rule.values:
        return one_of({value.casefold(): value for value in rule.values})
    if rule.type == "text":
        return None
    if rule.type == "phone":
        return phone(rule.region or "US")
    if rule.type == "postal_code":
        return postal_code(rule.region or "")
    if rule.type not in _PARSERS:
        raise ValueError(f"field {rule.name}: {rule.type} is not a type of field")
    return _PARSERS[rule.type]


_PARSERS: dict[str, Parse] = {
    "email": email,
    "us_state": us_state,
    "us_zip": us_zip,
    "integer": integer,
    "decimal": decimal,
    "boolean": boolean,
    "date": day,
    "url": url,
}


def _matching(parse: Parse | None, pattern: str) -> Parse:
    """Return a parser whose canonical value must match the whole pattern."""
    try:
        matches = re.compile(pattern).fullmatch
    except re.error as error:
        raise ValueError(f"the pattern {pattern} is no regular expression: {error}") from None

    def parse_and_match(value: str) -> str:
        canonical = value if parse is None else parse(value)
        if matches(canonical) is None:
            raise Wrong(Reason.VALIDATION_PATTERN, "does not have the form that the campaign asks for")
        return canonical

    return parse_and_match


def _between(parse: Parse | None, rule: FieldRule) -> Parse:
    """Return a parser of a number or date within bounds, both included."""
    if parse is None:
        raise ValueError(f"field {rule.name}: {rule.type} has no smallest and largest value")
    order: Callable[[str], Any] = _ORDERS.get(rule.type, str)
    low = None if rule.min is None else order(rule.min)
    high = None if rule.max is None else order(rule.max)

    def parse_between(value: str) -> str:
        canonical = parse(value)
        at = order(canonical)
        if low is not None and at < low:
            raise Wrong(Reason.VALIDATION_RANGE, f"is below {rule.min}")
        if high is not None and at > high:
            raise Wrong(Reason.VALIDATION_RANGE, f"is above {rule.max}")
        return canonical

    return parse_between


#: How the canonical values of a type are ordered; ISO dates are ordered as text.
_ORDERS: dict[str, Callable[[str], Any]] = {"integer": int, "decimal": Decimal}
