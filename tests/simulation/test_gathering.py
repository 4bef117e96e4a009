"""A start does what it can side by side, and begins when all that comes in a moment is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams.options import EngineOptions
from streams.stage import Message, TopicPartition
from tests.simulation.rig import Worker, World


class Held:
    """Stands in front of a client's method and answers with nothing while it is held."""

    def __init__(self, world: World, worker: Worker) -> None:
        self.world, self.worker = world, worker
        self.changelog_0 = self.follow = False
        client: Any = worker.client
        read, followed = client.read, client.followed

        def slow_read(partition: TopicPartition, *stretch: Any) -> Iterator[list[Message]]:
            while self.changelog_0 and partition.partition == 0:
                yield []
            yield from read(partition, *stretch)

        client.read = slow_read
        client.followed = lambda records: ([], False) if self.follow else followed(records)

    def rounds(self, number: int) -> list[str]:
        """Let the worker go on for so many rounds of 20 ms, and return what has come out of it."""
        for _ in range(number):
            self.worker.engine.run_once(0.1)
            self.world.clock.advance(20)
        return sorted(self.world.out())


def restarted(options: EngineOptions | None = None) -> Held:
    """A worker that has counted a record in each of two partitions, stopped; its successor has two more to count."""
    world = World(partitions=2)
    first = world.worker("w0")
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    world.settle(first)
    first.engine.stop()
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    return Held(world, world.worker("w1", start=False, options=options))


BEFORE = ["k0=1", "k1=1"]


def test_what_runs_already_waits_a_moment_for_the_rest_of_the_assignment() -> None:
    held = restarted()
    held.changelog_0 = True
    held.worker.engine.start()
    assert held.rounds(15) == BEFORE
    held.changelog_0 = False
    assert held.rounds(8) == ["k0=1", "k0=2", "k1=1", "k1=2"]


def test_a_large_table_is_not_waited_for() -> None:
    held = restarted()
    held.changelog_0 = True
    held.worker.engine.start()
    assert held.rounds(40) == [*BEFORE, "k1=2"]
    held.changelog_0 = False
    assert held.rounds(10) == ["k0=1", "k0=2", "k1=1", "k1=2"]


def test_tables_are_restored_while_the_followed_topics_are_read() -> None:
    held = restarted()
    held.follow = True
    held.worker.engine.follow("plan", lambda message: None)
    held.worker.engine.start()
    assert held.rounds(50) == BEFORE
    assert {source.partition for source in held.worker.engine.state().running} == {0, 1}
    held.follow = False
    assert held.rounds(5) == ["k0=1", "k0=2", "k1=1", "k1=2"]


@pytest.mark.parametrize("what", ["follow", "changelog_0"])
def test_while_nothing_may_begin_it_waits_and_takes_in_no_more_than_an_epoch(what: str) -> None:
    held = restarted(EngineOptions(epoch_records_max=10, gather_ms_max=60_000))
    for _ in range(50):
        held.world.send("a", "k1", partition=1)
    setattr(held, what, True)
    held.worker.engine.follow("plan", lambda message: None)
    held.worker.engine.start()
    held.rounds(5)
    waits: list[float] = []
    poll = held.worker.client.poll

    def watched(max_records: int, timeout_s: float) -> list[Message]:
        waits.append(timeout_s)
        return poll(max_records, timeout_s)

    held.worker.client.poll = watched  # type: ignore[method-assign]
    held.rounds(50)
    assert min(waits) > 0, "it does not spin"
    assert held.worker.engine._context.intake.count(TopicPartition("a", 1)) <= 2 * 10
    setattr(held, what, False)
    held.rounds(60)
    assert "k1=52" in held.world.out()
