"""The engine over both clients: a death at each step, hand-overs, lost epochs and poison leave exact counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from schemas.errors import EpochLost
from schemas.records import Credit, DeadLetter
from streams.client import Client
from streams.clock import Clock
from streams.engine import Engine
from streams.positions import changelog_topic
from streams.restore import StepRestorer, ThreadRestorer
from streams.stage import TopicPartition
from tests.contract.seam import PATIENCE_S, MemorySeam, Seam
from tests.simulation.rig import CODEC, POISON, Counting, Crash

STEPS = ("begin", "produce", "flush", "send_offsets", "commit")


class Stepping:
    """A client with a hook before and after each step of a transaction."""

    def __init__(self, client: Client, on_step: Callable[[str, str], None]) -> None:
        self._client = client
        self._on_step = on_step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in STEPS:
            return method

        def stepping(*arguments: Any) -> Any:
            self._on_step(name, "before")
            result = method(*arguments)
            self._on_step(name, "after")
            return result

        return stepping


class Workers:
    """Engines on one seam, with the upstream system and the checks."""

    def __init__(self, seam: Seam) -> None:
        self.seam = seam
        self.sent: dict[str, int] = {}
        self.engines: list[Engine] = []
        self.clients: dict[int, Client] = {}
        seam.make_topics(**{"a": 2, "b": 2, changelog_topic("routing"): 2, "a.dead": 1})

    def start(self, name: str, on_step: Callable[[str, str], None] = lambda step, when: None, **how: bool) -> Engine:
        own = self.seam.client(name, **how)
        client: Any = Stepping(own, on_step)
        memory = isinstance(self.seam, MemorySeam)
        clock = self.seam.clock if isinstance(self.seam, MemorySeam) else Clock()
        engine = Engine(
            client, [Counting()], CODEC, clock, restorer=StepRestorer(client) if memory else ThreadRestorer(client)
        )
        engine.start()
        self.engines.append(engine)
        self.clients[id(engine)] = own
        return engine

    def kill(self, engine: Engine) -> None:
        """The process of this engine is dead; nothing of it is heard again."""
        self.engines.remove(engine)
        self.seam.kill(self.clients.pop(id(engine)))

    def send(self, count: int) -> None:
        """Send records of the key `k` to both sources; it is counted apart in each partition."""
        for number in range(count):
            partition = number % 2
            self.seam.send("ab"[number % 3 == 0], b"v", partition=partition)
            self.sent[f"k{partition}"] = self.sent.get(f"k{partition}", 0) + 1

    def drain(self, *engines: Engine) -> None:
        """Run until everything sent is counted."""
        wanted = sum(self.sent.values())
        self.run(*engines, until=lambda: self.counted() == wanted)

    def counted(self) -> int:
        """What running engines have in their tables; only right while each partition is owned once."""
        lanes = [lane for engine in self.engines for lane in engine._assignment.running]
        found = [lane.store.tables["counts"].get("k") for lane in lanes if lane.store is not None]
        return sum(int(credit.credit) for credit in found if credit is not None)

    def run(self, *engines: Engine, until: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not until():
            states = [engine.state().not_ready for engine in engines]
            assert time.monotonic() < end, f"{self.counted()} of {self.sent}, {states}"
            for engine in engines:
                engine.run_once(0.02)
            self.seam.turn()

    def check(self) -> None:
        """Each partition's counts stand once each in `out`, and its changelog ends with the last one."""
        out = self.seam.seen("out")
        expected = sorted(b"k=%d" % n for total in self.sent.values() for n in range(1, total + 1))
        assert sorted(out) == expected
        with self.seam.reader() as reader:
            for number in range(2):
                place = TopicPartition(changelog_topic("routing"), number)
                bounds = reader.log_bounds([place])[place]
                last: dict[bytes, bytes] = {}
                for chunk in reader.read(place, *bounds, lambda: False):
                    last.update({m.key or b"": m.value or b"" for m in chunk})
                assert CODEC.decode_as(last[b"counts\x00k"], Credit).credit == self.sent[f"k{number}"]


@pytest.fixture
def workers(seam: Seam) -> Iterator[Workers]:
    found = Workers(seam)
    yield found
    for engine in found.engines:
        engine.stop()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_each_step_leaves_exact_counts(workers: Workers, step: str, when: str) -> None:
    armed = False

    def dies(at: str, moment: str) -> None:
        if armed and (at, moment) == (step, when):
            raise Crash

    first = workers.start("w1", dies, static=True)
    workers.send(6)
    workers.drain(first)
    armed = True
    workers.send(5)
    with pytest.raises(Crash):
        workers.run(first, until=lambda: False)
    workers.kill(first)
    second = workers.start("w1", static=True)
    workers.send(4)
    workers.drain(second)
    workers.check()


def test_partitions_move_to_a_second_worker_and_back(workers: Workers) -> None:
    first = workers.start("w1")
    workers.send(10)
    workers.drain(first)
    second = workers.start("w2")
    workers.send(10)
    workers.run(first, second, until=lambda: len(second.state().running) == 2 and len(first.state().running) == 2)
    workers.send(10)
    workers.drain(first, second)
    second.stop()
    workers.engines.remove(second)
    workers.send(10)
    workers.drain(first)
    workers.check()


def test_every_third_epoch_lost_leaves_exact_counts(workers: Workers) -> None:
    commits = 0

    def loses(at: str, moment: str) -> None:
        nonlocal commits
        if (at, moment) == ("commit", "before"):
            commits += 1
            if commits % 3 == 0:
                raise EpochLost("every third")

    engine = workers.start("w1", loses)
    for _ in range(8):
        workers.send(3)
        workers.drain(engine)
    assert engine.state().undone >= 3
    workers.check()


def test_a_poison_record_goes_to_the_dead_letters_alone(workers: Workers) -> None:
    engine = workers.start("w1")
    workers.send(4)
    workers.seam.send("a", POISON, partition=1)
    workers.send(4)
    workers.drain(engine)
    workers.run(engine, until=lambda: engine.state().dead == 1)
    (letter,) = (CODEC.decode_as(value, DeadLetter) for value in workers.seam.seen("a.dead", 1))
    assert (letter.topic, letter.partition, letter.value) == ("a", 1, POISON)
    workers.check()
