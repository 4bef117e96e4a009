"""Preparing: each stage does its I/O for the records that it is about to be given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from schemas.errors import Unavailable
from streams.admission import Admission
from streams.context import Context
from streams.epoch import Failure, OpenEpoch
from streams.events import PrepareSlow
from streams.hooks import Hooks
from streams.lanes import Lane
from streams.stage import Batch, Stage

#: Decides what follows from a failure; told as well whether its batch stood alone.
Judge = Callable[[Failure, bool], None]


class Preparer:
    """Calls `prepare` of stages that have one, each with all its batches together."""

    def __init__(self, context: Context, admission: Admission, hooks: Hooks) -> None:
        self._clock = context.clock
        self._limit_ms = context.options.prepare_limit_ms
        self._on_event = context.on_event
        self._mark = context.mark
        self._assignment = context.assignment
        self._intake = context.intake
        self._size = context.size
        self._admission = admission
        self._hooks = hooks
        self._preparing = {stage for stage in context.stages if type(stage).prepare is not Stage.prepare}

    def before(self, batches: Sequence[Batch], judge: Judge) -> Sequence[Batch]:
        """Prepare for an epoch that is to be opened; return the batches of the stages that got through.

        A stage that does not is judged at once and its batches are given back; the others go on without it.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from a stage; nothing is given back.
        """
        by_stage = self._by_stage(batches)
        self._mark(batches)
        self._admission.arrived(by_stage)
        ready: list[Batch] = []
        for stage, own in by_stage.items():
            if stage not in self._preparing or self._prepared(stage, own, judge):
                ready.extend(own)
        if len(ready) < len(batches):
            self._mark(ready)
        return ready

    def within(self, epoch: OpenEpoch, batches: Sequence[Batch]) -> None:
        """Prepare for a further round of an epoch, which fails with the first stage that does not get through.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from a stage.
        """
        for stage, own in self._by_stage(batches).items():
            if stage in self._preparing and epoch.failure is None:
                self._hooks.call(epoch, partial(stage.prepare, own), self._lanes(own), tuple(own))

    def _prepared(self, stage: Stage, batches: Sequence[Batch], judge: Judge) -> bool:
        began_ms = self._clock.monotonic_ms()
        error = self._hooks.attempt(stage, partial(stage.prepare, batches))
        took_ms = self._clock.monotonic_ms() - began_ms
        if 2 * took_ms >= self._limit_ms:  # near its limit, or beyond: fewer records will take less
            self._size.shrink()
        if error is not None:
            self._intake.give_back(batches)
            if isinstance(error, Unavailable):
                self._admission.halt(stage)
            judge(Failure(error, self._lanes(batches), tuple(batches)), len(batches) == 1)
        elif took_ms > self._limit_ms:
            self._on_event(PrepareSlow(stage.name, took_ms))
        return error is None

    def _by_stage(self, batches: Sequence[Batch]) -> dict[Stage, list[Batch]]:
        by_stage: dict[Stage, list[Batch]] = {}
        for batch, lane in zip(batches, self._lanes(batches), strict=True):
            by_stage.setdefault(lane.stage, []).append(batch)
        return by_stage

    def _lanes(self, batches: Sequence[Batch]) -> tuple[Lane, ...]:
        return tuple(self._assignment.lane_of[batch.place] for batch in batches)
