"""Timers: which lanes want a tick, and how long until the next one.

A timer is derived by its stage from its tables; the engine only asks `due_at`, and only of lanes that run.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.lanes import Lane
from streams.stage import Stage

#: A timer that its tick leaves due (more to do, or a bug) is asked again after this pause: it must not spin.
PACE_MS = 10


def has_timers(stage: Stage) -> bool:
    """Return whether the stage answers `due_at` at all; the others are never asked."""
    return type(stage).due_at is not Stage.due_at


def due(lanes: Iterable[Lane], now_ms: int) -> list[Lane]:
    """Return the lanes whose timers are due."""
    return [lane for lane in lanes if (at := lane.stage.due_at(lane.partition)) is not None and at <= now_ms]


def next_due(lanes: Iterable[Lane]) -> int | None:
    """Return when the earliest timer of these lanes is due, or None."""
    return min((at for lane in lanes if (at := lane.stage.due_at(lane.partition)) is not None), default=None)


def pace(lanes: Iterable[Lane], ticked_ms: int, monotonic_ms: int) -> None:
    """Hold back for a moment the timers of lanes whose committed tick at `ticked_ms` has left them due."""
    for lane in lanes:
        at = lane.stage.due_at(lane.partition)
        if at is not None and at <= ticked_ms:
            lane.timer_from_ms = monotonic_ms + PACE_MS
