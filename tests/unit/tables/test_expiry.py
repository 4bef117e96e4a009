"""What is older than its horizon goes, oldest first and in bounded steps."""

from __future__ import annotations

from schemas.codec import Codec
from schemas.records import Routed
from streams.stores import StoreTable
from tables import expiry
from tables.routed import routed_at

DAY = 86_400_000


def table(*ages_at: int) -> StoreTable:
    made = StoreTable("routed", Routed, Codec().decode)
    for number, at in enumerate(ages_at):
        made.put(f"lead-{number}", Routed(1, 0, number, at))
    return made


def test_forgets_what_is_past_the_horizon_and_keeps_the_rest() -> None:
    routed = table(0, DAY, 2 * DAY)
    again_at = expiry.expire(routed, routed_at, DAY, 2 * DAY)
    assert list(routed.keys()) == ["lead-2"]
    assert again_at == 3 * DAY


def test_an_empty_table_is_looked_at_again_after_a_horizon() -> None:
    assert expiry.expire(table(), routed_at, DAY, 5 * DAY) == 6 * DAY


def test_a_step_is_bounded_and_soon_followed_by_the_next() -> None:
    routed = table(*[0] * (expiry.STEP_MAX + 5))
    again_at = expiry.expire(routed, routed_at, DAY, 2 * DAY)
    assert len(routed) == 5
    assert again_at == 2 * DAY + 1_000
    expiry.expire(routed, routed_at, DAY, again_at)
    assert len(routed) == 0


def test_entries_that_expire_one_by_one_do_not_each_wake_the_owner() -> None:
    assert expiry.expire(table(1), routed_at, DAY, DAY) == DAY + 60_000
