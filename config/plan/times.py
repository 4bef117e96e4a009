"""Readers of what the calendar decides: time zones, opening hours, the day a week starts."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Final
from zoneinfo import available_timezones

from config.plan.cursor import Cursor
from config.plan.model import OpenHour
from config.plan.scalars import known_word

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

#: What people write for a zone, and the zone they mean: abbreviations do not know of summer time.
_MEANT: Final = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "ET": "America/New_York",
    "EST5EDT": "America/New_York",
    "EASTERN": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CT": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "CENTRAL": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MT": "America/Denver",
    "MST7MDT": "America/Denver",
    "MOUNTAIN": "America/Denver",
    "ARIZONA": "America/Phoenix",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "PST8PDT": "America/Los_Angeles",
    "PACIFIC": "America/Los_Angeles",
    "AKST": "America/Anchorage",
    "ALASKA": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "HAWAII": "Pacific/Honolulu",
    "GMT": "Europe/London",
    "BST": "Europe/London",
    "GB": "Europe/London",
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "MET": "Europe/Berlin",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
    "Z": "UTC",
    "ETC/UTC": "UTC",
}
#: The first parts of zone names that stand for a place.
_REGIONS: Final = frozenset(
    ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"]
)
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})")
_MINUTES_PER_DAY = 24 * 60


def time_zone(at: Cursor) -> str:
    """Read a zone by the name of its place, `America/New_York`; abbreviations and fixed offsets are refused."""
    text = at.text("a zone such as America/New_York")
    if not text or text == "UTC" or _is_place(text):
        return text or "UTC"
    short = text.upper().replace("STANDARD", "").replace("TIME", "").replace("US/", "").strip()
    if short in _MEANT:
        at.problem(f"`{text}` is not the zone of a place", f"write {_MEANT[short]}")
    else:
        at.problem(f"there is no time zone `{text}`", _zone_hint(text))
    return "UTC"


def _is_place(text: str) -> bool:
    return text.split("/")[0] in _REGIONS and text in _places()


@cache
def _places() -> frozenset[str]:
    return frozenset(zone for zone in available_timezones() if zone.split("/")[0] in _REGIONS)


def _zone_hint(text: str) -> str:
    by_fold = {zone.lower(): zone for zone in _places()} | {zone.split("/")[-1].lower(): zone for zone in _places()}
    wanted = text.strip().lower().replace(" ", "_")
    close = get_close_matches(wanted, by_fold, n=1, cutoff=0.7)
    return f"did you mean `{by_fold[close[0]]}`?" if close else "give the zone of a place, such as America/New_York"


def week_start(at: Cursor) -> int:
    """Read the day a week starts; 0 is Monday."""
    return WEEK_DAYS.index(known_word(at, WEEK_DAYS))


def hours(at: Cursor) -> tuple[bool, tuple[OpenHour, ...]]:
    """Read opening hours: (always open?, the hours of each day, in the order of the week).

    `always`, or days with times: `{mon-fri: 08:00-20:00, sat: [09:00-12:00, 13:00-17:00]}`. Days are mon ... sun or
    a span of them (sat-mon goes round the week's end), each day at most once; a day not named, or `closed`, is
    closed. Times run from 00:00 to 24:00 within one day; what goes past midnight is written as two days.
    """
    if at.word() == "always":
        return True, ()
    if not at.is_mapping():
        at.problem(f"`{at.word() or 'a list'}` is not opening hours", "write `always`, or {mon-fri: 08:00-20:00}")
        return True, ()
    by_day: dict[int, list[OpenHour]] = {}
    for key, cursor in at.entries("opening hours"):
        spans = [(0, 0)] if cursor.word() == "closed" else _spans(cursor)
        for day in _days(cursor, key):
            if day in by_day:
                cursor.problem(f"{DAYS[day]} is given twice", "name each day once; use a list for a break at noon")
            by_day[day] = [OpenHour(day, start, end) for start, end in spans if end > start]
    found = tuple(hour for day in sorted(by_day) for hour in by_day[day])
    if not found:
        at.problem("is never open", "name at least one day, or write `always`")
    return False, found


def _days(at: Cursor, key: str) -> list[int]:
    ends = key.split("-")
    if len(ends) > 2 or any(day not in DAYS for day in ends):
        at.problem(f"`{key}` is not a day", f"days are {', '.join(DAYS)}, or a span such as mon-fri")
        return []
    first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
    return [(first + day) % 7 for day in range((last - first) % 7 + 1)]


def _spans(at: Cursor) -> list[tuple[int, int]]:
    cursors = at.items("times such as 08:00-20:00") if at.is_list() else [at]
    spans = [span for cursor in cursors if (span := _span(cursor)) is not None]
    spans.sort()
    for (_, earlier_end), (start, _) in pairwise(spans):
        if start < earlier_end:
            at.problem("times overlap on one day", "begin each after the one before has ended")
    return spans


def _span(at: Cursor) -> tuple[int, int] | None:
    text = at.text("times such as 08:00-20:00")
    if not text:
        return None
    parts = [_minute(part.strip()) for part in text.split("-")]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        at.problem(f"`{text}` is not a span of times", "write 08:00-20:00, in 24 hours")
        return None
    start, end = parts[0], parts[1]
    if start == end:
        at.problem(f"`{text}` has no length", "write `always`, 00:00-24:00, or `closed`")
        return None
    if start > end:
        first, second = f"{clock(start)}-24:00", f"00:00-{clock(end)}"
        at.problem(f"`{text}` goes past midnight", f"write {first} on this day and {second} on the next")
        return None
    return start, end


def _minute(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    minute = int(found[1]) * 60 + int(found[2])
    return minute if int(found[2]) < 60 and minute <= _MINUTES_PER_DAY else None


def clock(minute: int) -> str:
    """Write a minute of the day: 480 -> `08:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"
