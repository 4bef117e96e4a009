"""A worker dies at each step of an epoch; another one takes its name. The end state is drawn before each test.

Five records k=1..5 are committed in a first epoch; three more come, and the worker dies in the second epoch at the
named step. `C` and `A` are the markers of commit and abort, `(x)` an aborted record.
"""

from __future__ import annotations

import pytest

from streams.stage import TopicPartition
from tests.simulation.rig import Crash, Worker, World

FIRST = "k=1 k=2 k=3 k=4 k=5 C"


class DiesAt:
    """Dies at the n-th time that a step comes; counts from `arm` on."""

    def __init__(self, step: str, when: str, nth: int = 1) -> None:
        self.step, self.when, self.left = step, when, nth
        self.armed = False

    def __call__(self, step: str, when: str) -> None:
        if self.armed and (step, when) == (self.step, self.when):
            self.left -= 1
            if self.left == 0:
                raise Crash


def crashed_world(step: str, when: str, nth: int = 1) -> tuple[World, Worker]:
    """Return the world after the death, with the successor at work until all is quiet."""
    world = World(partitions=1)
    dies = DiesAt(step, when, nth)
    first = world.worker("w1", on_step=dies)
    for _ in range(5):
        world.send("a", "k")
    world.settle(first)
    assert world.log("out") == FIRST
    for _ in range(3):
        world.send("a", "k")
    dies.armed = True
    with pytest.raises(Crash):
        first.run(3)
    first.die()
    second = world.worker("w1")
    world.clock.advance(7000)
    world.settle(second)
    return world, second


def check_exact(world: World, worker: Worker) -> None:
    """8 records: the counts 1..8 stand once each in the output, table, changelog and offsets say 8."""
    assert world.out() == [f"k={n}" for n in range(1, 9)]
    counts, positions = world.changelog(0)
    assert counts == {"k": 8}
    assert positions["a"] == (positions["a"][0], 8)
    assert world.offsets()[TopicPartition("a", 0)] == 8
    assert worker.engine.state().ready, worker.engine.state().not_ready


@pytest.mark.parametrize(("step", "when"), [("begin", "before"), ("begin", "after"), ("produce", "before")])
def test_death_before_anything_was_written(step: str, when: str) -> None:
    #   out:  k=1..5 C | dies | k=6 k=7 k=8 C          offsets: 5 | 5 | 8
    world, worker = crashed_world(step, when)
    assert world.log("out") == f"{FIRST} k=6 k=7 k=8 C"
    check_exact(world, worker)


def test_death_after_the_first_record() -> None:
    #   out:  k=1..5 C | (k=6) dies | A k=6 k=7 k=8 C   the successor's init_transactions aborts what was open
    world, worker = crashed_world("produce", "after")
    assert world.log("out") == f"{FIRST} (k=6) A k=6 k=7 k=8 C"
    check_exact(world, worker)


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("flush", "before"),
        ("flush", "after"),
        ("send_offsets", "before"),
        ("send_offsets", "after"),
        ("commit", "before"),
    ],
)
def test_death_before_the_commit(step: str, when: str) -> None:
    #   out:  k=1..5 C | (k=6 k=7 k=8) dies | A k=6 k=7 k=8 C
    world, worker = crashed_world(step, when)
    assert world.log("out") == f"{FIRST} (k=6) (k=7) (k=8) A k=6 k=7 k=8 C"
    check_exact(world, worker)


def test_death_after_the_commit() -> None:
    #   out:  k=1..5 C | k=6 k=7 k=8 C dies |           the worker never heard that it was committed
    world, worker = crashed_world("commit", "after")
    assert world.log("out") == f"{FIRST} k=6 k=7 k=8 C"
    check_exact(world, worker)


def test_death_between_decision_and_markers() -> None:
    #   out:  k=1..5 C | k=6 k=7 k=8 decided, dies | C   offsets are pending until the markers are written
    world = World(partitions=1)
    dies = DiesAt("commit", "after")
    first = world.worker("w1", on_step=dies)
    for _ in range(5):
        world.send("a", "k")
    world.settle(first)
    for _ in range(3):
        world.send("a", "k")
    world.broker.hold_markers = dies.armed = True
    with pytest.raises(Crash):
        first.run(3)
    first.die()
    other = world.worker("w2")
    world.clock.advance(7000)
    world.settle(other, rounds=20)
    assert not other.engine.state().running, "its offsets are pending: the partition must not start on the old ones"
    assert world.out() == [f"k={n}" for n in range(1, 6)]
    world.broker.hold_markers = False
    world.broker.write_markers()
    world.settle(other)
    check_exact(world, other)


def test_death_of_another_name_waits_for_the_transaction_to_time_out() -> None:
    #   out:  k=1..5 C | (k=6 k=7 k=8) dies | 10 s | A k=6 k=7 k=8 C     by a worker of another name
    world = World(partitions=1)
    dies = DiesAt("send_offsets", "after")
    first = world.worker("w1", on_step=dies)
    for _ in range(5):
        world.send("a", "k")
    world.settle(first)
    for _ in range(3):
        world.send("a", "k")
    dies.armed = True
    with pytest.raises(Crash):
        first.run(3)
    first.die()
    other = world.worker("w2")
    world.clock.advance(7000)
    world.settle(other, rounds=10)
    assert not other.engine.state().running
    world.clock.advance(5000)
    world.settle(other)
    assert world.log("out") == f"{FIRST} (k=6) (k=7) (k=8) A k=6 k=7 k=8 C"
    check_exact(world, other)
