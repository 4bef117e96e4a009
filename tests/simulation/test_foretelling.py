"""Foretelling where own records will stand: what it may cost where others write, and where nothing is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.failures import PLAIN_EPOCHS
from streams.following import SHARED_EPOCHS
from streams.options import EngineOptions
from streams.stage import Batch, Epoch, TopicPartition
from tests.simulation.rig import Counting, Worker, World
from tests.simulation.test_rounds import Feeding, commits, overtake, start, undone

A = TopicPartition("a", 0)


class Again(Counting):
    """Sends each record back to itself as often as its value says; a stranger may write between two rounds."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.overtaken = False
        self.takes_ms = 0

    def process(self, batch: Batch, epoch: Epoch) -> None:
        super().process(batch, epoch)
        self.world.clock.advance(self.takes_ms)
        log = self.world.broker.log(A)
        if self.overtaken and log.last_stable < log.end and any(message.value == b"1" for message in batch.messages):
            self.world.send("a", "theirs", b"0")
        for message in batch.messages:
            if (message.value or b"").isdigit() and (left := int(message.value or b"0")):
                epoch.emit("a", b"%d" % (left - 1), "k")


class Echoing(Counting):
    """Sends a record to its own source at each tick."""

    def tick(self, partition: int, epoch: Epoch) -> None:
        super().tick(partition, epoch)
        epoch.emit("a", b"tick", "ticks", partition=partition)


def again(world: World) -> Worker:
    worker = world.worker(stages=[Feeding(), Again(world)])
    world.settle(worker)
    return worker


def warmed_up(world: World, worker: Worker) -> Again:
    """Run one epoch, after which it is known where the worker's records stand; its second stage."""
    world.send("raw", "k", b"0")
    worker.run()
    stage = worker.stages[1]
    assert isinstance(stage, Again)
    return stage


def flushed(worker: Worker, feed: Callable[[], None]) -> int:
    """How often the next epoch flushes, which must be committed."""
    steps: list[str] = []
    worker.client.on_step = lambda step, when: steps.append(step) if when == "after" else None
    feed()
    assert worker.run() == [True]
    return steps.count("flush")


def test_what_a_later_round_writes_is_not_foretold_either_where_someone_else_writes() -> None:
    """Between two rounds of one transaction as well."""
    world = World(partitions=1)
    worker = again(world)
    stage = warmed_up(world, worker)
    overtake(world, worker)
    world.send("raw", "k", b"0")
    assert worker.run() == [False]
    stage.overtaken = True
    for _ in range(SHARED_EPOCHS):
        world.send("raw", "k", b"1")
        world.clock.advance(20)
        worker.run()
    stage.overtaken = False
    world.settle(worker)
    assert undone(worker) == ["Overtaken"]
    assert sum(line.startswith("k=") for line in world.out()) == 2 * SHARED_EPOCHS + 2


def test_what_is_overtaken_between_two_rounds_is_remembered_before_anything_was_committed() -> None:
    """Right after a start the first round is told and the second foretold behind it."""
    world = World(partitions=1)
    worker = again(world)
    stage = worker.stages[1]
    assert isinstance(stage, Again)
    stage.overtaken = True
    world.send("raw", "k", b"1")
    assert worker.run() == [False]
    assert undone(worker) == ["Overtaken"]
    stage.overtaken = False
    world.settle(worker)
    flushes = [flushed(worker, lambda: world.send("raw", "k", b"1")) for _ in range(SHARED_EPOCHS)]
    assert flushes[:-5] == [3] * (SHARED_EPOCHS - 5), "a flush a round, and one at the end"
    assert flushes[-1] == 1, "foretold again"


