"""Timers: which lanes want a tick, and how long until the next one.

A timer is derived by its stage from its tables; the engine only asks `due_at`, and only of lanes that run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from streams.lanes import Lane
from streams.stage import Stage

log = logging.getLogger(__name__)
#: A timer that its tick has not moved would open one epoch after the other: it is asked again after this pause.
STUCK_MS = 1000


def has_timers(stage: Stage) -> bool:
    """Return whether the stage answers `due_at` at all; the others are never asked."""
    return type(stage).due_at is not Stage.due_at


def due(lanes: Iterable[Lane], now_ms: int) -> list[Lane]:
    """Return the lanes whose timers are due."""
    return [lane for lane in lanes if (at := lane.stage.due_at(lane.partition)) is not None and at <= now_ms]


def next_due(lanes: Iterable[Lane]) -> int | None:
    """Return when the earliest timer of these lanes is due, or None."""
    return min((at for lane in lanes if (at := lane.stage.due_at(lane.partition)) is not None), default=None)


def check_moved(lanes: Iterable[Lane], ticked_ms: int, monotonic_ms: int) -> None:
    """Hold back the timers of lanes whose committed tick at `ticked_ms` has left them due."""
    for lane in lanes:
        at = lane.stage.due_at(lane.partition)
        if at is not None and at <= ticked_ms:
            log.error("%s: a tick at %d has left the timer at %d", lane, ticked_ms, at)
            lane.timer_from_ms = monotonic_ms + STUCK_MS
