"""The judge's own calendar: the windows that an instant lies in, and whether a buyer's door is open, in a zone.

A window is named by its start in UTC milliseconds. An hour is an hour of the wall clock under one offset; a day begins
at the first instant of its date; weeks and months begin with days.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: Windows are looked up by quarters of an hour: no zone of today changes within one.
_QUARTER_MS = 900_000
_DAY_S = 86_400
KINDS = ("hour", "day", "week", "month", "total")


class Starts(NamedTuple):
    """The starts of the windows of an instant; `total` has begun with everything."""

    hour: int
    day: int
    week: int
    month: int
    total: int = 0


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone. Raises ZoneInfoNotFoundError."""
    return ZoneInfo(name)


def windows_at(at_ms: int, zone: str, week_starts: int) -> Starts:
    """Return the windows of an instant; `week_starts` 0 is Monday."""
    return _windows(at_ms // _QUARTER_MS, zone, week_starts)


@lru_cache(maxsize=16_384)
def _windows(quarter: int, zone_name: str, week_starts: int) -> Starts:
    zone, second = zone_of(zone_name), quarter * _QUARTER_MS // 1000
    today = _date_begun(second, zone)
    monday = today - timedelta(days=(today.weekday() - week_starts) % 7)
    days = [1000 * _begin(day, zone) for day in (today, monday, today.replace(day=1))]
    return Starts(1000 * _hour(second, zone), *days)


def is_open(at_ms: int, zone: str, spans: tuple[tuple[int, ...], ...]) -> bool:
    """Whether the wall clock shows a minute of one of the spans [weekday, from minute, to minute)."""
    return _is_open(at_ms // 60_000, zone, spans)


@lru_cache(maxsize=16_384)
def _is_open(epoch_minute: int, zone: str, spans: tuple[tuple[int, ...], ...]) -> bool:
    wall = datetime.fromtimestamp(epoch_minute * 60, zone_of(zone))  # no offset of today has seconds
    minute = 60 * wall.hour + wall.minute
    return any(day == wall.weekday() and start <= minute < end for day, start, end in spans)


def wall(at_ms: int, zone: str) -> str:
    """Return an instant as the zone's wall clock shows it."""
    return f"{datetime.fromtimestamp(at_ms // 1000, zone_of(zone)):%a %Y-%m-%d %H:%M:%S %Z}"


def _offset(second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _change(low: int, high: int, zone: ZoneInfo) -> int:
    """Return the first second after `low` that has the offset of `high`."""
    target = _offset(high, zone)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == target else (middle, high)
    return high


def _hour(second: int, zone: ZoneInfo) -> int:
    start = second - (second + _offset(second, zone)) % 3600
    return start if _offset(start, zone) == _offset(second, zone) else _change(start, second, zone)


def _begin(day: date, zone: ZoneInfo) -> int:
    """Return the first second at which the zone's date is `day`, or later if the clocks jump over it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first = int(midnight.timestamp())
    shown = datetime.fromtimestamp(first, zone)
    if (shown.hour, shown.minute, shown.date()) == (0, 0, day):
        return first
    return _change(first - _DAY_S // 2, first, zone)


def _date_begun(second: int, zone: ZoneInfo) -> date:
    """Return the latest date that has begun, also where the clock went back over midnight since."""
    shown = datetime.fromtimestamp(second, zone).date()
    tomorrow = shown + timedelta(days=1)
    return tomorrow if _begin(tomorrow, zone) <= second else shown
