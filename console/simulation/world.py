"""A run: the story happens, workers take their steps in a drawn order, die, freeze and come back, until all is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from console.simulation.arrivals import Arrival
from console.simulation.broker import Broker
from console.simulation.claim_server import ClaimServer
from console.simulation.faults import Crash, Faults
from console.simulation.outside import BACK_MOST_MS, Outside
from console.simulation.plan_chain import Version, chain_of
from console.simulation.process import Process, SkewedClock
from console.simulation.scenario import Scenario, Setup
from console.simulation.stacks import Seat, Stacks
from console.simulation.story import draw_story
from console.simulation.tally import Tally
from schemas.errors import Fenced, NeedsPerson, StateInDoubt
from schemas.topics import Sizes, catalogue, source_topics
from streams.clock import ManualClock
from streams.events import EpochCommitted, EpochUndone, Event, LaneChanged, Listener, RecordSetAside, StageRests

#: Turns after the story in which a run must come to rest.
_DRAIN_TURNS: Final = 3_000
#: Turns without work after everything is taken, so that what waits for a moment is said.
_QUIET_TURNS: Final = 40
_ASLEEP_MOST: Final = 3
_GHOSTS_MOST: Final = 2
_SOURCES: Final = tuple(spec.name for spec in source_topics())


class Broken(AssertionError):
    """The run has gone wrong by itself: it never came to rest, or a worker stopped that had no reason to."""


@dataclass
class Sleeper:
    """A stack that was put aside, until a turn."""

    seat: Seat
    process: Process
    stack: str
    until_turn: int


@dataclass
class World:
    """One run of a scenario; `run` may be called once."""

    scenario: Scenario
    tally: Tally = field(default_factory=Tally)
    trace: list[str] | None = None
    #: What the seed draws, unless it is given.
    setup: Setup = None  # type: ignore[assignment]  # set in __post_init__
    versions: tuple[Version, ...] = ()
    arrivals: Sequence[Arrival] = ()

    def __post_init__(self) -> None:
        setup = self.setup = self.setup or self.scenario.setup()
        self._chance = Random(f"turns/{self.scenario.seed}")
        self.clock = ManualClock(setup.start_ms)
        self.broker = Broker(
            self.clock, protocol=setup.protocol, session_ms=700, rebalance_ms=3_000, transaction_ms=2_000
        )
        sizes = Sizes(setup.lead_partitions, setup.buyer_partitions)
        self.counts = {spec.name: spec.partitions(sizes) for spec in catalogue()}
        self._partitions = sum(self.counts[topic] for topic in _SOURCES)
        for topic, count in self.counts.items():
            self.broker.create_topic(topic, count)
        self.server = ClaimServer(self.clock)
        self.versions = self.versions or chain_of(setup.chain)
        self.outside = Outside(self.broker, self.server, self.clock, self.versions, self.tally, self._living)
        first = self.versions[0].plan
        self.outside.apply(first)
        campaigns = tuple(campaign.id for campaign in first.plan.campaigns)
        self._story = draw_story(self.scenario, setup, campaigns, self.arrivals)[::-1]
        self.faults = Faults(self.scenario, setup.weather, self.tally, self._sleep)
        self.faults.told = lambda process, step, when, kind: self.say(f"{process.name}: {kind} {when} {step}")
        self._stacks = Stacks(self._loop)
        self._slots: list[Process | None] = [None] * setup.workers
        self._names = [f"w{number}" for number in range(setup.workers)]
        self._ghosts: list[Process] = []
        self._sleepers: list[Sleeper] = []
        self._births = self._quiet = 0
        self._caught_up = False
        self.turn = 0
        self._calm_from = 0

    def run(self) -> None:
        """Run the story and drain. Raises Broken, or whatever a worker fails with that no worker may."""
        self._stacks.run()

    def say(self, text: str) -> None:
        """Add a line to the trace, if there is one."""
        if self.trace is not None:
            self.trace.append(f"{self.turn:5} {self.clock.real_ms() - self.setup.start_ms:>10} ms  {text}")

    def processes(self) -> list[Process]:
        """Return the workers as they stand, those that a twin has replaced included."""
        return [process for process in (*self._slots, *self._ghosts) if process is not None]

    def _living(self) -> list[Process]:
        return self.processes()

    # --- the loop -----------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stacks.over:
            self._take_turn()
            if self.faults.calm and self._is_over():
                return

    def _take_turn(self) -> None:
        self.turn += 1
        self.outside.pass_time(100 if self._quiet else self._chance.choice((1, 5, 20, 100)))
        while self._story and self._story[-1].turn <= self.turn:
            happening = self._story.pop()
            self.say(f"outside: {happening.kind} {happening.number}")
            self.outside.happen(happening)
        if not self.faults.calm:
            self._write_markers()
            if not self._story and not self._calm_from:
                self._calm_from = self.turn + 20
            if self._calm_from and self.turn >= self._calm_from:
                self.say("outside: the sky clears")
                self.faults.calm = True
                self.outside.clear_up()
        for sleeper in self._sleepers:
            if sleeper.until_turn <= self.turn:
                self._sleepers.remove(sleeper)
                self._stacks.resume(sleeper.seat)
                return
        self._let_work()

    def _write_markers(self) -> None:
        late = self.setup.weather.markers
        if late:
            self.broker.hold_markers = self._chance.random() < late
            if self.broker.owes_markers:
                self.tally.note("late_markers")
                if self._chance.random() < 0.3:
                    self.broker.write_markers(lambda place: self._chance.random() < 0.5)

    def _let_work(self) -> None:
        number = self._chance.randrange(len(self._slots) + len(self._ghosts))
        if number >= len(self._slots):
            self._let_step(self._ghosts[number - len(self._slots)])
            return
        process = self._slots[number]
        if process is not None:
            self._let_step(process)
        elif self.faults.calm or self._chance.random() < 0.15:
            self._start(number)

    def _let_step(self, process: Process) -> None:
        """Let a worker take one step of an epoch, or of a rebuild beside it."""
        if process.frozen:
            return
        errand = process.errands and "rebuild" not in process.asleep and self._chance.random() < 0.5
        if not errand and "engine" in process.asleep:
            return
        if self.faults.calm and process in self._ghosts:
            self._bury(process, Crash())  # it has had its chance to do harm, and may have nothing to be fenced by
            return
        try:
            if errand:
                process.rebuild()
            else:
                process.step()
        except (Crash, StateInDoubt, Fenced) as error:
            self._bury(process, error)
        except NeedsPerson as error:
            raise Broken(f"{process.name} wants a person: {error}") from error

    def _bury(self, process: Process, error: BaseException) -> None:
        if process.dead:
            return
        self.say(f"{process.name}: ends with {type(error).__name__} {error}")
        if isinstance(error, Fenced):
            self.tally.note("fenced")
        process.die()
        for sleeper in self._sleepers:
            if sleeper.process is process:
                sleeper.until_turn = self.turn
        if process in self._ghosts:
            self._ghosts.remove(process)
        else:
            self._slots[self._slots.index(process)] = None

    def _start(self, number: int) -> None:
        """Start a worker in a free place, mostly under its old name."""
        self._births += 1
        if self._births > self.setup.workers and self._chance.random() < 0.2:
            self._names[number] = f"w{number}-{self._births}"
            self.tally.note("new_names")
        name = self._names[number]
        clock = SkewedClock(self.clock, self._chance.randint(-1_500, 1_500))
        process = Process(
            name,
            self.setup,
            self.broker,
            self.server,
            clock,
            self.counts,
            self._chance,
            self.faults.at,
            self._listener,
            self.tally.note,
        )
        self.say(f"{name}: starts")
        self._slots[number] = process
        try:
            process.engine.start()
        except (Crash, StateInDoubt, Fenced) as error:
            self._bury(process, error)

    # --- stacks put aside ---------------------------------------------------------------------------------------

    def _sleep(self, process: Process, turns: int, *, frozen: bool) -> None:
        """Put the running stack of a process aside; see `faults.Sleeping`."""
        if len(self._sleepers) >= _ASLEEP_MOST:
            return
        stack = process.running
        process.asleep.add(stack)
        if frozen:
            process.frozen, process.client.alive = True, False
            self._perhaps_start_a_twin(process)
        sleeper = Sleeper(Seat(), process, stack, self.turn + turns)
        self._sleepers.append(sleeper)
        self._stacks.sleep(sleeper.seat)
        process.asleep.discard(stack)
        process.running = stack
        if process.dead:
            raise Crash
        if frozen:
            process.frozen, process.client.alive = False, True
            self.say(f"{process.name}: wakes")

    def _perhaps_start_a_twin(self, process: Process) -> None:
        """Let a supervisor take a frozen worker for dead: its place is free for another one of its name."""
        if process in self._slots and len(self._ghosts) < _GHOSTS_MOST and self._chance.random() < 0.3:
            self.say(f"{process.name}: is taken for dead")
            self.tally.note("twins")
            self._slots[self._slots.index(process)] = None
            self._ghosts.append(process)

    # --- what engines tell ----------------------------------------------------------------------------------------

    def _listener(self, process: Process) -> Listener:
        def heard(event: Event) -> None:
            self._hear(process, event)

        return heard

    def _hear(self, process: Process, event: Event) -> None:
        if isinstance(event, EpochCommitted):
            self.tally.note("epochs")
            process.woken = False
        elif isinstance(event, EpochUndone):
            if process.woken and event.cause == "EpochLost":
                self.tally.note("zombies_refused")
            process.woken = False
            self.say(f"{process.name}: an epoch is undone by {event.cause}")
        elif isinstance(event, RecordSetAside):
            self.tally.note("set_aside")
        elif isinstance(event, StageRests) and event.reason.startswith("the claims in Redis were lost"):
            self.tally.note("confirms_refused")
        elif isinstance(event, LaneChanged) and event.status == "stopped":
            raise Broken(f"{event.stage}-{event.partition} of {process.name} is stopped: {event.reason}")
        elif isinstance(event, LaneChanged) and event.status == "runs":
            self.tally.note("restores")

    # --- the end --------------------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        if self.turn > self._calm_from + _DRAIN_TURNS:
            states = {process.name: process.engine.state().not_ready for process in self.processes()}
            waiting = {topic: self.broker.waiting(topic) for topic in _SOURCES if self.broker.waiting(topic)}
            raise Broken(f"not at rest {_DRAIN_TURNS} turns after the sky has cleared: {waiting} {states}")
        if self.turn % 8:
            return False
        self._quiet = self._quiet + 8 if self._is_quiet() else 0
        if self._quiet < _QUIET_TURNS:
            return False
        if not self._caught_up:  # what waits for a time that was there before the clocks went back
            self._caught_up, self._quiet = True, 0
            self.outside.pass_time(BACK_MOST_MS)
            return False
        return True

    def _is_quiet(self) -> bool:
        """Whether everybody is there and nothing waits. A log's end counts its last marker, an offset does not."""
        if self._sleepers or self._ghosts or None in self._slots:
            return False
        processes = self.processes()
        if any(p.epoch is not None or p.errands or p.asleep for p in processes):
            return False
        running = sum(len(process.engine.state().running) for process in processes)
        return running == self._partitions and not any(map(self.broker.waiting, _SOURCES))
