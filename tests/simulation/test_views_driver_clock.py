"""What surrounds the epochs: followed topics, a driver that must not lose a batch, the clock against the broker's."""

from __future__ import annotations

import pytest

from schemas.errors import NeedsPerson, StateInDoubt, Undecodable
from streams.stage import Message
from tests.simulation.rig import World

# --- views ----------------------------------------------------------------------------------------------------------


def test_nothing_is_processed_before_followed_topics_were_read_to_their_ends() -> None:
    world = World(partitions=1)
    for number in range(40_000):
        world.broker.send("plan", b"%d" % number, b"plan")
    world.send("a", "k")
    seen: list[Message] = []
    worker = world.worker(start=False)
    worker.engine.follow("plan", seen.append)
    worker.engine.start()
    worker.run()
    assert len(seen) == 16_000, "a bounded share of each open, so that membership lives"
    assert not worker.engine.state().followed
    worker.run()
    assert worker.engine.state().running == ()
    world.settle(worker)
    assert len(seen) == 40_000
    assert world.out() == ["k=1"]
    world.broker.send("plan", b"new", b"plan")
    worker.run()
    assert seen[-1].value == b"new"


def test_a_followed_record_that_cannot_be_read_needs_a_person() -> None:
    def unreadable(message: Message) -> None:
        raise Undecodable("not a plan")

    world = World(partitions=1)
    world.broker.send("plan", b"?", b"plan")
    worker = world.worker(start=False)
    worker.engine.follow("plan", unreadable)
    worker.engine.start()
    with pytest.raises(NeedsPerson, match="every worker needs it: not a plan"):
        worker.run()


# --- the driver -----------------------------------------------------------------------------------------------------


def test_a_driver_that_loses_a_batch_is_found_out() -> None:
    world = World(partitions=1)
    worker = world.worker()
    world.settle(worker)
    world.send("a", "k")
    epoch = worker.engine.open(0)
    assert epoch is not None
    with pytest.raises(StateInDoubt, match="before its batches were delivered"):
        worker.engine.close(epoch)


def test_a_batch_delivered_twice_or_late_is_found_out() -> None:
    world = World(partitions=1)
    worker = world.worker()
    world.settle(worker)
    world.send("a", "k")
    epoch = worker.engine.open(0)
    assert epoch is not None
    worker.engine.process(epoch.batches[0])
    with pytest.raises(StateInDoubt, match="outside of its epoch"):
        worker.engine.process(epoch.batches[0])
    worker.engine.close(epoch)
    with pytest.raises(StateInDoubt):
        worker.engine.process(epoch.batches[0])


# --- the clock ------------------------------------------------------------------------------------------------------


def ticked(ahead_ms: int, checks: int = 3) -> World:
    """A world whose broker's clock is ahead of the worker's, with a worker that has committed and checked."""
    world = World(partitions=1)
    world.broker.clock_ahead_ms = ahead_ms
    worker = world.worker()
    for _ in range(checks):
        world.send("a", "k")
        world.settle(worker)
        world.clock.advance(10_000)
    worker.run()
    world.last = worker  # type: ignore[attr-defined]
    return world


@pytest.mark.parametrize(("ahead_ms", "word"), [(2500, "behind"), (-2500, "ahead of")])
def test_a_clock_two_seconds_off_is_not_ready(ahead_ms: int, word: str) -> None:
    state = ticked(ahead_ms).last.engine.state()  # type: ignore[attr-defined]
    assert state.clock_off_ms == ahead_ms
    assert f"the clock is 2500 ms {word} the broker's" in state.not_ready


def test_a_clock_a_little_off_is_ready() -> None:
    assert ticked(1500).last.engine.state().ready  # type: ignore[attr-defined]


@pytest.mark.parametrize("ahead_ms", [60_000, -61_000])
def test_a_clock_a_minute_off_needs_a_person(ahead_ms: int) -> None:
    with pytest.raises(NeedsPerson, match="ms off the broker's"):
        ticked(ahead_ms)


@pytest.mark.parametrize("ahead_ms", [60_000, -86_400_000])
def test_nothing_is_committed_while_the_clock_is_a_minute_off(ahead_ms: int) -> None:
    world = World(partitions=1)
    world.broker.clock_ahead_ms = ahead_ms
    worker = world.worker()
    world.send("a", "k")
    with pytest.raises(NeedsPerson, match="ms off the broker's"):
        world.settle(worker)
    assert world.out() == []
    assert world.offsets() == {}


def test_a_clock_that_jumps_under_a_running_worker_commits_nothing_more() -> None:
    world = World(partitions=1)
    worker = world.worker()
    world.send("a", "k")
    world.settle(worker)
    world.broker.clock_ahead_ms = 86_400_000
    world.send("a", "k")
    with pytest.raises(NeedsPerson, match="ms off the broker's"):
        world.settle(worker)
    assert world.out() == ["k=1"]
