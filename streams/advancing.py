"""Advancing: what a committed epoch changed becomes final, and what is known of the world is brought up to it."""

from __future__ import annotations

from streams.closing import Closer
from streams.context import Context
from streams.crash_file import CrashFile
from streams.epoch import OpenEpoch
from streams.fetching import Fetcher
from streams.rounds import Rounds
from streams.setting_aside import SettingAside
from streams.timers import pace


class Advancer:
    """Takes the step from a committed epoch to the next one; the counterpart of `Failures.undo`."""

    def __init__(
        self,
        context: Context,
        *,
        crash_file: CrashFile | None,
        rounds: Rounds,
        closer: Closer,
        setting_aside: SettingAside,
        fetcher: Fetcher,
    ) -> None:
        self._clock = context.clock
        self._assignment = context.assignment
        self._suspects = context.suspects
        self._rests = context.rests
        self._losses = context.losses
        self._size = context.size
        self._crash_file = crash_file
        self._rounds = rounds
        self._closer = closer
        self._setting_aside = setting_aside
        self._fetcher = fetcher

    def advance(self, epoch: OpenEpoch) -> None:
        """Keep the state, move positions on, forget failures that are behind."""
        self._keep(epoch)
        now_ms = self._clock.monotonic_ms()
        self._rounds.committed(epoch, now_ms)
        self._setting_aside.committed(epoch)
        self._rests.through({lane.stage.name for lane in epoch.lanes})
        self._losses.ended()
        self._size.committed(self._closer.last_ms)
        if epoch.due:
            pace(epoch.due, epoch.now_ms, now_ms)
        self._fetcher.await_own(epoch.handover.left_behind)

    def _keep(self, epoch: OpenEpoch) -> None:
        offsets = epoch.offsets()
        for lane in epoch.lanes:
            lane.fresh = False
            if lane.store is not None:
                lane.store.keep()
        for partition, offset in offsets.items():
            self._assignment.lane_of[partition].next[partition] = offset
            if self._suspects:
                self._suspects.committed(partition, offset)
            if self._crash_file is not None:
                self._crash_file.committed(partition, offset)
