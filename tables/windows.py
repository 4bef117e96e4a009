"""Calendar windows of a time zone: hour, day, week, month and total, exact when the clocks change.

A window is [start, end) in UTC milliseconds. An hour is one hour of the wall clock under one UTC offset, so the hour
that comes twice in autumn is two windows. A day runs from the first instant of its date to the first instant of the
next, so it may be 23 or 25 hours long; weeks and months are made of days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.records import Windows

#: The kinds of window, shortest first: the order in which caps are checked.
KINDS: Final = ("hour", "day", "week", "month", "total")

#: The end of what never ends: the last millisecond of the year 9999, the last that calendars can show.
FOREVER_MS: Final = 253_402_300_799_999

#: Calendars kept at once; a worker knows some zones times two first days of the week.
_CALENDARS_MAX: Final = 2_048


class Moment(NamedTuple):
    """The windows that an instant lies in: their starts and their ends."""

    starts: Windows
    ends: Windows


class Calendar:
    """The windows of one zone, with the current ones kept at hand: asking again within the hour compares integers.

    `week_starts` is the first day of the week, 0 = Monday. Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """

    __slots__ = ("_moment", "_week_starts", "_zone")

    def __init__(self, time_zone: str, week_starts: int) -> None:
        self._zone = ZoneInfo(time_zone)
        self._week_starts = week_starts
        self._moment = Moment(Windows(0, 0, 0, 0), Windows(0, 0, 0, 0))

    def at(self, now_ms: int) -> Moment:
        """Return the windows of this instant."""
        moment = self._moment
        if not moment.starts.hour_at <= now_ms < moment.ends.hour_at:
            moment = self._moment = self._moment_at(now_ms)
        return moment

    def _moment_at(self, now_ms: int) -> Moment:
        hour_start, hour_end = _hour(self._zone, now_ms // 1000)
        day = _date_at(self._zone, now_ms // 1000)
        week = day - timedelta(days=(day.weekday() - self._week_starts) % 7)
        month = day.replace(day=1)
        next_month = (month + timedelta(days=31)).replace(day=1)
        firsts = (day, week, month, day + timedelta(days=1), week + timedelta(days=7), next_month)
        starts_and_ends = [1000 * first_instant(self._zone, first) for first in firsts]
        return Moment(
            Windows(1000 * hour_start, *starts_and_ends[:3]),
            Windows(1000 * hour_end, *starts_and_ends[3:]),
        )


@lru_cache(maxsize=_CALENDARS_MAX)
def calendar_of(time_zone: str, week_starts: int) -> Calendar:
    """Return the calendar of a zone, the same object for the same question."""
    return Calendar(time_zone, week_starts)


def first_instant(zone: ZoneInfo, day: date) -> int:
    """Return the first second since 1970 at which the zone's date is `day` or later.

    Where the clocks skip midnight this is the change itself; where midnight comes twice, the first of the two.
    """
    return first_instant_of(zone, datetime(day.year, day.month, day.day, tzinfo=zone))


def first_instant_of(zone: ZoneInfo, wall: datetime) -> int:
    """Return the first second at which the zone's wall clock shows `wall`, or has jumped over it."""
    first = int(wall.replace(fold=0).timestamp())
    if datetime.fromtimestamp(first, zone).replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None, fold=0):
        return first
    return change_between(zone, int(wall.replace(fold=1).timestamp()), first)  # skipped: fold 1 is before the change


def change_between(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """Return the first second of (before_s, after_s] with the UTC offset of `after_s`; the offsets differ."""
    old = offset_at(zone, before_s)
    while after_s - before_s > 1:
        middle = (before_s + after_s) // 2
        if offset_at(zone, middle) == old:
            before_s = middle
        else:
            after_s = middle
    return after_s


def offset_at(zone: ZoneInfo, second: int) -> int:
    """Return the zone's UTC offset in seconds at this second since 1970."""
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _hour(zone: ZoneInfo, now_s: int) -> tuple[int, int]:
    offset = offset_at(zone, now_s)
    start = now_s - (now_s + offset) % 3600
    end = start + 3600
    if offset_at(zone, start) != offset:
        start = change_between(zone, start, now_s)
    if offset_at(zone, end - 1) != offset:
        end = change_between(zone, now_s, end - 1)
    return start, end


def _date_at(zone: ZoneInfo, now_s: int) -> date:
    """Return the latest date that has begun: the clock may have gone back over midnight since."""
    day = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
    following = day + timedelta(days=1)
    return following if first_instant(zone, following) <= now_s else day
