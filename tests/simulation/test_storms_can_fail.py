"""The storms look: with one rule of the engine or of the broker switched off, some seed finds it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.assignment import Assignment
from streams.closing import Closer
from streams.intake import Intake
from streams.lanes import KeptState, Lane
from streams.memory.group import MemoryGroup
from streams.stores import Store
from tests.simulation.storm import Storm, Weather

SEEDS = 40


def without_undo(patch: pytest.MonkeyPatch) -> Weather:
    """An epoch that did not happen leaves its changes in the tables."""
    patch.setattr(Store, "undo", Store.keep)
    return Weather(lost=0.05)


def without_fence(patch: pytest.MonkeyPatch) -> Weather:
    """The group takes offsets of any generation: a zombie's epoch is committed beside its successor's."""
    patch.setattr(MemoryGroup, "check_commit", lambda *_: None)
    return Weather(freeze=0.03)


def without_reading_on(patch: pytest.MonkeyPatch) -> Weather:
    """State that was kept over a revoke is taken as it is, whatever an owner in between has written."""
    restore = Assignment._restore

    def as_it_is(self: Assignment, lane: Lane, start: int, end: int) -> None:
        if lane.kept is not None:
            lane.kept = KeptState(lane.kept.store, end, lane.kept.kept_at_ms)
        restore(self, lane, start, end)

    patch.setattr(Assignment, "_restore", as_it_is)
    return Weather(freeze=0.03, every_ms=300)


def without_giving_back(patch: pytest.MonkeyPatch) -> Weather:
    """The records of an undone epoch are gone."""
    patch.setattr(Intake, "give_back", lambda *_: None)
    return Weather(lost=0.05)


def without_positions(patch: pytest.MonkeyPatch) -> Weather:
    """Changes are written, but no positions: the next owner finds state and offsets at odds."""
    write = Closer._write_lane

    def no_positions(self: Closer, epoch: object, lane: Lane, offsets: dict[object, int]) -> None:
        write(self, epoch, lane, {})  # type: ignore[arg-type]

    patch.setattr(Closer, "_write_lane", no_positions)
    return Weather(crash=0.03)


@pytest.mark.parametrize(
    "switch_off",
    [without_undo, without_fence, without_reading_on, without_giving_back, without_positions],
)
def test_a_storm_finds_a_rule_that_is_switched_off(
    switch_off: Callable[[pytest.MonkeyPatch], Weather], monkeypatch: pytest.MonkeyPatch
) -> None:
    weather = switch_off(monkeypatch)
    for seed in range(SEEDS):
        storm = Storm(weather, seed)
        try:
            storm.run()
            storm.check()
        except AssertionError:
            return
    pytest.fail(f"{SEEDS} storms have not noticed it")
