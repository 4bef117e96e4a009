"""Drives the engine under Faust: blocking calls in one thread of their own, agents in the event loop, in turn.

    engine thread   open: poll, settle, collect, prepare ──┐                           ┌── close: timers, transaction
    event loop                                             └─ agents, round by round ──┘     web, signals (always)

The engine thread waits while agents run and agents wait while it runs, so stages need no locks. Between two rounds it
is asked only if records have to be written first. One event goes to an agent per (partition, epoch and round). Whatever
an agent lets escape fails the worker before Faust could acknowledge anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from faust.types import TP

from config.logs import named
from schemas.errors import EXIT_RESTART, Unavailable
from streams.engine import Engine
from streams.epoch import OpenEpoch
from streams.faust_parts import event_message
from streams.stage import Batch, TopicPartition
from streams.state import EngineState
from streams.watchdog import Watchdog, die

if TYPE_CHECKING:
    from streams.app import LeadflowApp

log = logging.getLogger("leadflow.worker")

T = TypeVar("T")

POLL_S = 0.1
"""Longest wait of one `open`; SIGTERM is seen after it at the latest."""

RETRY_S = 1.0
"""Between two attempts to reach a cluster that is away."""

PROCESSING_S = 45.0
"""A step of an epoch that takes longer hangs in a hook of a stage. Below max.poll.interval (60 s): we end before."""

END_S = 20.0
"""A worker that does not end its epoch and leave within this is ended."""


class EngineDriver:
    """The loop of one worker; made in any thread, `begin` and `end` run in the event loop.

    `make_engine` is called in the engine thread, again and again while it raises Unavailable.
    `end_process(code, reason)` must not return to a caller that goes on; see `streams.watchdog.die`.
    """

    def __init__(self, make_engine: Callable[[], Engine], end_process: Callable[[int, str], None] = die) -> None:
        self._make_engine = make_engine
        self._end_process = end_process
        self._engine: Engine | None = None
        self._app: LeadflowApp | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leadflow-engine")
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._known: set[TP] = set()
        self._left = 0
        self._delivered: asyncio.Future[None] | None = None
        self._watchdog: Watchdog | None = None

    # --- for others ------------------------------------------------------------------------------------------

    def state(self) -> EngineState:
        """Return a snapshot of the engine; before it is made, of none."""
        if self._engine is None:
            return EngineState(not_ready=("waiting for Kafka",))
        return self._engine.state()

    def owned(self) -> tuple[TopicPartition, ...]:
        """Return the source partitions of this worker."""
        return self.state().owned

    def process(self, batch: Batch) -> None:
        """Let the engine process a delivered batch: all that an agent does."""
        try:
            if self._engine is None or self._delivered is None:
                raise RuntimeError("a batch was processed outside of an epoch")
            self._engine.process(batch)
        except BaseException as problem:
            self.fall(problem)
            raise
        self._left -= 1
        if self._left == 0 and not self._delivered.done():
            self._delivered.set_result(None)

    def fall(self, problem: BaseException) -> None:
        """Something that nobody handles: the epoch fails, and the process ends."""
        if isinstance(problem, asyncio.CancelledError) and self._stopping:
            return
        if self._delivered is not None and not self._delivered.done():
            self._delivered.set_exception(problem if isinstance(problem, Exception) else RuntimeError(repr(problem)))
        else:
            self._exit(problem)

    # --- life ------------------------------------------------------------------------------------------------

    def begin(self, app: LeadflowApp) -> None:
        """Start the loop, once."""
        if self._task is None:
            self._app = app
            self._watchdog = Watchdog(self._end_process)
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def end(self) -> None:
        """Let the running epoch end, leave the group, end the thread. Ends the process when that takes too long."""
        self._stopping = True
        if self._task is None:
            return
        task, self._task = self._task, None
        done, _ = await asyncio.wait([task], timeout=END_S)
        if not done:
            self._end_process(EXIT_RESTART, "the worker did not end in time")
        if self._watchdog is not None:
            self._watchdog.close()
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        try:
            await self._connect()
            while not self._stopping:
                await self._turn()
            if self._engine is not None:
                await self._in_thread(self._engine.stop)
        except BaseException as problem:
            self._exit(problem)

    async def _connect(self) -> None:
        """Make and start the engine; a cluster that is away is waited for."""
        while not self._stopping:
            try:
                engine = await self._in_thread(self._make_engine)
                self._engine = engine
                await self._in_thread(engine.start)
            except Unavailable as away:
                log.warning("waiting for Kafka: %s", away)
                if self._engine is not None:
                    engine, self._engine = self._engine, None
                    await self._in_thread(engine.stop)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _turn(self) -> None:
        """Run one epoch, or find that there is nothing to do."""
        engine = self._engine
        if engine is None:
            return
        try:
            epoch = await self._watched("preparing an epoch", engine.open, POLL_S)
        except Unavailable as away:
            log.warning("waiting: %s", away)
            await asyncio.sleep(RETRY_S)
            return
        if epoch is None:
            return
        batches: Sequence[Batch] = epoch.batches
        while batches:
            await self._deliver(epoch, batches)
            batches = await self._further(engine, epoch)
        await self._watched(f"the end of epoch {epoch.number}", engine.close, epoch)

    async def _further(self, engine: Engine, epoch: OpenEpoch) -> Sequence[Batch]:
        """Return the epoch's next round: from here if nothing is waited for, as a change of threads costs more."""
        doing = f"a further round of epoch {epoch.number}"
        self._arm(doing)
        try:
            batches = engine.round_at_once(epoch)
        finally:
            self._disarm()
        return await self._watched(doing, engine.round_once_written, epoch) if batches is None else batches

    async def _watched(self, doing: str, function: Callable[..., T], *arguments: Any) -> T:
        """Call a step of the engine in its thread; a hook that hangs there ends the process."""
        self._arm(doing)
        try:
            return await self._in_thread(function, *arguments)
        finally:
            self._disarm()

    def _arm(self, doing: str) -> None:
        if self._watchdog is not None:
            self._watchdog.arm(doing, PROCESSING_S)

    def _disarm(self) -> None:
        if self._watchdog is not None:
            self._watchdog.disarm()

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # --- delivery --------------------------------------------------------------------------------------------

    async def _deliver(self, epoch: OpenEpoch, batches: Sequence[Batch]) -> None:
        """Hand each batch of a round to its agent and wait until all are processed."""
        app = self._app
        if app is None:
            return
        self._left = len(batches)
        self._delivered = asyncio.get_running_loop().create_future()
        self._arm(f"processing of epoch {epoch.number}")
        try:
            await self._introduce({TP(batch.topic, batch.partition) for batch in batches})
            for batch in batches:
                await app.topics.on_message(self._message(app, epoch, batch))
            await self._delivered
        finally:
            self._disarm()
            self._delivered = None

    def _message(self, app: LeadflowApp, epoch: OpenEpoch, batch: Batch) -> Any:
        offset = batch.messages[0].offset
        generation = app.consumer_generation_id
        return event_message(batch.topic, batch.partition, offset, batch, epoch.now_ms / 1000, generation)

    async def _introduce(self, partitions: set[TP]) -> None:
        """Tell Faust's conductor of partitions that it has not met."""
        if self._app is not None and not partitions <= self._known:
            self._known |= partitions
            await self._app.topics.on_partitions_assigned(self._known)

    def _exit(self, problem: BaseException) -> None:
        code = getattr(problem, "exit_code", EXIT_RESTART)
        log.critical("%s", named(problem), exc_info=problem if code == EXIT_RESTART else None)
        self._end_process(code, named(problem))
