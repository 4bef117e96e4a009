"""Rounds: what an epoch wrote for stages of its own worker is processed in the same transaction, if it follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import EpochLost, NeedsPerson, PartitionStop, Unavailable
from streams.events import EpochCommitted, EpochUndone, RecordSetAside
from streams.failures import PLAIN_EPOCHS
from streams.following import SHARED_EPOCHS, Following
from streams.options import EngineOptions
from streams.stage import Batch, Epoch, Stage, TopicPartition
from tests.simulation.rig import POISON, Counting, Crash, Worker, World

A = TopicPartition("a", 0)


class Feeding(Stage):
    """Sends each record on to the counting stage."""

    name = "dedup"
    sources = ("raw",)

    def process(self, batch: Batch, epoch: Epoch) -> None:
        for message in batch.messages:
            epoch.emit("a", message.value or b"", (message.key or b"").decode())


def start(world: World, handed_over_records_max: int = 1500) -> Worker:
    options = EngineOptions(handed_over_records_max=handed_over_records_max)
    worker = world.worker(stages=[Feeding(), Counting()], options=options)
    world.settle(worker)
    return worker


def commits(worker: Worker) -> list[int]:
    """How many records each committed epoch processed."""
    return [event.records for event in worker.events if isinstance(event, EpochCommitted) and event.records]


def undone(worker: Worker) -> list[str]:
    return [event.cause for event in worker.events if isinstance(event, EpochUndone)]


def overtake(world: World, worker: Worker) -> None:
    """Let a stranger write to the second stage's source once, when the next transaction has begun."""
    strike = True

    def stranger(step: str, when: str) -> None:
        nonlocal strike
        if strike and (step, when) == ("begin", "after"):
            strike = False
            world.send("a", "theirs")

    worker.client.on_step = stranger


def fail_once(step: str) -> Callable[[str, str], None]:
    """Let the cluster refuse the next such step."""
    failed = False

    def refuse(at: str, when: str) -> None:
        nonlocal failed
        if not failed and (at, when) == (step, "before"):
            failed = True
            raise EpochLost("refused")

    return refuse


def test_a_record_passes_all_stages_in_one_epoch() -> None:
    world = World(partitions=2)
    worker = start(world)
    for key in ("k", "l", "m"):
        world.send("raw", key)
    assert worker.run() == [True]
    assert sorted(world.out()) == ["k=1", "l=1", "m=1"]
    assert commits(worker) == [6]
    assert sum(at for partition, at in world.offsets().items() if partition.topic == "a") == 3


def test_the_consumers_copies_are_not_taken_again() -> None:
    world = World(partitions=1)
    worker = start(world)
    for number in range(5):
        world.send("raw", "k")
        assert worker.run() == [True], number
    world.settle(worker)
    assert world.out() == [f"k={n}" for n in range(1, 6)]
    assert commits(worker) == [2] * 5, "behind the end of its own last transaction a record follows"
    counts, positions = world.changelog(0)
    assert counts == {"k": 5}
    assert positions["a"][1] == world.offsets()[A]


def test_nothing_is_handed_over_where_it_is_switched_off_or_too_much_at_once() -> None:
    for most in (0, 2):
        world = World(partitions=1)
        worker = start(world, most)
        for _ in range(3):
            world.send("raw", "k")
        assert worker.run(2) == [True, True]
        assert commits(worker) == [3, 3]
        assert world.out() == ["k=1", "k=2", "k=3"]


def test_a_record_of_someone_else_between_is_not_skipped() -> None:
    """The stranger's record lies before ours: our offset must not be committed over it."""
    world = World(partitions=1)
    worker = start(world)
    world.send("raw", "ours")
    assert worker.run() == [True]
    overtake(world, worker)
    world.send("raw", "ours")
    assert worker.run() == [False], "it was foretold where ours would stand"
    assert undone(worker) == ["Overtaken"]
    world.settle(worker)
    assert commits(worker) == [2, 2, 1], "and is done again hop by hop"
    assert world.out() == ["ours=1", "theirs=1", "ours=2"], "each once, in the order of the log"


