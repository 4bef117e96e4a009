"""One worker process of a simulation: the parts that `agents.worker` puts together, on a simulated outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.dedup.stage import DedupStage
from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.scoring.stage import ScoringStage
from agents.settlement.stage import Settlement
from agents.status_view import StatusView
from agents.views import PauseView, PlanView
from console.simulation.arrivals import OLDER_ID, older_schema
from console.simulation.broker import Broker
from console.simulation.claim_server import ClaimClient, ClaimServer
from console.simulation.scenario import Setup
from schemas.codec import Codec
from schemas.records import Lead, Slip
from schemas.slip import Slips
from schemas.topics import BUYER_STATUS, PAUSES, PLAN
from streams.clock import Clock
from streams.engine import Engine
from streams.epoch import OpenEpoch
from streams.events import Listener
from streams.memory.client import MemoryClient
from streams.options import EngineOptions
from streams.restore import RestoreJob, StepRestorer
from streams.stage import Batch, Message, Stage

CODEC: Final = Codec(extra={OLDER_ID: older_schema()})
HASHES: Final = Hashes(b"a key that is made up")

#: Called around each step of a process: which of its stacks ("engine" or "rebuild"), the step, "before" or "after".
OnStep = Callable[[str, str, str], None]


class SkewedClock(Clock):
    """A machine's clock: as far off the world's as `off_ms` says; its waits are as long as everybody's."""

    def __init__(self, world: Clock, off_ms: int) -> None:
        super().__init__()
        self.__dict__.update(_world=world, _off_ms=off_ms)

    def skew(self, off_ms: int) -> None:
        """Set how far the clock is ahead."""
        self.__dict__["_off_ms"] = off_ms

    def real_ms(self) -> int:
        """Return what this machine takes for the time."""
        return int(self.__dict__["_world"].real_ms() + self.__dict__["_off_ms"])

    def monotonic_ms(self) -> int:
        """Return the world's milliseconds."""
        return int(self.__dict__["_world"].monotonic_ms())


class Client(MemoryClient):
    """A worker's client whose transaction can be seen from outside, and whose reading of news can lag.

    `lags` counts the questions for news to which nothing comes.
    """

    lags = 0

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._begun

    def followed(self, max_records: int) -> tuple[list[Message], bool]:
        """See the seam; nothing new comes while the reader of news lags."""
        if self.lags > 0:
            self.lags -= 1
            return [], False
        return super().followed(max_records)


class SlowRestorer(StepRestorer):
    """Restores in steps, and now and then in none: others work on meanwhile."""

    def __init__(self, client: MemoryClient, chance: Random, note: Callable[[str], None]) -> None:
        super().__init__(client)
        self._chance = chance
        self._note = note
        self._slow = False

    def start(self, job: RestoreJob) -> None:
        """See `StepRestorer.start`."""
        if job.store.positions:
            self._note("kept_states")
            if job.start < job.end:
                self._note("read_on")
        super().start(job)

    def finished(self) -> list[RestoreJob]:
        """See `StepRestorer.finished`."""
        if self._running and self._chance.random() < 0.3:
            self._slow = True
            return []
        ended = super().finished()
        if ended and self._slow:
            self._note("slow_restores")
            self._slow = False
        return ended


class Process:
    """A worker between its start and its death; it takes one step of an epoch at a time."""

    def __init__(
        self,
        name: str,
        setup: Setup,
        broker: Broker,
        server: ClaimServer,
        clock: SkewedClock,
        counts: dict[str, int],
        chance: Random,
        on_step: Callable[[Process, str, str, str], None],
        on_event: Callable[[Process], Listener],
        note: Callable[[str], None],
    ) -> None:
        self.name = name
        self.clock = clock
        #: Which stack of the process runs now: "engine", or "rebuild" (a thread of its own in a real worker).
        self.running = "engine"
        self.asleep: set[str] = set()
        self.frozen = self.dead = False
        #: Whether it has slept beyond its session, until an epoch of it ends one way or the other.
        self.woken = False
        self.epoch: OpenEpoch | None = None
        self.round: Sequence[Batch] = ()
        self.errands: list[Callable[[], None]] = []

        def told(step: str, when: str) -> None:
            on_step(self, self.running, step, when)

        self.client = Client(broker, name=name, static=setup.static, clock=clock, on_step=told)
        self.restorer = SlowRestorer(self.client, chance, note)
        self.stages = self._stages(ClaimClient(server, told), lambda: note("rebuilds"))
        options = EngineOptions(
            epoch_records_max=setup.epoch_records_max,
            kept_state_ms=setup.kept_state_ms,
            rest_ms_max=400,
            check_every_ms=1_000,
            handed_over_records_max=setup.handed_over_records_max,
            bypass_records_min=1,
        )
        self.engine = Engine(
            self.client,
            self.stages,
            CODEC,
            clock,
            options,
            partition_counts=counts,
            restorer=self.restorer,
            on_event=on_event(self),
        )
        self.engine.follow(PLAN, self._plans.apply)
        self.engine.follow(PAUSES, self._pauses.apply)
        self.engine.follow(BUYER_STATUS, self._status.apply)

    def _stages(self, store: ClaimClient, rebuilt: Callable[[], None]) -> Sequence[Stage]:
        slips, own = Slips(CODEC), Slips(CODEC)
        self._plans, self._pauses, self._status = PlanView(CODEC), PauseView(CODEC), StatusView(CODEC)

        def open_unique(value: bytes) -> tuple[Slip, Lead]:
            slip, _, body = own.open_unique(value)
            return slip, own.lead_of(body)

        rebuilder = Rebuilder(
            store,
            ClientLog(lambda: self.client),
            open_unique,
            self.clock.now_ms,
            run=self.errands.append,
            rebuilt=rebuilt,
        )
        return (
            DedupStage(CODEC, slips, self._plans, self._pauses, Claims(store, rebuilder), HASHES),
            ScoringStage(slips, self._plans),
            Routing(CODEC, slips, self._plans.current, self._status),
            Delivery(CODEC, slips, self._status, self.client.topic_known),
            Settlement(CODEC),
        )

    def step(self) -> None:
        """Open an epoch, process one batch, begin another round, or close: whatever comes next."""
        self.running = "engine"
        epoch = self.epoch
        if epoch is None:
            self.epoch = self.engine.open(0)
            self.round = self.epoch.batches if self.epoch is not None else ()
            return
        batch = next((b for b in self.round if (b.topic, b.partition) in epoch.undelivered), None)
        if batch is not None:
            self.engine.process(batch)
            return
        self.round = self.engine.next_round(epoch)
        if self.round:
            return
        self.epoch = None
        self.engine.close(epoch)

    def rebuild(self) -> None:
        """Run what was left to do beside the engine."""
        self.running = "rebuild"
        self.errands.pop(0)()

    def die(self) -> None:
        """No heartbeats any more; whatever stack of it wakes, dies."""
        self.dead, self.client.alive = True, False
