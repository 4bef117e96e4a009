"""A start does what it can side by side, and begins when all that comes in a moment is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
            self.worker.engine.run_once()
            self.world.clock.advance(20)
        return sorted(self.world.out())


def restarted() -> Held:
    """A worker that has counted a record in each of two partitions, stopped; its successor has two more to count."""
    world = World(partitions=2)
    first = world.worker("w0")
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    world.settle(first)
    first.engine.stop()
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    return Held(world, world.worker("w1", start=False))


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