def test_where_someone_else_writes_nothing_is_foretold() -> None:
    """A partition that others write to is told of once it is flushed, for some hundred epochs after they last did."""
    world = World(partitions=1)
    worker = start(world)

    def flushes() -> int:
        steps: list[str] = []
        worker.client.on_step = lambda step, when: steps.append(step) if when == "after" else None
        world.send("raw", "ours")
        assert worker.run() == [True]
        return steps.count("flush")

    assert [flushes() for _ in range(3)] == [2, 1, 1], "known once the first one was told"
    overtake(world, worker)
    world.send("raw", "ours")
    assert worker.run() == [False]
    later = [flushes() for _ in range(SHARED_EPOCHS + 1)]
    assert set(later[: SHARED_EPOCHS - 1]) == {2}, "round by round"
    assert later[-1] == 1, "foretold again"


def test_an_aborted_transaction_leaves_nothing_to_foretell() -> None:
    """a-0: ours C (ours) A: the next one would be foretold to stand where the aborted one does."""
    world = World(partitions=1)
    worker = start(world)
    world.send("raw", "ours")
    assert worker.run() == [True]
    worker.client.on_step = fail_once("send_offsets")
    world.send("raw", "ours")
    assert worker.run() == [False]
    for _ in range(2 * PLAIN_EPOCHS):
        world.send("raw", "ours")
        world.settle(worker)
    assert undone(worker) == ["EpochLost"]
    assert world.out()[-1] == f"ours={2 * PLAIN_EPOCHS + 2}"


def test_a_record_of_someone_else_among_foretold_ones_is_not_skipped() -> None:
    """a-0: ours theirs ours: the first one stands where it was foretold to."""
    world = World(partitions=1)
    worker = start(world)
    world.send("raw", "ours")
    assert worker.run() == [True]
    ends: list[int] = []

    def stranger(step: str, when: str) -> None:
        log = world.broker.log(A)
        if (step, when) == ("produce", "before"):
            ends.append(log.end)
        elif (step, when) == ("produce", "after") and not ends.count(-1) and log.end > ends[-1]:
            ends.append(-1)
            world.send("a", "theirs")

    worker.client.on_step = stranger
    for _ in range(2):
        world.send("raw", "ours")
    assert worker.run() == [False]
    assert undone(worker) == ["Overtaken"]
    world.settle(worker)
    assert sorted(world.out()) == ["ours=1", "ours=2", "ours=3", "theirs=1"]


def test_records_of_another_worker_are_never_skipped() -> None:
    world = World(partitions=1)
    first, second = start(world), world.worker("w2", stages=[Feeding(), Counting()])
    world.settle(first, second)
    for number in range(20):
        world.send("raw", f"k{number}")
        world.send("a", f"s{number}")
        first.run()
        second.run()
    world.settle(first, second)
    assert sorted(world.out()) == sorted([*(f"k{n}=1" for n in range(20)), *(f"s{n}=1" for n in range(20))])


def test_a_failure_in_a_later_round_is_met_again_hop_by_hop() -> None:
    """The record behind it has no offset that lasts: it is committed first, then found and set aside."""
    world = World(partitions=1)
    worker = start(world)
    world.send("raw", "good")
    world.send("raw", "bad", POISON)
    assert worker.run() == [False]
    assert undone(worker) == ["ValueError"]
    world.settle(worker)
    assert world.out() == ["good=1"]
    assert [letter.partition for letter in worker.events if isinstance(letter, RecordSetAside)] == [A]
    assert len(world.broker.records("a.dead")) == 1
    for _ in range(PLAIN_EPOCHS):
        world.send("a", "plain")
        worker.run()
    world.send("raw", "good")
    worker.run()
    world.settle(worker)
    assert "good=2" in world.out()
    assert max(commits(worker)[-2:]) == 2, "rounds are back"


