"""Opening hours go by the wall clock of the buyer's zone."""

from __future__ import annotations

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.records import OpenHours
from tables.hours import Schedule, schedule_of
from tables.windows import FOREVER_MS
from tests.support.chance import draws

PACIFIC = "America/Los_Angeles"
SUNCO = (*(OpenHours(day, 480, 1200) for day in range(5)), OpenHours(5, 540, 1020))


def at(zone: str, *wall: int, fold: int = 0) -> int:
    return int(datetime(*wall, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)  # type: ignore[arg-type, misc]


def test_open_from_the_first_minute_to_before_the_last() -> None:
    schedule = Schedule(PACIFIC, False, SUNCO)
    opens, closes = at(PACIFIC, 2026, 6, 2, 8), at(PACIFIC, 2026, 6, 2, 20)
    assert not schedule.at(opens - 1).open
    assert schedule.at(opens).open
    assert schedule.at(closes - 1).open
    assert not schedule.at(closes).open


def test_a_shift_says_when_it_ends() -> None:
    schedule = Schedule(PACIFIC, False, SUNCO)
    assert schedule.at(at(PACIFIC, 2026, 6, 2, 10)).until_ms == at(PACIFIC, 2026, 6, 2, 20)
    assert schedule.at(at(PACIFIC, 2026, 6, 2, 21)).until_ms == at(PACIFIC, 2026, 6, 3, 8)
    assert schedule.at(at(PACIFIC, 2026, 6, 6, 18)).until_ms == at(PACIFIC, 2026, 6, 8, 8)  # over Sunday


def test_always_open_never_changes() -> None:
    shift = Schedule("UTC", True, ()).at(0)
    assert (shift.open, shift.until_ms) == (True, FOREVER_MS)


def test_without_hours_it_never_opens() -> None:
    shift = Schedule("UTC", False, ()).at(0)
    assert (shift.open, shift.until_ms) == (False, FOREVER_MS)


def test_hours_that_meet_at_midnight_are_one_shift() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(0, 1080, 1440), OpenHours(1, 0, 120)))
    assert schedule.at(at(PACIFIC, 2026, 6, 1, 20)).until_ms == at(PACIFIC, 2026, 6, 2, 2)


def test_all_day_every_day_has_no_end() -> None:
    schedule = Schedule(PACIFIC, False, tuple(OpenHours(day, 0, 1440) for day in range(7)))
    assert schedule.at(at(PACIFIC, 2026, 6, 1, 20)).until_ms == FOREVER_MS


def test_one_day_a_week_finds_the_next_week() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(0, 480, 540),))
    assert schedule.at(at(PACIFIC, 2026, 6, 1, 9)).until_ms == at(PACIFIC, 2026, 6, 8, 8)


def test_an_hour_that_is_skipped_is_not_open() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(6, 120, 180),))  # Sunday 2:00-3:00 does not exist on 8 March 2026
    assert schedule.at(at(PACIFIC, 2026, 3, 8, 1, 30)).until_ms == at(PACIFIC, 2026, 3, 15, 2)


def test_an_opening_that_is_skipped_opens_with_the_change() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(6, 150, 300),))
    assert schedule.at(at(PACIFIC, 2026, 3, 8, 1)).until_ms == at(PACIFIC, 2026, 3, 8, 3)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(6, 90, 105),))  # Sunday 1:30-1:45
    first, second = at(PACIFIC, 2026, 11, 1, 1, 30), at(PACIFIC, 2026, 11, 1, 1, 30, fold=1)
    assert schedule.at(first).open
    assert schedule.at(first + 900_000).until_ms == second
    assert schedule.at(second).open


def test_clocks_that_go_back_into_the_hours_open_again_with_the_change() -> None:
    schedule = Schedule(PACIFIC, False, (OpenHours(6, 0, 90),))  # Sunday 0:00-1:30; at 2:00 it is 1:00 again
    closed = schedule.at(at(PACIFIC, 2026, 11, 1, 1, 45))
    assert (closed.open, closed.until_ms) == (False, at(PACIFIC, 2026, 11, 1, 1, fold=1))
    assert schedule.at(closed.until_ms).open


def test_clocks_that_go_back_over_midnight_open_the_evening_again() -> None:
    """At 00:01 on Sunday 7 November 2010 it was 23:01 on Saturday again."""
    zone = "America/St_Johns"
    closed = Schedule(zone, False, (OpenHours(5, 1410, 1440),)).at(at(zone, 2010, 11, 7, 0, 0))
    assert (closed.open, closed.until_ms) == (False, at(zone, 2010, 11, 6, 23, 30, fold=1))


def test_a_clock_that_goes_back_is_answered_anew() -> None:
    schedule = schedule_of(PACIFIC, False, SUNCO)
    assert not schedule.at(at(PACIFIC, 2026, 6, 2, 21)).open
    assert schedule.at(at(PACIFIC, 2026, 6, 2, 19)).open


def span(draw: random.Random) -> OpenHours:
    """Return hours of any day, and many of a Sunday's night."""
    latest = draw.choice((180, 1441))
    start, end = sorted(draw.sample(range(latest), 2))
    return OpenHours(draw.choice((6, draw.randrange(7))), start, end)


#: Zones with noons of 2026 after which their clocks change within a day; all but the last on a Sunday.
ZONES = {
    PACIFIC: (at(PACIFIC, 2026, 3, 7, 12), at(PACIFIC, 2026, 10, 31, 12)),
    "Australia/Lord_Howe": (at("Australia/Lord_Howe", 2026, 4, 4, 12), at("Australia/Lord_Howe", 2026, 10, 3, 12)),
    "America/Havana": (at("America/Havana", 2026, 3, 7, 12), at("America/Havana", 2026, 10, 31, 12)),
    "UTC": (at("UTC", 2026, 6, 2, 12),),
}


def is_shown_open(hours: tuple[OpenHours, ...], second: int, zone: str) -> bool:
    wall = datetime.fromtimestamp(second, ZoneInfo(zone))
    minute = 60 * wall.hour + wall.minute
    return any(h.weekday == wall.weekday() and h.start_minute <= minute < h.end_minute for h in hours)


@pytest.mark.parametrize("zone", ZONES)
def test_a_shift_holds_until_its_end_and_no_longer(zone: str) -> None:
    for seed, draw in draws(60):
        hours = tuple(span(draw) for _ in range(draw.randint(0, 6)))
        second = draw.choice(ZONES[zone]) // 1000 + draw.randint(0, draw.choice((86_400, 20_000_000)))
        schedule = Schedule(zone, False, hours)
        shift = schedule.at(1000 * second)
        until = min(shift.until_ms // 1000, second + 86_400)
        assert {is_shown_open(hours, at, zone) for at in range(second, until, 900)} == {shift.open}, f"seed {seed}"
        if shift.until_ms < FOREVER_MS:
            assert schedule.at(shift.until_ms - 1).open == shift.open, f"seed {seed}"
            assert schedule.at(shift.until_ms).open != shift.open, f"seed {seed}"
