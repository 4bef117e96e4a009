"""Partitions that are not fetched because all of them is known: nothing is missed, nothing comes twice."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.errors import EpochLost
from streams.bypass import LONGEST_MS, Bypass
from streams.client import Place
from streams.options import EngineOptions
from streams.stage import Message, TopicPartition
from tests.simulation.rig import Counting, Worker, World
from tests.simulation.test_rounds import Feeding, commits

A = TopicPartition("a", 0)


def start(world: World, handed_over_records_max: int = 1500) -> tuple[Worker, list[Message]]:
    """A worker that bypasses whatever it can, and all that its consumer gives it of `a`."""
    options = EngineOptions(handed_over_records_max=handed_over_records_max, bypass_records_min=1)
    worker = world.worker(stages=[Feeding(), Counting()], options=options)
    fetched: list[Message] = []
    poll = worker.client.poll

    def watched(max_records: int, timeout_s: float) -> list[Message]:
        found = poll(max_records, timeout_s)
        fetched.extend(message for message in found if message.topic == "a")
        return found

    worker.client.poll = watched  # type: ignore[method-assign]
    world.settle(worker)
    return worker, fetched


def bypassing(world: World, handed_over_records_max: int = 1500) -> tuple[Worker, list[Message]]:
    """Start, and feed until partition 0 of `a` rests."""
    worker, fetched = start(world, handed_over_records_max)
    for _ in range(2):
        world.send("raw", "k")
        worker.run(2)
    worker.run()
    assert A in worker.client._paused
    fetched.clear()
    return worker, fetched


@pytest.mark.parametrize("handed_over_records_max", [0, 1500])
def test_what_is_known_is_not_fetched(handed_over_records_max: int) -> None:
    world = World(partitions=1)
    worker, fetched = bypassing(world, handed_over_records_max)
    for _ in range(10):
        world.send("raw", "k")
        worker.run(2)
    assert world.out() == [f"k={n}" for n in range(1, 13)]
    assert fetched == []
    positions = world.changelog(0)[1]
    assert positions["a"][1] == world.offsets()[A]


def test_without_rounds_a_record_is_there_for_the_next_epoch_at_once() -> None:
    world = World(partitions=1)
    worker, fetched = start(world, handed_over_records_max=0)
    worker.client.pause([A])
    world.send("raw", "k")
    assert worker.run(2) == [True, True]
    assert commits(worker) == [1, 1]
    assert fetched == []
    assert world.out() == ["k=1"]


@pytest.mark.parametrize("handed_over_records_max", [0, 1500])
def test_a_strangers_record_is_seen_with_the_next_record_of_ours(handed_over_records_max: int) -> None:
    world = World(partitions=1)
    worker, fetched = bypassing(world, handed_over_records_max)
    world.send("a", "theirs")
    worker.run()
    assert fetched == [], "nobody has looked yet"
    world.send("raw", "k")
    worker.run(6)
    assert world.out() == ["k=1", "k=2", "theirs=1", "k=3"], "each once, in the order of the log"
    assert [message.key for message in fetched] == [b"theirs", b"k"]


def test_a_strangers_record_waits_no_longer_than_the_limit_when_nothing_is_written() -> None:
    world = World(partitions=1)
    worker, _ = bypassing(world)
    world.send("a", "theirs")
    world.clock.advance(LONGEST_MS - 1)
    assert worker.run() == [None]
    world.clock.advance(1)
    assert worker.run() == [True]
    assert world.out()[-1] == "theirs=1"


def test_a_seek_that_is_refused_is_asked_for_again() -> None:
    world = World(partitions=1)
    worker, _ = bypassing(world)
    seek, refused = worker.client.seek, 0

    def refuse(offsets: Mapping[TopicPartition, int]) -> None:
        nonlocal refused
        refused += 1
        if refused < 3:
            raise EpochLost("the partition is on its way")
        seek(offsets)

    worker.client.seek = refuse  # type: ignore[method-assign]
    world.send("a", "theirs")
    world.clock.advance(LONGEST_MS)
    worker.run(2)
    assert refused == 2
    assert A in worker.client._paused
    world.settle(worker)
    assert world.out()[-1] == "theirs=1"


def test_what_is_kept_counts_once_among_what_waits() -> None:
    world = World(partitions=1)
    worker, _ = start(world, handed_over_records_max=0)
    world.send("raw", "k")
    worker.run(1)
    assert worker.engine._context.intake.count(A) == 1
    world.clock.advance(1000)
    worker.engine._admission.decide()
    assert worker.engine.state().lag[A] == 1, "the marker alone: the record is not unread any more"


def test_an_epoch_that_is_undone_ends_it() -> None:
    world = World(partitions=1)
    worker, _ = bypassing(world)
    counting = worker.stages[1]
    assert isinstance(counting, Counting)
    counting.refuse_confirm = True
    world.send("raw", "k")
    assert worker.run() == [False]
    counting.refuse_confirm = False
    world.send("a", "theirs")
    world.settle(worker)
    assert sorted(world.out()) == ["k=1", "k=2", "k=3", "theirs=1"]


def test_a_partition_that_goes_to_another_worker_and_comes_back_is_read() -> None:
    world = World(partitions=2)
    worker, _ = start(world)
    for number in range(6):
        world.send("raw", f"k{number}", partition=number % 2)
        worker.run(2)
    other = world.worker("w2", stages=[Feeding(), Counting()], options=EngineOptions(bypass_records_min=1))
    world.settle(worker, other)
    for number in range(6, 30):
        world.send("raw", f"k{number}", partition=number % 2)
        worker.run()
        other.run()
    other.die()
    world.clock.advance(60_000)
    for number in range(30, 40):
        world.send("raw", f"k{number}", partition=number % 2)
        world.send("a", f"s{number}", partition=number % 2)
        worker.run()
    world.settle(worker)
    assert sorted(world.out()) == sorted([*(f"k{n}=1" for n in range(40)), *(f"s{n}=1" for n in range(30, 40))])


@pytest.mark.parametrize("partitions", [1, 16])
def test_more_than_an_epoch_holds_is_left_to_the_consumer(partitions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that rests must not fill the memory with what others send it, however many its partitions are."""
    world = World(partitions=partitions)
    options = EngineOptions(epoch_records_max=10, handed_over_records_max=0, bypass_records_min=1)
    worker = world.worker(stages=[Feeding(), Counting()], options=options)
    world.settle(worker)
    counting = worker.stages[1]
    assert isinstance(counting, Counting)
    counting.unavailable = True
    polled = 0
    poll = worker.client.poll

    def watched(max_records: int, timeout_s: float) -> list[Message]:
        nonlocal polled
        found = poll(max_records, timeout_s)
        polled += sum(message.topic == "a" for message in found)
        return found

    monkeypatch.setattr(worker.client, "poll", watched)
    for number in range(100):
        world.send("raw", f"k{number}")
        worker.run()
    waiting = sum(worker.engine._context.intake.count(TopicPartition("a", n)) for n in range(partitions))
    assert waiting > 10
    assert waiting - polled <= 11, "what was kept: no more once an epoch is full"
    counting.unavailable = False
    world.settle(worker)
    assert sorted(world.out()) == sorted(f"k{n}=1" for n in range(100))


def test_a_partition_rests_after_two_epochs_that_are_worth_it() -> None:
    p, q = ("p", 0), ("q", 0)
    bypass = Bypass(records_min=10)

    def after(known: dict[Place, int], left_behind: tuple[Place, ...] = (), now_ms: int = 0) -> set[Place]:
        bypass.committed(known, left_behind, now_ms)
        return set(bypass.at(now_ms, {p, q}))

    assert after({p: 10, q: 9}) == set()
    assert after({p: 10, q: 9}) == {p}, "q has too few"
    assert after({p: 1}) == {p}, "what rests goes on with less"
    assert after({q: 10}) == {p}
    assert after({q: 10}) == {p, q}, "it need not be the next epoch, but the next that writes to it"
    assert after({p: 10, q: 10}, left_behind=(q,)) == {p}, "someone else has written to q"
    assert after({p: 10, q: 10}, now_ms=100) == {p}, "q has to be worth it twice again"
    assert set(bypass.at(100 + LONGEST_MS - 1, {p})) == {p}
    assert set(bypass.at(100 + LONGEST_MS, {p})) == set()
    assert after({p: 10}) == set()
    assert after({p: 10}) == {p}
    assert set(bypass.at(0, {q})) == set(), "it is not ours any more"
