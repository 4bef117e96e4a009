"""An epoch may take fewer records while the world is slow, and more again while it is quick."""

from __future__ import annotations

from streams.epoch_size import EpochSize


def test_it_halves_down_to_the_smallest_and_doubles_up_to_the_most() -> None:
    size = EpochSize(100, slow_ms=400)
    for expected in (50, 25, EpochSize.SMALLEST, EpochSize.SMALLEST):
        size.shrink()
        assert size.records == expected
    for expected in (32, 64, 100, 100):
        size.committed(100)
        assert size.records == expected


def test_only_a_quick_epoch_lets_it_grow_and_a_slow_one_shrinks_it() -> None:
    size = EpochSize(100, slow_ms=400)
    size.committed(400)
    assert size.records == 50
    size.committed(101)
    assert size.records == 50


def test_a_worker_with_small_epochs_keeps_them() -> None:
    size = EpochSize(5, slow_ms=400)
    size.shrink()
    assert size.records == 5
