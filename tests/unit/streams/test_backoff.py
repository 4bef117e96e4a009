"""Stages rest and lost epochs wait, longer each time in a row."""

from __future__ import annotations

from streams.backoff import Losses, Rests


def test_rests_double_up_to_the_longest_and_begin_anew_after_success() -> None:
    rests = Rests(100, 300)
    lengths = []
    now = 0
    for _ in range(4):
        rests.rest("s", "away", now)
        assert rests.resting("s", now) == "away"
        until = next(ms for ms in range(now, now + 1000) if rests.resting("s", ms) is None)
        lengths.append(until - now)
        now = until
    assert lengths == [100, 200, 300, 300]
    assert rests.reasons() == {"s": "away"}, "over, but not yet through"
    rests.through(["s"])
    assert rests.reasons() == {}
    rests.rest("s", "away", now)
    assert rests.resting("s", now + 100) is None


def test_the_first_loss_is_redone_at_once_and_the_next_ones_wait_twice_as_long_each() -> None:
    losses = Losses(100, 300)
    waits = []
    for now in range(0, 5000, 1000):
        losses.lost(now)
        waits.append(losses.left_ms(now))
    assert waits == [0, 100, 200, 300, 300]
    assert losses.left_ms(4250) == 50


def test_a_committed_epoch_ends_the_row_of_losses() -> None:
    losses = Losses(100, 300)
    losses.lost(0)
    losses.ended()
    losses.lost(1000)
    assert (losses.in_a_row, losses.left_ms(1000)) == (1, 0)
