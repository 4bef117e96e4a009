"""Who may run when: resting and waiting stages, refused epochs, downstream first, timers, linger, views."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from schemas.errors import EpochLost
from streams.clock import Clock
from streams.events import EpochCommitted, PrepareSlow, StageRests
from streams.options import EngineOptions
from streams.stage import Batch, Epoch, Stage, TopicPartition
from tests.simulation.rig import Counting, Passing, World

# --- a stage whose world is away ------------------------------------------------------------------------------------


def test_only_the_stage_whose_prepare_fails_rests() -> None:
    counting, passing = Counting(), Passing()
    counting.unavailable = True
    world = World(partitions=1)
    worker = world.worker(stages=[passing, counting])
    world.send("a", "k")
    world.send("raw", "k")
    world.settle(worker)
    assert world.out("passed") == ["v"]
    assert world.out() == []
    assert worker.engine.state().resting == {"routing": "the world is away"}
    assert "routing rests: the world is away" in worker.engine.state().not_ready
    assert worker.engine.state().member, "polling went on"
    counting.unavailable = False
    world.clock.advance(6000)
    world.settle(worker)
    assert world.out() == ["k=1"]
    assert worker.engine.state().ready


def test_a_resting_stage_is_tried_less_and_less_often() -> None:
    stage = Counting()
    stage.unavailable = True
    world = World(partitions=1)
    worker = world.worker(stages=[stage], options=EngineOptions(rest_ms_min=100, rest_ms_max=800))
    world.send("a", "k")
    at: list[int] = []
    for _ in range(600):
        before = len(worker.events)
        worker.run()
        at += [world.clock.monotonic_ms() for event in worker.events[before:] if isinstance(event, StageRests)]
        world.clock.advance(10)
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert pauses[:3] == [100, 200, 400]
    assert set(pauses[3:]) == {800}


def test_records_of_a_resting_stage_are_neither_lost_nor_fetched_again() -> None:
    stage = Counting()
    stage.unavailable = True
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    for number in range(50):
        world.send("a", "k" if number % 2 else "l")
    world.settle(worker)
    stage.unavailable = False
    world.clock.advance(6000)
    world.settle(worker)
    assert len(world.out()) == 50


@pytest.mark.parametrize(("records", "pauses"), [(9, False), (500, True)])
def test_a_resting_stage_is_paused_at_the_client_only_when_an_epoch_of_it_waits(records: int, pauses: bool) -> None:
    """A pause makes librdkafka drop what it has fetched; without any, a long rest would fill the memory."""
    stage = Counting()
    stage.unavailable = True
    world = World(partitions=2)
    worker = world.worker(stages=[stage], options=EngineOptions(epoch_records_max=10))
    for number in range(records):
        world.send("a", f"k{number}")
    for _ in range(100):
        worker.run()
        world.clock.advance(20)
    assert bool(worker.client._paused) == pauses
    intake = worker.engine._context.intake
    assert intake.ready(lambda partition: True) <= 20
    stage.unavailable = False
    world.clock.advance(6000)
    world.settle(worker)
    assert len(world.out()) == records


def test_a_refused_confirm_aborts_undoes_and_is_tried_again() -> None:
    """out:  (k=1) A | k=1 C     the claims were wiped between prepare and commit."""
    stage = Counting()
    stage.refuse_confirm = True
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    world.send("a", "k")
    world.settle(worker, rounds=12)
    assert world.out() == []
    stage.refuse_confirm = False
    world.clock.advance(6000)
    world.settle(worker)
    assert world.out() == ["k=1"]
    assert world.log("out").startswith("(k=1) A")
    assert world.changelog(0)[0] == {"k": 1}


def test_confirm_is_not_asked_before_everything_is_flushed() -> None:
    steps: list[str] = []
    stage = Counting()
    world = World(partitions=1)
    worker = world.worker(stages=[stage], on_step=lambda step, when: steps.append(f"{step} {when} {stage.confirms}"))
    world.send("a", "k")
    world.settle(worker)
    flushed = steps.index("flush after 1")
    assert steps[flushed + 1] == "send_offsets before 2"


def test_a_stage_that_waits_is_paused_and_says_why() -> None:
    stage = Passing()
    stage.waiting_for = "no plan has been applied"
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    world.send("raw", "k")
    world.settle(worker)
    assert world.out("passed") == []
    assert worker.engine.state().resting == {"dedup": "no plan has been applied"}
    stage.waiting_for = None
    world.settle(worker)
    assert world.out("passed") == ["v"]


def test_a_slow_prepare_is_told() -> None:
    world = World(partitions=1)

    class Slow(Passing):
        def prepare(self, batches: Sequence[Batch]) -> None:
            world.clock.advance(700)

    worker = world.worker(stages=[Slow()])
    world.send("raw", "k")
    world.settle(worker)
    assert PrepareSlow("dedup", 700) in worker.events
    assert world.out("passed") == ["v"]


def test_lost_epochs_in_a_row_wait_longer_while_polling_goes_on() -> None:
    lost: list[int] = []
    polls: list[int] = []

    def refuse(step: str, when: str) -> None:
        if (step, when) == ("commit", "before") and len(lost) < 6:
            lost.append(world.clock.monotonic_ms())
            raise EpochLost("refused")
        if step == "poll":
            polls.append(world.clock.monotonic_ms())

    world = World(partitions=1)
    worker = world.worker(on_step=refuse)
    world.send("a", "k")
    for _ in range(400):
        worker.run()
        world.clock.advance(10)
    pauses = [later - earlier for earlier, later in itertools.pairwise(lost)]
    assert pauses == [10, 100, 200, 400, 800]
    assert polls[-1] > lost[-1]
    assert world.out() == ["k=1"]


# --- downstream first -----------------------------------------------------------------------------------------------


class Early(Stage):
    """Upstream: every record becomes three for the next stage."""

    name = "early"
    sources = ("raw",)

    def process(self, batch: Batch, epoch: Epoch) -> None:
        for message, _ in itertools.product(batch.messages, range(3)):
            epoch.emit("a", b"v", (message.key or b"").decode())


def test_an_upstream_stage_rests_while_more_than_two_epochs_wait_downstream() -> None:
    world = World(partitions=1)
    worker = world.worker(stages=[Early(), Counting()], options=EngineOptions(epoch_records_max=10))
    for number in range(300):
        world.send("raw", f"k{number % 5}")
    most = 0
    held = False
    for _ in range(400):
        worker.run()
        world.clock.advance(20)
        waiting = world.broker.log(TopicPartition("a", 0)).end - world.offsets().get(TopicPartition("a", 0), 0)
        most = max(most, waiting)
        held = held or worker.engine.state().held == {"early": "routing"}
    assert held
    assert most < 120, "an epoch upstream is 30 records downstream; 20 may wait before it is held"
    assert len(world.out()) == 900
    assert worker.engine.state().held == {}


def test_a_backlog_that_does_not_move_holds_nobody_back() -> None:
    """What looks like 100 waiting records is an aborted bulk: only new records could move the position past it."""
    world = World(partitions=1)
    worker = world.worker(stages=[Early(), Counting()], options=EngineOptions(epoch_records_max=10))
    world.send("a", "k")
    world.settle(worker)
    stranger = world.broker.init_producer("stranger")
    log = world.broker.log(TopicPartition("a", 0))
    for _ in range(100):
        world.broker.append("stranger", stranger, log, b"k", b"bulk", ())
    world.broker.end("stranger", stranger, commit=False)
    world.clock.advance(2000)
    world.send("raw", "k")
    world.settle(worker)
    assert len(world.out()) == 4


def test_a_stopped_partition_downstream_holds_nobody_back() -> None:
    world = World(partitions=1)
    world.broker.commit_plain("leadflow", {TopicPartition("a", 0): 7})
    worker = world.worker(stages=[Early(), Counting()], options=EngineOptions(epoch_records_max=5))
    for _ in range(60):
        world.send("raw", "k")
    world.settle(worker)
    assert list(worker.engine.state().stopped) == [("routing", 0)]
    assert world.broker.log(TopicPartition("a", 0)).end > 180


# --- timers ---------------------------------------------------------------------------------------------------------


def test_a_timer_opens_an_epoch_of_its_own_that_carries_offsets() -> None:
    """changelog:  ticks, position a 1..1 and b 0..0 C      without offsets it would not be fenced."""
    world = World(partitions=1)
    worker = world.worker(stages=[Counting(every_ms=1000)])
    world.send("a", "k")
    world.settle(worker, rounds=20)
    before = world.changelog(0)[0]["ticks"]
    del world.broker.group("leadflow").offsets[TopicPartition("a", 0)]
    world.clock.advance(1000)
    assert worker.run() == [True]
    assert world.changelog(0)[0]["ticks"] == before + 1
    assert world.offsets()[TopicPartition("a", 0)] == 1
    assert world.offsets()[TopicPartition("b", 0)] == 0


def test_a_timer_that_its_tick_leaves_due_cannot_spin() -> None:
    class Stuck(Counting):
        def due_at(self, partition: int) -> int | None:
            return 5

    world = World(partitions=1)
    worker = world.worker(stages=[Stuck()])
    for _ in range(300):
        worker.run()
        world.clock.advance(1)
    assert 20 <= world.out().count("tick") <= 31, "at most a hundred times a second"


def test_a_zombie_cannot_tick() -> None:
    world = World(partitions=1)
    first = world.worker("w1", [Counting(every_ms=100)])
    world.settle(first, rounds=10)
    world.clock.advance(100)
    epoch = first.engine.open(0)
    assert epoch is not None
    first.client.alive = False
    world.clock.advance(7000)
    second = world.worker("w2", [Counting(every_ms=100)])
    world.settle(second, rounds=12)
    ticks = world.out().count("tick")
    first.client.alive = True
    assert first.engine.close(epoch) is False
    assert world.out().count("tick") == ticks
    assert world.changelog(0)[0]["ticks"] == ticks


def test_a_poll_waits_no_longer_than_the_next_timer() -> None:
    world = World(partitions=1)
    waits: list[float] = []
    worker = world.worker(stages=[Counting(every_ms=5000)])
    world.settle(worker, rounds=10)
    worker.client._wait = waits.append
    world.clock.advance(3000)
    worker.engine.open(10.0)
    assert len(waits) == 1
    assert 0 < waits[0] <= 2.0


def test_pretended_time_shortens_real_waits() -> None:
    clock = Clock(start_ms=1_000_000, anchor_ms=0, rate=10.0)
    assert clock.map(500) == 1_005_000
    assert clock.map(-500) == 995_000


# --- linger ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "polls"), [(3, 1), (30, 2)])
def test_few_records_are_not_worth_a_wait(waiting: int, polls: int) -> None:
    world = World(partitions=1)
    seen: list[str] = []
    worker = world.worker(on_step=lambda step, when: seen.append(step) if when == "before" else None)
    world.settle(worker)
    for _ in range(waiting):
        world.send("a", "k")
    seen.clear()

    def wait(seconds: float) -> None:
        world.clock.advance(round(seconds * 1000))

    worker.client._wait = wait
    assert worker.run() == [True]
    assert seen.count("poll") == polls
    assert len(world.out()) == waiting


def test_an_epoch_takes_no_more_than_its_limit() -> None:
    world = World(partitions=2)
    worker = world.worker(options=EngineOptions(epoch_records_max=16))
    for number in range(100):
        world.send("a", f"k{number}")
    world.settle(worker)
    sizes = [event.records for event in worker.events if isinstance(event, EpochCommitted) and event.records]
    assert sum(sizes) == 100
    assert max(sizes) <= 16
