"""Records that fail: found by bisecting, set aside alone, with limits; and records that kill the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.errors import NeedsPerson, PartitionStop, Poison, Unavailable
from schemas.records import Credit
from streams.dead_letters import DeadLetterLimits
from streams.epoch import TooLarge
from streams.events import EpochUndone, RecordSetAside
from streams.options import EngineOptions
from streams.stage import Batch, Epoch, Message, TopicPartition
from tests.simulation.rig import POISON, Counting, Crash, Passing, Worker, World


def filled(world: World, good: int = 20, bad_at: int = 13) -> None:
    """Send `good` records with a poison one among them, and one to another partition."""
    for number in range(good):
        if number == bad_at:
            world.send("a", "bad", POISON, partition=0)
        world.send("a", "k", partition=0)
    world.send("a", "other", partition=1)


def undone(worker: Worker) -> list[str]:
    return [event.cause for event in worker.events if isinstance(event, EpochUndone)]


def test_the_record_that_fails_alone_goes_to_the_dead_letters_and_all_others_are_processed() -> None:
    """What stands where in the end.

    a-0:     k..k (13)  bad  k..k (7)
    out:     k=1..13 C  k=14..20 C                    no aborted record: nothing is sent before a stage is through
    a.dead:  the record, its coordinates and bytes C   in a transaction of its own, with its offset
    """
    world = World(partitions=2)
    worker = world.worker()
    filled(world)
    world.settle(worker)
    assert sorted(world.out()) == sorted([f"k={n}" for n in range(1, 21)] + ["other=1"])
    assert "(" not in world.log("out", 0) + world.log("out", 1)
    (letter,) = world.dead("a")
    assert (letter.topic, letter.partition, letter.offset) == ("a", 0, 13)
    assert (letter.stage, letter.reason, letter.key, letter.value) == ("routing", "EXCEPTION", b"bad", POISON)
    assert letter.detail.startswith("ValueError in process (rig.py:")
    assert world.offsets()[TopicPartition("a", 0)] == 21
    assert worker.engine.state().dead == 1
    assert [event.offset for event in worker.events if isinstance(event, RecordSetAside)] == [13]


def test_bisecting_takes_few_epochs() -> None:
    world = World(partitions=2)
    worker = world.worker()
    filled(world, good=500, bad_at=321)
    world.settle(worker, rounds=100)
    assert len(world.out()) == 501
    assert len(undone(worker)) <= 11, "500 records halve nine times, and once more alone"


def test_two_poison_records_and_a_lost_neighbour() -> None:
    world = World(partitions=2)
    worker = world.worker()
    filled(world, 10, 3)
    filled(world, 10, 3)
    world.settle(worker)
    assert [letter.offset for letter in world.dead("a")] == [3, 14]
    assert len(world.out()) == 22


def test_the_other_partitions_go_on_while_one_is_bisected() -> None:
    world = World(partitions=2)
    worker = world.worker()
    filled(world, 400, 200)
    while world.offsets().get(TopicPartition("a", 1), 0) < 1:
        worker.run()
        assert worker.engine.state().epochs < 8
    assert not world.dead("a")


def test_a_reason_never_quotes_the_value_it_was_raised_over() -> None:
    class Quoting(Passing):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            raise ValueError(f"cannot read {batch.messages[0].value!r}")

    world = World(partitions=1)
    worker = world.worker(stages=[Quoting()])
    world.send("raw", "k", b"bob@example.org")
    world.settle(worker)
    (letter,) = world.dead("raw")
    assert "bob" not in letter.detail
    assert letter.detail.startswith("ValueError in process")


def test_a_poison_error_says_its_own_reason() -> None:
    class Refusing(Passing):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            raise Poison("no such thing")

    world = World(partitions=1)
    worker = world.worker(stages=[Refusing()])
    world.send("raw", "k")
    world.settle(worker)
    assert (world.dead("raw")[0].reason, world.dead("raw")[0].detail) == ("POISON", "no such thing")


def test_a_record_too_large_is_refused_before_the_broker_sees_it() -> None:
    class Shouting(Passing):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            epoch.emit("passed", b"x" * 2000, "k")

    world = World(partitions=1)
    worker = world.worker(stages=[Shouting()], options=EngineOptions(record_bytes_max=1999))
    world.send("raw", "k")
    world.settle(worker)
    assert world.dead("raw")[0].reason == TooLarge.reason
    assert world.log("passed") == ""


def test_a_value_that_cannot_be_written_blames_its_record() -> None:
    class Miscounting(Counting):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            for message in batch.messages:
                key = (message.key or b"").decode()
                epoch.table("counts", batch.partition).put(key, Credit("many" if key == "bad" else 1.0))  # type: ignore[arg-type]

    world = World(partitions=1)
    worker = world.worker(stages=[Miscounting()])
    for key in ("x", "y", "bad", "z"):
        world.send("a", key)
    world.settle(worker)
    assert [letter.key for letter in world.dead("a")] == [b"bad"]
    assert set(world.changelog(0)[0]) == {"x", "y", "z"}


def test_a_wrong_type_in_a_table_blames_its_record() -> None:
    class Confused(Counting):
        def process(self, batch: Batch, epoch: Epoch) -> None:
            epoch.table("counts", batch.partition).put("k", batch)

    world = World(partitions=1)
    worker = world.worker(stages=[Confused()])
    world.send("a", "k")
    world.settle(worker)
    assert world.dead("a")[0].detail.startswith("TypeError in put")


def test_a_record_that_fails_in_prepare_is_found_among_many_partitions() -> None:
    class Claiming(Counting):
        def prepare(self, batches: Sequence[Batch]) -> None:
            if any(message.value == POISON for batch in batches for message in batch.messages):
                raise ValueError("cannot be claimed")

    world = World(partitions=2)
    worker = world.worker(stages=[Claiming(), Passing()])
    filled(world)
    world.send("raw", "k")
    world.settle(worker, rounds=100)
    assert [letter.offset for letter in world.dead("a")] == [13]
    assert len(world.out()) == 21
    assert world.out("passed") == ["v"]


# --- the stage has the first word -------------------------------------------------------------------------------


class Ending(Counting):
    """Ends a poison record in its own way, halts, or leaves it to the engine."""

    def __init__(self, answer: bool | Exception) -> None:
        super().__init__()
        self.answer = answer

    def give_up(self, message: Message, error: Exception, epoch: Epoch) -> bool:
        epoch.emit("out", b"unfilled", "k")
        epoch.table("counts", message.partition).put("given-up", Credit(1))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_stage_may_end_its_record_itself() -> None:
    world = World(partitions=1)
    worker = world.worker(stages=[Ending(True)])
    filled_one(world)
    world.settle(worker)
    assert sorted(world.out()) == ["k=1", "k=2", "unfilled"]
    assert not world.dead("a")
    assert world.changelog(0)[0] == {"k": 2, "given-up": 1}


def test_what_a_stage_wrote_before_it_left_the_record_to_us_is_forgotten() -> None:
    world = World(partitions=1)
    worker = world.worker(stages=[Ending(False)])
    filled_one(world)
    world.settle(worker)
    assert world.out() == ["k=1", "k=2"]
    assert len(world.dead("a")) == 1
    assert world.changelog(0)[0] == {"k": 2}


def test_a_record_that_must_not_be_set_aside_halts_its_partition() -> None:
    world = World(partitions=1)
    worker = world.worker(stages=[Ending(PartitionStop("only offers may be set aside"))])
    filled_one(world)
    world.settle(worker)
    reason = worker.engine.state().stopped["routing", 0]
    assert "Message(a-0@1) fails and cannot be set aside" in reason
    assert world.out() == ["k=1"]
    assert world.offsets()[TopicPartition("a", 0)] == 1


def test_a_stage_that_cannot_end_its_record_now_rests_and_tries_again() -> None:
    stage = Ending(Unavailable("the registry is away"))
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    filled_one(world)
    world.settle(worker)
    assert worker.engine.state().resting == {"routing": "the registry is away"}
    stage.answer = True
    world.clock.advance(6000)
    world.settle(worker)
    assert sorted(world.out()) == ["k=1", "k=2", "unfilled"]


def filled_one(world: World) -> None:
    world.send("a", "k")
    world.send("a", "bad", POISON)
    world.send("a", "k")


# --- limits -------------------------------------------------------------------------------------------------------


def test_too_many_in_a_row_need_a_person() -> None:
    world = World(partitions=1)
    worker = world.worker(options=EngineOptions(dead_letters=DeadLetterLimits(run_max=3)))
    for _ in range(5):
        world.send("a", "bad", POISON)
    with pytest.raises(NeedsPerson, match="a-0: 4 dead letters in a row"):
        world.settle(worker, rounds=100)
    assert len(world.dead("a")) == 3
    assert world.offsets()[TopicPartition("a", 0)] == 3


def test_too_large_a_share_needs_a_person() -> None:
    limits = DeadLetterLimits(run_max=2, share_max=0.1, window_records=50)
    world = World(partitions=1)
    worker = world.worker(options=EngineOptions(dead_letters=limits))
    for _ in range(20):
        world.send("a", "k")
        world.send("a", "bad", POISON)
    with pytest.raises(NeedsPerson, match="more than 5 dead letters among the last 50"):
        world.settle(worker, rounds=300)
    assert len(world.dead("a")) == 5


# --- records that kill ------------------------------------------------------------------------------------------------


class Deadly(Passing):
    """The process dies when it touches the record `kill`."""

    def process(self, batch: Batch, epoch: Epoch) -> None:
        if any(message.value == b"kill" for message in batch.messages):
            raise Crash
        super().process(batch, epoch)


def lives(world: World, crash_file: Path, stages: Sequence[Passing], limit: int) -> int:
    """Start the worker again each time it dies; returns how many lives it took until all was quiet."""
    for life in range(1, limit + 1):
        worker = world.worker(stages=stages, crash_file=crash_file)
        world.clock.advance(7000)
        try:
            world.settle(worker, rounds=100)
        except Crash:
            worker.die()
            continue
        return life
    raise AssertionError(f"still dying after {limit} lives")


def test_a_record_that_kills_the_process_is_found_by_the_crash_file(tmp_path: Path) -> None:
    """Four lives.

    life 1, 2   die with all six records in flight
    life 3      takes them one by one: 0, 1, 2 are committed, dies with 3 alone in flight
    life 4      sets 3 aside without touching it, takes the rest
    """
    world = World(partitions=1)
    for value in (b"0", b"1", b"2", b"kill", b"4", b"5"):
        world.send("raw", "k", value)
    assert lives(world, tmp_path / "crashes", [Deadly()], 6) == 4
    assert world.out("passed") == ["0", "1", "2", "4", "5"]
    (letter,) = world.dead("raw")
    assert (letter.offset, letter.reason) == (3, "KILLS_PROCESS")


def test_a_record_that_kills_while_it_is_prepared_is_found_as_well(tmp_path: Path) -> None:
    """Intake looks into a stranger's bytes there."""

    class DeadlyToPrepare(Passing):
        def prepare(self, batches: Sequence[Batch]) -> None:
            if any(message.value == b"kill" for batch in batches for message in batch.messages):
                raise Crash

    world = World(partitions=1)
    for value in (b"0", b"1", b"kill", b"3"):
        world.send("raw", "k", value)
    assert lives(world, tmp_path / "crashes", [DeadlyToPrepare()], 6) == 4
    assert world.out("passed") == ["0", "1", "3"]
    (letter,) = world.dead("raw")
    assert (letter.offset, letter.reason) == (2, "KILLS_PROCESS")


