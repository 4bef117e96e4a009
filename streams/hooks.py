"""Calling a stage's hook: an error that may be undone and judged is handed back, any other ends the process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from schemas.errors import NeedsPerson, StateInDoubt
from streams.closing import Closer
from streams.context import Context
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch
from streams.lanes import Lane
from streams.stage import Batch, Stage


class Hooks:
    """Calls hooks of stages, and counts their CPU."""

    def __init__(self, context: Context, closer: Closer) -> None:
        self._cpu = context.cpu
        self._mark = context.mark
        self._closer = closer

    def attempt(self, stage: Stage, hook: Callable[[], object]) -> Exception | None:
        """Call a hook of a stage, and return its error if it may be undone and judged.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from the stage, or because memory has run out. Of a process that ends
                as it should no record is suspected; memory may well have run out over one.
        """
        try:
            self._cpu.of(stage.name, hook)
        except ENDS_PROCESS:
            self._mark(())
            raise
        except MemoryError as error:
            raise StateInDoubt(f"out of memory in stage {stage.name}") from error
        except Exception as error:
            return error
        return None

    def call(
        self, epoch: OpenEpoch, hook: Callable[[], object], lanes: tuple[Lane, ...], batches: tuple[Batch, ...] = ()
    ) -> None:
        """Call a hook of the stage of `lanes`; it is about `batches`, one of whose records is to blame if it fails.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: as `attempt`.
        """
        try:
            error = self.attempt(lanes[0].stage, hook)
        except NeedsPerson:  # nobody starts it again: readers would wait for the time-out
            self._closer.abort(epoch)
            raise
        if error is not None:
            epoch.fail(Failure(error, lanes, batches))

    def restored(self, epoch: OpenEpoch) -> None:
        """Call `restored` for the lanes of an epoch that have been restored and not run yet. Raises: as `attempt`."""
        for lane in list(epoch.lanes):
            if lane.fresh and epoch.failure is None:
                hook = partial(lane.stage.restored, lane.partition, epoch.views[lane.stage.name])
                self.call(epoch, hook, (lane,))

    def process(self, epoch: OpenEpoch, lane: Lane, batch: Batch) -> None:
        """Call `process` for a batch of a lane. Raises: as `attempt`."""
        self.call(epoch, partial(lane.stage.process, batch, epoch.views[lane.stage.name]), (lane,), (batch,))

    def tick(self, epoch: OpenEpoch) -> None:
        """Call `tick` for the lanes of an epoch whose timers are due. Raises: as `attempt`."""
        for lane in epoch.due:
            if epoch.failure is None:
                hook = partial(lane.stage.tick, lane.partition, epoch.views[lane.stage.name])
                self.call(epoch, hook, (lane,))
