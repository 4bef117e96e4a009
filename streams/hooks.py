"""Calling a stage's hook inside an epoch: what may be undone and judged fails the epoch, the rest ends the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.errors import NeedsPerson, StateInDoubt
from streams.closing import Closer
from streams.cpu import Cpu
from streams.epoch import ENDS_PROCESS, Failure, OpenEpoch
from streams.lanes import Lane
from streams.stage import Batch


class Hooks:
    """Calls hooks of stages, and counts their CPU."""

    def __init__(self, cpu: Cpu, closer: Closer, mark: Callable[[Sequence[Batch]], object]) -> None:
        """`mark` is told what is being processed: of a process that ends as it should no record is suspected."""
        self._cpu = cpu
        self._closer = closer
        self._mark = mark

    def call(
        self, epoch: OpenEpoch, hook: Callable[[], object], lanes: tuple[Lane, ...], batches: tuple[Batch, ...] = ()
    ) -> None:
        """Call a hook of the stage of `lanes`; it is about `batches`, one of whose records is to blame if it fails.

        Raises:
            StateInDoubt, Fenced, NeedsPerson: from the stage, or because memory has run out.
        """
        try:
            self._cpu.of(lanes[0].stage.name, hook)
        except ENDS_PROCESS as error:
            self._mark(())
            if isinstance(error, NeedsPerson):  # nobody starts it again: readers would wait for the time-out
                self._closer.abort(epoch)
            raise
        except MemoryError as error:
            raise StateInDoubt("out of memory while processing") from error
        except Exception as error:
            epoch.fail(Failure(error, lanes, batches))
