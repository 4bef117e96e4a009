"""Windows are calendar windows of the zone, also where the clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tables.windows import Calendar, Moment, calendar_of
from tests.support.chance import draws

HOUR = 3_600_000
DAY = 24 * HOUR
YEAR_1990_S = 631_152_000
YEAR_2037_S = 2_114_380_800
ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "Africa/Cairo",
    "Pacific/Apia",
    "UTC",
]


def at(zone: str, *wall: int, fold: int = 0) -> int:
    return int(datetime(*wall, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)  # type: ignore[arg-type, misc]


def windows(zone: str, now_ms: int, week_starts: int = 0) -> Moment:
    return Calendar(zone, week_starts).at(now_ms)


def test_an_ordinary_tuesday_in_los_angeles() -> None:
    zone = "America/Los_Angeles"
    moment = windows(zone, at(zone, 2026, 6, 2, 10, 20))
    assert moment.starts.hour_at == at(zone, 2026, 6, 2, 10)
    assert moment.ends.hour_at == at(zone, 2026, 6, 2, 11)
    assert moment.starts.day_at == at(zone, 2026, 6, 2)
    assert moment.starts.week_at == at(zone, 2026, 6, 1)
    assert moment.ends.week_at == at(zone, 2026, 6, 8)
    assert moment.starts.month_at == at(zone, 2026, 6, 1)
    assert moment.ends.month_at == at(zone, 2026, 7, 1)


def test_a_window_begins_with_its_first_millisecond() -> None:
    zone = "America/New_York"
    midnight = at(zone, 2026, 6, 3)
    assert windows(zone, midnight - 1).ends.day_at == midnight
    assert windows(zone, midnight).starts.day_at == midnight


@pytest.mark.parametrize(("date", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 6, 2), 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(date: tuple[int, int, int], hours: int) -> None:
    moment = windows("America/Los_Angeles", at("America/Los_Angeles", *date, 12))
    assert moment.ends.day_at - moment.starts.day_at == hours * HOUR


def test_the_hour_that_comes_twice_is_two_windows() -> None:
    zone = "America/Los_Angeles"
    first = windows(zone, at(zone, 2026, 11, 1, 1, 30))
    second = windows(zone, at(zone, 2026, 11, 1, 1, 30, fold=1))
    assert first.ends.hour_at == second.starts.hour_at
    assert first.ends.hour_at - first.starts.hour_at == second.ends.hour_at - second.starts.hour_at == HOUR


def test_a_change_by_half_an_hour_cuts_an_hour_short() -> None:
    zone = "Australia/Lord_Howe"
    before = windows(zone, at(zone, 2026, 4, 5, 1, 45))
    after = windows(zone, at(zone, 2026, 4, 5, 1, 45, fold=1))
    assert before.ends.hour_at == after.starts.hour_at == at(zone, 2026, 4, 5, 1, 59) + 60_000
    assert after.ends.hour_at - after.starts.hour_at == HOUR // 2


def test_a_day_whose_midnight_is_skipped_begins_with_the_change() -> None:
    zone = "America/Havana"
    moment = windows(zone, at(zone, 2026, 3, 8, 12))
    assert moment.starts.day_at == at(zone, 2026, 3, 7, 23, 59) + 60_000
    assert moment.ends.day_at - moment.starts.day_at == 23 * HOUR


def test_a_day_that_is_skipped_belongs_to_the_next() -> None:
    zone = "Pacific/Apia"
    before = windows(zone, at(zone, 2011, 12, 29, 23))
    assert before.ends.day_at == at(zone, 2011, 12, 31)


def test_clocks_that_go_back_over_midnight_open_no_day_again_and_cut_the_hour() -> None:
    """At 00:01 on 7 November 2010 it was 23:01 on the 6th again."""
    zone = "America/St_Johns"
    before, again = at(zone, 2010, 11, 7, 0, 0), at(zone, 2010, 11, 6, 23, 30, fold=1)
    first, second = windows(zone, before), windows(zone, again)
    assert first.starts.day_at == second.starts.day_at == before
    assert first.ends.day_at == second.ends.day_at == at(zone, 2010, 11, 8)
    assert (first.starts.hour_at, first.ends.hour_at) == (before, before + 60_000)
    assert second.starts.hour_at == before + 60_000


def test_a_week_may_start_on_sunday() -> None:
    zone = "America/Chicago"
    moment = windows(zone, at(zone, 2026, 6, 2, 10), week_starts=6)
    assert moment.starts.week_at == at(zone, 2026, 5, 31)


def test_the_same_moment_is_kept_within_its_hour() -> None:
    calendar = Calendar("Asia/Kathmandu", 0)
    now = at("Asia/Kathmandu", 2026, 6, 2, 10, 20)
    assert calendar.at(now) is calendar.at(now + 60_000)
    assert calendar.at(now) is not calendar.at(now + HOUR)
    assert calendar_of("Asia/Kathmandu", 0) is calendar_of("Asia/Kathmandu", 0)


@pytest.mark.parametrize("zone", ZONES)
def test_windows_hold_their_instant_and_never_overlap(zone: str) -> None:
    """Two instants are in the same window, or in two of which the first ends before the second starts."""
    for seed, draw in draws(20):
        now = 1000 * draw.randint(YEAR_1990_S, YEAR_2037_S)
        then = now + draw.randint(0, draw.choice((HOUR, DAY, 40 * DAY)))
        one, other = windows(zone, now), windows(zone, then)
        for kind in ("hour_at", "day_at", "week_at", "month_at"):
            start, end = getattr(one.starts, kind), getattr(one.ends, kind)
            assert start <= now < end, f"seed {seed}"
            following = getattr(other.starts, kind)
            assert following == start if then < end else following >= end, f"seed {seed}"


@pytest.mark.parametrize("zone", ZONES)
def test_every_end_is_the_next_windows_start(zone: str) -> None:
    for seed, draw in draws(15):
        moment = windows(zone, 1000 * draw.randint(YEAR_1990_S, YEAR_2037_S))
        for kind in ("hour_at", "day_at", "week_at", "month_at"):
            end = getattr(moment.ends, kind)
            assert getattr(windows(zone, end).starts, kind) == end, f"seed {seed}"