def test_a_worker_that_was_overtaken_goes_on_handing_over() -> None:
    """Where offsets are told nothing can be skipped: foretelling rests, and only where someone else wrote."""
    world = World(partitions=2)
    worker = start(world)

    def epoch(key: str) -> tuple[int, int]:
        """How often the next epoch with such a lead flushes, and how many records it processes."""
        return flushed(worker, lambda: world.send("raw", key)), commits(worker)[-1]

    assert [epoch(key) for key in ("k", "n", "k", "n")] == [(2, 2), (2, 2), (1, 2), (1, 2)]
    overtake(world, worker)
    world.send("raw", "n")
    assert worker.run() == [False]
    assert undone(worker) == ["Overtaken"]
    assert worker.run(2) == [True, True], "redone; what stands behind the aborted record comes by its consumer"
    assert [epoch(key) for key in ("k", "n", "k", "n")] == [(1, 2), (2, 2), (1, 2), (2, 2)]
    world.settle(worker)
    assert sorted(world.out()) == sorted(
        [*(f"k={n}" for n in range(1, 5)), *(f"n={n}" for n in range(1, 6)), "theirs=1"]
    )


def test_only_what_was_left_to_the_consumer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was handed over is known here, and its copies need not come before the next epoch may begin."""
    world = World(partitions=1)
    worker = again(world)
    warmed_up(world, worker)
    poll = worker.client.poll
    monkeypatch.setattr(worker.client, "poll", lambda *limits: [m for m in poll(*limits) if m.topic == "raw"])

    def polls(feed: Callable[[], None]) -> int:
        """How often the consumer is asked for the next epoch, which must be committed."""
        steps: list[str] = []
        worker.client.on_step = lambda step, when: steps.append(step) if when == "before" else None
        feed()
        assert worker.run() == [True]
        return steps.count("poll")

    assert polls(lambda: world.send("raw", "k", b"1")) == 1
    assert polls(lambda: world.send("raw", "k", b"1")) == 1, "all of the last epoch's was handed over"
    worker.engine._fetcher.await_own([A])
    assert polls(lambda: world.send("raw", "k", b"1")) > 1


def test_offsets_that_were_not_told_are_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was lost: the epoch is redone, as nobody knows, and foretold again right after it."""
    world = World(partitions=1)
    worker = start(world)
    world.send("raw", "k")
    world.settle(worker)
    flush, hide = worker.client.flush, [True]
    monkeypatch.setattr(worker.client, "flush", lambda: {} if (found := flush()) and hide and hide.pop() else found)
    world.send("raw", "k")
    assert worker.run() == [False]
    assert undone(worker) == ["EpochLost"]
    for _ in range(PLAIN_EPOCHS + 3):
        world.send("raw", "k")
        world.settle(worker)
    steps: list[str] = []
    worker.client.on_step = lambda step, when: steps.append(step) if when == "after" else None
    world.send("raw", "k")
    worker.run()
    assert steps.count("flush") == 1, "foretold"
    world.settle(worker)
    assert world.out() == [f"k={n}" for n in range(1, PLAIN_EPOCHS + 7)]


def test_what_several_rounds_write_to_one_partition_is_flushed_once() -> None:
    world = World(partitions=1)
    worker = again(world)
    steps: list[str] = []
    worker.client.on_step = lambda step, when: steps.append(step) if when == "after" else None
    for _ in range(4):
        world.send("raw", "k", b"2")
        assert worker.run() == [True]
    assert steps.count("flush") == 5, "once each, and once more to learn where the first record stands"
    assert world.out() == [f"k={n}" for n in range(1, 13)]


def test_an_epoch_that_is_open_for_long_takes_no_further_round() -> None:
    """Foretold rounds begin no transaction, yet nobody sees what they write before all of them are done."""
    world = World(partitions=1)
    worker = again(world)
    stage = warmed_up(world, worker)
    stage.takes_ms, limit_ms = 300, EngineOptions().handed_over_ms_max
    began_ms = world.clock.monotonic_ms()
    world.send("raw", "k", b"6")
    assert worker.run() == [True]
    assert limit_ms <= world.clock.monotonic_ms() - began_ms < limit_ms + stage.takes_ms
    assert commits(worker)[-1] == 5, "the first stage, and what the second did in four rounds"
    world.settle(worker)
    assert world.out() == [f"k={n}" for n in range(1, 9)]
