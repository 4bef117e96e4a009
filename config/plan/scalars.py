"""Readers of single values: ids, whole numbers, amounts, durations, words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from config.plan.cursor import Cursor, near_miss
from config.plan.money import CURRENCIES, MINOR_MAX, minor_units

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: The most leads, weight, points or priority a plan may name; a longer number is a slip of the finger.
NUMBER_MAX = 10**9

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_NAME_CHARS_MAX = 200


def check_id(at: Cursor, text: str, what: str) -> None:
    """Tell when a text cannot be an id of a `what` (a buyer, a contract ...)."""
    if ID.fullmatch(text):
        return
    better = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
    hint = f", such as `{better}`" if better else ""
    rule = "small letters, digits and hyphens, at most 60, beginning with a letter or digit"
    at.problem(f"`{text}` cannot be the id of a {what}", f"an id has {rule}{hint}")


def known_word(at: Cursor, known: Iterable[str], later: Mapping[str, str] | None = None) -> str:
    """Read one word of a closed list; words of `later` are refused as not yet built, with what to do instead."""
    known = list(known)
    text = at.text(f"one of: {', '.join(known)}")
    if not text or text in known:
        return text or known[0]
    if later and text in later:
        at.problem(f"`{text}` is not built yet", later[text] or f"use one of: {', '.join(known)}")
    else:
        at.problem(f"`{text}` is not known here", near_miss(text, known))
    return known[0]


def name(at: Cursor) -> str:
    """Read a name for people."""
    text = at.text("a name").strip()
    if len(text) > _NAME_CHARS_MAX:
        at.problem(f"the name has more than {_NAME_CHARS_MAX} characters", "shorten it")
    return text


def boolean(at: Cursor) -> bool:
    """Read true or false, and nothing that looks like them."""
    text = at.text("true or false")
    if text and text not in {"true", "false"}:
        at.problem(f"`{text}` is neither true nor false", "write true or false")
    return text == "true"


def whole_number(at: Cursor, zero_fix: str, negative: bool = False) -> int:
    """Read a whole number above 0 (or below, if `negative`); 0 is refused with `zero_fix`, if there is one."""
    text = at.text("a whole number")
    if not text:
        return 1
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or (text.startswith("-") and not negative):
        at.problem(f"`{text}` is not a whole number", _number_fix(text))
        return 1
    number = int(text)
    if number == 0 and zero_fix:
        at.problem("0 is refused", zero_fix)
        return 1
    if abs(number) > NUMBER_MAX:
        at.problem(f"`{text}` is more than {NUMBER_MAX:,}", "give a smaller number")
        return 1
    return number


def _number_fix(text: str) -> str:
    plain = text.replace(",", "").replace("_", "").replace(" ", "")
    return f"write {plain}" if plain.isascii() and plain.isdigit() else "give a number such as 50"


def amount(at: Cursor, zero_fix: str) -> int:
    """Read an amount of the plan's currency as minor units; 0 is refused with `zero_fix`."""
    currency = at.context.currency
    example = "1500" if CURRENCIES[currency] == 0 else "42.00"
    text = at.text(f"an amount in {currency} such as {example}")
    if not text:
        return 1
    minor = minor_units(text, currency)
    if minor is None:
        at.problem(f"`{text}` is not an amount in {currency}", _amount_fix(text, currency, example))
        return 1
    if minor == 0:
        at.problem("an amount of 0 is refused", zero_fix)
        return 1
    return minor


def _amount_fix(text: str, currency: str, example: str) -> str:
    plain = text.replace("$", "").replace(currency, "").replace(",", "").replace(" ", "")
    if minor_units(plain, currency) is not None:
        return f"write {plain}"
    number = re.fullmatch(r"[0-9]+(\.[0-9]+)?", plain)
    if number and number[1]:
        digits = CURRENCIES[currency]
        return (
            f"give at most {digits} digits after the point" if digits else f"{currency} has no digits after the point"
        )
    if number:
        return f"the most is {MINOR_MAX // 10 ** CURRENCIES[currency]}"
    return f"write it like {example}"


def duration(at: Cursor, longest_ms: int, why_longest: str) -> int:
    """Read a duration such as `15m`, `24h`, `30d` as milliseconds, above 0 and at most `longest_ms`."""
    text = at.text("a duration such as 15m, 24h or 30d")
    if not text:
        return 1
    found = _DURATION.fullmatch(text)
    if found is None:
        at.problem(f"`{text}` is not a duration", "write a number and one of s, m, h, d, w: 90s, 15m, 24h, 30d, 2w")
        return 1
    length = int(found[1]) * _UNITS_MS[found[2]]
    if length == 0:
        at.problem("a duration of 0 is refused", "say how long, such as 15m")
    elif length > longest_ms:
        at.problem(f"`{text}` is too long", f"the most is {duration_text(longest_ms)}: {why_longest}")
    return length


def duration_text(length_ms: int) -> str:
    """Write milliseconds as a plan would: the largest unit that leaves no rest."""
    for unit in ("d", "h", "m", "s"):
        if length_ms % _UNITS_MS[unit] == 0:
            return f"{length_ms // _UNITS_MS[unit]}{unit}"
    return f"{length_ms}ms"
