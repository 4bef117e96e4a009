"""A storm: several workers under a seeded scheduler, with deaths, zombies, rebalances and lost epochs at every step.

The scheduler interleaves workers between open, process and close, and, when a worker freezes at a step, runs the
others inside of that step, so that it wakes as a zombie with its transaction half done.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from schemas.errors import EpochLost, Fenced, StateInDoubt, Unavailable
from streams.memory.client import STEPS
from streams.options import EngineOptions
from streams.stage import TopicPartition
from tests.simulation.rig import POISON, Counting, Crash, Worker, World


@dataclass(frozen=True)
class Weather:
    """What a storm is made of; chances are per step of a client or turn of the scheduler."""

    workers: int = 3
    partitions: int = 3
    records: int = 150
    keys: int = 7
    poison: int = 0
    crash: float = 0.0
    freeze: float = 0.0
    lost: float = 0.0
    away: float = 0.0
    unknown_commit: float = 0.0
    every_ms: int | None = None
    static: bool = False
    protocol: str = "eager"
    hold_markers: float = 0.0
    records_max: int = 10


@dataclass
class Storm:
    """One run; `run()` returns when everything is processed, or fails the test."""

    weather: Weather
    seed: int
    calm: bool = False
    depth: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    poisoned: int = 0
    alive: dict[str, Worker] = field(default_factory=dict)
    deaths: int = 0
    frozen: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        # Short sessions, so that partitions of a dead worker move on while the storm still lasts.
        self.world = World(self.weather.partitions, protocol=self.weather.protocol, session_ms=700, transaction_ms=2000)

    def run(self) -> None:
        """Send everything under the storm, then let the sky clear and everything drain."""
        names = [f"w{n}" for n in range(self.weather.workers)]
        left = self.weather.records + self.weather.poison
        turns = 0
        while left and turns < 40 * self.weather.records:
            turns += 1
            left -= self.send_some(left)
            self.turn(names)
        assert not left, "the storm could not even send its records"
        self.calm = True
        self.world.broker.hold_markers = False
        self.world.broker.write_markers()
        for _ in range(4000):
            self.turn(names)
            if self.drained():
                return
        states = {name: worker.engine.state().not_ready for name, worker in self.alive.items()}
        raise AssertionError(f"not drained: {self.world.offsets()} {states}")

    # --- the upstream system --------------------------------------------------------------------------------

    def send_some(self, left: int) -> int:
        count = min(left, self.random.choice((0, 0, 1, 2, 5)))
        for _ in range(count):
            if self.poisoned < self.weather.poison and self.random.random() < self.weather.poison / max(1, left):
                self.poisoned += 1
                self.world.send(self.random.choice("ab"), "bad", POISON)
                continue
            key = f"k{self.random.randrange(self.weather.keys)}"
            self.sent[key] = self.sent.get(key, 0) + 1
            self.world.send(self.random.choice("ab"), key)
        return count

    # --- workers ----------------------------------------------------------------------------------------------

    def turn(self, names: list[str]) -> None:
        """One turn of the scheduler: time passes, one worker takes one step of its epoch."""
        self.world.clock.advance(self.random.choice((1, 5, 20, 100)))
        broker = self.world.broker
        if not self.calm:
            broker.hold_markers = self.random.random() < self.weather.hold_markers
            if self.random.random() < 0.3:
                broker.write_markers(lambda place: self.random.random() < 0.5)
        name = self.random.choice(names)
        if name in self.frozen:
            return
        worker = self.alive.get(name)
        if worker is None:
            if self.calm or self.random.random() < 0.1:
                self.start(name)
            return
        try:
            self.step(worker)
        except (Crash, StateInDoubt, Fenced) as error:
            self.seen.add(type(error).__name__)
            self.deaths += 1
            worker.die()
            if self.alive.get(name) is worker:
                del self.alive[name]

    def start(self, name: str) -> None:
        weather = self.weather
        stage = Counting(weather.every_ms)
        options = EngineOptions(epoch_records_max=weather.records_max, kept_state_ms=30_000, rest_ms_max=400)
        holder: list[Worker] = []

        def on_step(step: str, when: str) -> None:
            if holder and not self.calm:
                self.fault(holder[0], step, when)

        worker = self.world.worker(name, [stage], options=options, static=weather.static, on_step=on_step)
        holder.append(worker)
        self.alive[name] = worker

    def step(self, worker: Worker) -> None:
        """Open, deliver one batch, or close: whatever comes next for this worker."""
        stage = worker.stages[0]
        assert isinstance(stage, Counting)
        stage.unavailable = not self.calm and self.random.random() < self.weather.away
        stage.refuse_confirm = not self.calm and self.random.random() < self.weather.away
        if worker.epoch is None:
            worker.epoch = worker.engine.open(0)
            self.check_twin(worker)
            return
        waiting = [b for b in worker.epoch.batches if (b.topic, b.partition) in worker.epoch.undelivered]
        if waiting:
            worker.engine.process(waiting[0])
            return
        epoch, worker.epoch = worker.epoch, None
        worker.engine.close(epoch)
        self.check_twin(worker)

    def check_twin(self, worker: Worker) -> None:
        """End a worker whose twin was started while it was frozen: it has had its chance to do harm."""
        if self.alive.get(worker.name) is not worker:
            raise Crash

    # --- faults -----------------------------------------------------------------------------------------------

    def fault(self, worker: Worker, step: str, when: str) -> None:
        """Perhaps let something happen to the worker here; the many records of an epoch share one step's chance."""
        if step == "produce" and self.random.random() < 0.8:
            return
        chance, weather = self.random.random(), self.weather
        assert step in STEPS
        if chance < weather.crash:
            raise Crash
        chance -= weather.crash
        if chance < weather.freeze and self.depth == 0:
            self.freeze(worker)
        chance -= weather.freeze
        in_transaction = step in ("produce", "flush", "send_offsets")
        if 0 <= chance < weather.lost and when == "before" and (in_transaction or step == "commit"):
            raise EpochLost(f"refused at {step}")
        chance -= weather.lost
        if 0 <= chance < weather.away and when == "before" and step in ("committed", "log_bounds", "begin"):
            raise Unavailable(f"away at {step}")
        chance -= weather.away
        if 0 <= chance < weather.unknown_commit and step == "commit":
            raise StateInDoubt("nobody knows whether it was committed")

    def freeze(self, worker: Worker) -> None:
        """Stop one worker within a step and let the others work on, mostly until its session has ended."""
        self.depth += 1
        worker.client.alive = False
        if self.random.random() < 0.7:
            self.frozen.add(worker.name)
        else:
            self.alive.pop(worker.name, None)  # a supervisor that takes it for dead starts another one of its name
        others = [f"w{n}" for n in range(self.weather.workers)]
        if self.random.random() < 0.7:
            self.world.clock.advance(self.random.choice((300, 900, 2500)))
        for _ in range(self.random.choice((5, 40, 120))):
            self.turn(others)
        self.frozen.discard(worker.name)
        worker.client.alive = True
        self.depth -= 1

    # --- the end ----------------------------------------------------------------------------------------------

    def drained(self) -> bool:
        offsets = self.world.offsets()
        ends = [(topic, n) for topic in ("a", "b") for n in range(self.weather.partitions)]
        logs = {TopicPartition(*end): self.world.broker.log(TopicPartition(*end)).end for end in ends}
        return (
            len(self.alive) == self.weather.workers
            and all(worker.epoch is None for worker in self.alive.values())
            and all(end == 0 or offsets.get(partition, 0) == end for partition, end in logs.items())
            and sum(len(worker.engine.state().running) for worker in self.alive.values()) == len(logs)
        )

    def check(self) -> None:
        """Recompute everything from what was sent: outputs, changelog, tables, positions, dead letters."""
        world = self.world
        out = sorted(value for value in world.out() if value != "tick")
        expected = sorted(f"{key}={n}" for key, total in self.sent.items() for n in range(1, total + 1))
        assert out == expected, "an output is missing, doubled, or counted from lost state"
        counts: dict[str, float] = {}
        ticks = 0.0
        for number in range(self.weather.partitions):
            own, positions = world.changelog(number)
            ticks += own.pop("ticks", 0)
            assert not counts.keys() & own.keys(), "a key lives in two partitions"
            counts.update(own)
            for topic, (_, to_offset) in positions.items():
                assert world.offsets()[TopicPartition(topic, number)] == to_offset
        assert counts == self.sent
        assert ticks == world.out().count("tick"), "a tick was counted without its output, or the other way round"
        assert len(world.dead("a")) + len(world.dead("b")) == self.poisoned
        self.check_memory()

    def check_memory(self) -> None:
        """What each owner has in memory is what its changelog says."""
        for worker in self.alive.values():
            for lane in worker.engine._assignment.running:
                assert lane.store is not None
                table = lane.store.tables["counts"]
                own = {key: table.get(key).credit for key in list(table.keys())}
                assert own == self.world.changelog(lane.partition)[0]