def test_deaths_at_different_records_blame_nobody(tmp_path: Path) -> None:
    world = World(partitions=1)
    for life in range(5):
        world.send("raw", "k", b"%d" % life)
        dying = type("Dying", (Passing,), {"process": lambda self, batch, epoch: (_ for _ in ()).throw(Crash)})()
        worker = world.worker(stages=[dying], crash_file=tmp_path / "crashes")
        world.clock.advance(7000)
        with pytest.raises(Crash):
            world.settle(worker)
        worker.die()
        worker = world.worker(stages=[Passing()], crash_file=tmp_path / "crashes")
        world.clock.advance(7000)
        world.settle(worker)
        worker.die()
    assert world.out("passed") == ["0", "1", "2", "3", "4"]
    assert not world.dead("raw")


def test_a_death_in_the_transaction_is_not_blamed_on_its_records(tmp_path: Path) -> None:
    """A broker that hangs makes workers exit; their records have done nothing."""
    world = World(partitions=1)
    world.send("raw", "k")

    def dies(step: str, when: str) -> None:
        if (step, when) == ("commit", "before"):
            raise Crash

    for _ in range(5):
        worker = world.worker(stages=[Passing()], crash_file=tmp_path / "crashes", on_step=dies)
        world.clock.advance(7000)
        with pytest.raises(Crash):
            world.settle(worker)
        worker.die()
    worker = world.worker(stages=[Passing()], crash_file=tmp_path / "crashes")
    world.clock.advance(7000)
    world.settle(worker)
    assert world.out("passed") == ["v"]
    assert not world.dead("raw")
