"""Caps count from the first sale, refuse in time, and their windows never go back."""

from __future__ import annotations

import pytest

from schemas.records import Cap, Counters
from tables import caps
from tables.windows import FOREVER_MS, Calendar
from tests.support.chance import draws

PACIFIC = Calendar("America/Los_Angeles", 0)
NOW = 1_780_419_600_000  # Tuesday 2 June 2026, 10:00 Pacific
HOUR = 3_600_000
DAY = 24 * HOUR


def rolled(counters: Counters | None, now_ms: int, calendar: Calendar = PACIFIC) -> Counters:
    return caps.roll(counters, calendar.at(now_ms), now_ms)


def sold(counters: Counters | None, now_ms: int, price_minor: int = 100, times: int = 1) -> Counters:
    account = caps.Account(rolled(counters, now_ms))
    for _ in range(times):
        account.count(price_minor)
    return account.close()


def first_full(counters: Counters, all_caps: tuple[Cap, ...], price_minor: int) -> Cap | None:
    return caps.Account(counters).first_full(all_caps, price_minor)


def test_every_window_counts_from_the_first_sale() -> None:
    counters = sold(None, NOW, 250, times=2)
    for window in (counters.hour, counters.day, counters.week, counters.month, counters.total):
        assert (window.leads, window.spend_minor) == (2, 500)
    assert (counters.total.start_at, counters.total.end_at) == (0, FOREVER_MS)


def test_a_window_that_is_over_starts_anew_and_the_longer_ones_go_on() -> None:
    counters = rolled(sold(None, NOW, times=3), NOW + HOUR)
    assert (counters.hour.leads, counters.day.leads, counters.total.leads) == (0, 3, 3)
    assert counters.hour.start_at == NOW + HOUR


def test_nothing_changes_within_a_window() -> None:
    counters = sold(None, NOW)
    assert rolled(counters, NOW + HOUR - 1) is counters


def test_a_clock_that_goes_back_stays_in_the_window() -> None:
    counters = sold(None, NOW + DAY)
    assert rolled(counters, NOW) is counters


def test_a_changed_zone_takes_effect_with_the_next_window() -> None:
    tokyo = Calendar("Asia/Tokyo", 0)
    counters = sold(None, NOW, times=5)
    ends_at = counters.day.end_at
    same_day = caps.roll(counters, tokyo.at(ends_at - 1), ends_at - 1)
    assert same_day.day.leads == 5
    next_day = caps.roll(counters, tokyo.at(ends_at), ends_at)
    assert next_day.day.leads == 0
    assert next_day.day.end_at == tokyo.at(ends_at).ends.day_at


def test_a_month_of_the_old_zone_ends_by_itself() -> None:
    """In Kolkata a month ends at half past an hour, after the shorter windows have gone over to the new zone."""
    kolkata, utc = Calendar("Asia/Kolkata", 0), Calendar("UTC", 0)
    ends_at = kolkata.at(NOW).ends.month_at
    account = caps.Account(rolled(None, NOW, kolkata))
    account.count(100)
    before = rolled(account.close(), ends_at - 1, utc)
    after = rolled(before, ends_at, utc)
    assert (before.month.leads, after.month.leads) == (1, 0)
    assert after.hour is before.hour


def test_windows_start_later_than_the_ones_before_whatever_the_zone() -> None:
    """A day of 25 hours in the new zone began with the one of 24 that is over: it starts where that one ended."""
    puerto_rico, new_york = Calendar("America/Puerto_Rico", 0), Calendar("America/New_York", 0)
    sunday = 1_793_505_600_000  # 1 November 2026, 04:00 UTC: midnight in both
    account = caps.Account(rolled(None, sunday, puerto_rico))
    account.count(100)
    before, ends_at = account.close().day, sunday + DAY
    after = caps.roll(account.close(), new_york.at(ends_at), ends_at).day
    assert (before.start_at, before.end_at, new_york.at(ends_at).starts.day_at) == (sunday, ends_at, sunday)
    assert (after.start_at, after.end_at, after.leads) == (ends_at, ends_at + HOUR, 0)