@pytest.mark.parametrize("error", [Unavailable("away"), PartitionStop("no more")])
def test_what_stops_a_stage_stops_it_hop_by_hop_as_well(error: Exception) -> None:
    class Failing(Counting):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            raise error

    world = World(partitions=1)
    worker = world.worker(stages=[Feeding(), Failing()])
    world.settle(worker)
    world.send("raw", "k")
    world.settle(worker)
    assert world.out() == []
    assert world.out("a") == ["v"], "the first hop is committed"
    state = worker.engine.state()
    assert not state.ready
    assert any("away" in reason or "no more" in reason for reason in state.not_ready)


@pytest.mark.parametrize("hook", ["process", "prepare"])
def test_a_stage_that_needs_a_person_leaves_no_open_transaction(hook: str) -> None:
    """Nobody starts this process again, and until the time-out readers would wait at what it has written."""

    def halt(*_: object) -> None:
        raise NeedsPerson("look at this")

    world = World(partitions=1)
    worker = world.worker(stages=[Feeding(), type("Halting", (Counting,), {hook: halt})()])
    world.settle(worker)
    world.send("raw", "k")
    with pytest.raises(NeedsPerson):
        worker.run()
    log = world.broker.log(A)
    assert log.end > 0, "the first round had written"
    assert log.last_stable == log.end


@pytest.mark.parametrize(
    ("ends", "count", "follows"), [((5, 5), 1, True), ((5, 7), 3, True), ((6, 6), 1, False), ((5, 8), 3, False)]
)
def test_what_is_handed_over_stands_together_behind_what_was_taken(
    ends: tuple[int, int], count: int, follows: bool
) -> None:
    assert Following().follows(("a", 0), 5, ends, count) is follows


def test_a_stage_that_reaches_out_is_handed_nothing() -> None:
    class Reaching(Counting):
        reaches_out = True

    world = World(partitions=1)
    worker = world.worker(stages=[Feeding(), Reaching()])
    world.settle(worker)
    world.send("raw", "k")
    assert worker.run(2) == [True, True]
    assert commits(worker) == [1, 1]


@pytest.mark.parametrize(("flush_ms", "processed"), [(0, [3]), (60, [3]), (120, [1, 2])])
def test_a_transaction_that_is_open_for_long_takes_no_further_round(flush_ms: int, processed: list[int]) -> None:
    class Again(Counting):
        """Sends each record back to itself once."""

        def process(self, batch: Batch, epoch: Epoch) -> None:
            super().process(batch, epoch)
            for message in batch.messages:
                if message.value == b"again":
                    epoch.emit("a", b"last", "k")

    def slow(step: str, when: str) -> None:
        if (step, when) == ("flush", "before"):
            world.clock.advance(flush_ms)

    world = World(partitions=1)
    worker = world.worker(stages=[Feeding(), Again()], on_step=slow)
    world.settle(worker)
    world.send("raw", "k", b"again")
    world.settle(worker)
    assert commits(worker) == processed
    assert world.out() == ["k=1", "k=2"]


def test_after_a_death_in_an_epoch_records_are_taken_hop_by_hop(tmp_path: Path) -> None:
    """A record that kills must be marked under an offset that it keeps."""
    world = World(partitions=1)

    class Killing(Counting):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            if any(message.value == b"kills" for message in batch.messages):
                raise Crash
            super().process(batch, epoch)

    marks: list[str] = []
    for life in range(12):
        worker = world.worker(stages=[Feeding(), Killing()], static=True, crash_file=tmp_path / "in-flight")
        try:
            world.settle(worker)
            if life == 0:
                world.send("raw", "good")
                world.send("raw", "bad", b"kills")
                world.settle(worker)
        except Crash:
            marks.append((tmp_path / "in-flight").read_text().partition("\n")[0])
            worker.die()
            world.clock.advance(10_000)
        else:
            break
    assert world.out() == ["good=1"]
    assert len(world.broker.records("a.dead")) == 1
    assert marks[0].startswith('[["raw",0,0,2'), "the first death was in a later round of the epoch that took both"
    assert all(mark.startswith('[["a",0,') for mark in marks[-2:]), "the last ones were over a committed record"
