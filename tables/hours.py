"""Opening hours of a buyer: open or closed by the wall clock of its zone, and until when.

A buyer is open while its wall clock shows a minute of its hours, whatever the clocks do: an hour that comes twice is
open twice, one that is skipped is not open at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.records import OpenHours
from tables.windows import FOREVER_MS, change_between, first_instant, first_instant_of, offset_at

#: Days to look ahead for the next change: a week, and one more on both sides for hours that touch at midnight.
_DAYS_AHEAD: Final = 9

#: Schedules kept at once, one for each distinct (zone, hours).
_SCHEDULES_MAX: Final = 4_096


class Shift(NamedTuple):
    """A stretch of [from_ms, until_ms) in which a buyer is open, or closed; FOREVER_MS: no change is in sight."""

    open: bool
    from_ms: int
    until_ms: int


class Schedule:
    """The hours of one buyer, with the current shift kept at hand: asking again compares integers."""

    __slots__ = ("_always", "_by_weekday", "_shift", "_zone")

    def __init__(self, time_zone: str, always_open: bool, hours: tuple[OpenHours, ...]) -> None:
        self._zone = ZoneInfo(time_zone)
        self._always = always_open
        self._by_weekday: tuple[tuple[OpenHours, ...], ...] = tuple(
            tuple(span for span in hours if span.weekday == weekday) for weekday in range(7)
        )
        self._shift = Shift(always_open, 0, FOREVER_MS if always_open or not hours else 0)

    def at(self, now_ms: int) -> Shift:
        """Return the shift of this instant. Its `from_ms` is an instant at which it held, not when it began."""
        shift = self._shift
        if not shift.from_ms <= now_ms < shift.until_ms:
            shift = self._shift = self._shift_at(now_ms)
        return shift

    def _shift_at(self, now_ms: int) -> Shift:
        now_s = now_ms // 1000
        is_open = self._open_at(now_s)
        for second in sorted(set(self._changes(now_s))):
            if second > now_s and self._open_at(second) != is_open:
                return Shift(is_open, now_ms, 1000 * second)
        return Shift(is_open, now_ms, FOREVER_MS)

    def _open_at(self, second: int) -> bool:
        wall = datetime.fromtimestamp(second, self._zone)
        minute = 60 * wall.hour + wall.minute
        return self._always or any(
            span.start_minute <= minute < span.end_minute for span in self._by_weekday[wall.weekday()]
        )

    def _changes(self, now_s: int) -> Iterator[int]:
        """Yield every second at which the buyer may open or close, from yesterday on."""
        today = datetime.fromtimestamp(now_s, self._zone).date()
        for day in (today + timedelta(days=ahead) for ahead in range(-1, _DAYS_AHEAD)):
            yield from self._changes_of(day)

    def _changes_of(self, day: date) -> Iterator[int]:
        midnight, end = first_instant(self._zone, day), first_instant(self._zone, day + timedelta(days=1))
        if end > midnight and offset_at(self._zone, midnight) != offset_at(self._zone, end):
            yield change_between(self._zone, midnight, end)
        for span in self._by_weekday[day.weekday()]:
            for minute in (span.start_minute, span.end_minute):
                wall = datetime(day.year, day.month, day.day, tzinfo=self._zone) + timedelta(minutes=minute)
                yield first_instant_of(self._zone, wall)
                yield int(wall.replace(fold=1).timestamp())


@lru_cache(maxsize=_SCHEDULES_MAX)
def schedule_of(time_zone: str, always_open: bool, hours: tuple[OpenHours, ...]) -> Schedule:
    """Return the schedule of these hours, the same object for the same question."""
    return Schedule(time_zone, always_open, hours)