def test_a_contract_counts_in_the_windows_of_its_buyer() -> None:
    """Another contract has opened the next window, and the clock went back: the sale is in one window for both."""
    of_contract = sold(None, NOW, times=3)
    of_buyer = sold(sold(None, NOW, times=3), NOW + HOUR)
    aligned = caps.align(of_contract, rolled(of_buyer, NOW))
    assert (aligned.hour.leads, aligned.hour.start_at) == (0, of_buyer.hour.start_at)
    assert (aligned.day.leads, aligned.total.leads) == (3, 3)
    assert caps.align(of_contract, of_contract) is of_contract
    assert caps.Account(caps.align(None, of_buyer)).windows == caps.Account(of_buyer).windows


@pytest.mark.parametrize(("used", "refused"), [(4, False), (5, True), (6, True)])
def test_leads_are_refused_when_used_reaches_the_limit(used: int, refused: bool) -> None:
    counters = sold(None, NOW, times=used)
    assert (first_full(counters, (Cap("leads", "day", 5),), 100) is not None) is refused


def test_a_lowered_cap_refuses_though_used_never_equals_it() -> None:
    assert first_full(sold(None, NOW, times=5), (Cap("leads", "day", 2),), 100) is not None


@pytest.mark.parametrize(("price", "refused"), [(100, False), (101, True)])
def test_spend_is_refused_when_used_and_price_pass_the_limit(price: int, refused: bool) -> None:
    counters = sold(None, NOW, 900)
    assert (first_full(counters, (Cap("spend", "day", 1000),), price) is not None) is refused


def test_a_cap_set_at_noon_sees_the_morning() -> None:
    counters = rolled(sold(None, NOW, times=3), NOW + 2 * HOUR)
    full = first_full(counters, (Cap("leads", "day", 3),), 100)
    assert full == Cap("leads", "day", 3)


def test_leads_are_checked_before_spend_and_short_windows_first() -> None:
    mixed = [Cap("spend", "hour", 1), Cap("leads", "total", 1), Cap("leads", "day", 1), Cap("spend", "day", 1)]
    assert [(cap.measure, cap.window) for cap in caps.in_order(mixed)] == [
        ("leads", "day"),
        ("leads", "total"),
        ("spend", "hour"),
        ("spend", "day"),
    ]


def test_uses_show_each_cap_before_and_after() -> None:
    counters = sold(None, NOW, 300, times=38)
    leads, spend = caps.Account(counters).uses("buyer", (Cap("leads", "day", 40), Cap("spend", "day", 20_000)), 300)
    assert (leads.before, leads.after, leads.limit) == (38, 39, 40)
    assert (spend.before, spend.after, spend.limit) == (11_400, 11_700, 20_000)
    assert leads.window_start_at == counters.day.start_at


def test_no_window_ever_goes_back_and_none_loses_a_sale() -> None:
    """Whatever the clock and the zone do: starts never fall, and a sale is in the window that was returned for it."""
    for seed, draw in draws(20):
        counters: Counters | None = None
        for sales in range(1, 41):
            offset = draw.randint(-2 * DAY, draw.choice((HOUR, DAY, 40 * DAY)))
            zone = draw.choice(("America/Los_Angeles", "Asia/Tokyo", "UTC"))
            before, counters = counters, rolled(counters, NOW + offset, Calendar(zone, 0))
            for kind in ("hour", "day", "week", "month", "total"):
                new = getattr(counters, kind)
                old = getattr(before, kind) if before else None
                assert old is None or new.start_at > old.start_at or new == old, f"seed {seed}"
                assert NOW + offset < new.end_at, f"seed {seed}"
            counters = sold(counters, NOW + offset, 7)
            assert (counters.total.leads, counters.total.spend_minor) == (sales, 7 * sales), f"seed {seed}"
