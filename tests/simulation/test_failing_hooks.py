"""Errors that are not a record's fault: what ends the process, what rests, what stops one partition."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Fenced, NeedsPerson, StateInDoubt, Unavailable
from streams.stage import Batch, Epoch
from tests.simulation.rig import Counting, World
from tests.simulation.test_rounds import Feeding


@pytest.mark.parametrize("error", [StateInDoubt("x"), Fenced("x"), NeedsPerson("x")])
@pytest.mark.parametrize("hook", ["prepare", "process", "confirm", "restored", "tick"])
def test_errors_that_end_the_process_always_get_through(hook: str, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    stage = Counting(every_ms=1)
    setattr(stage, hook, fail)
    if hook in ("prepare", "restored"):  # the engine asks the class whether the hook is there at all
        stage = type("Failing", (Counting,), {hook: fail})(every_ms=1)
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    world.send("a", "k")
    with pytest.raises(type(error)):
        world.settle(worker)


@pytest.mark.parametrize("hook", ["prepare", "process"])
@pytest.mark.parametrize("rounds", [False, True])
def test_no_record_is_blamed_for_memory_that_has_run_out(hook: str, rounds: bool) -> None:
    """Neither in the first round of an epoch nor in a later one."""

    def fail(*_: object) -> None:
        raise MemoryError

    world = World(partitions=1)
    stage = type("Failing", (Counting,), {hook: fail})()
    worker = world.worker(stages=[Feeding(), stage] if rounds else [stage])
    world.settle(worker)
    world.send("raw" if rounds else "a", "k")
    with pytest.raises(StateInDoubt, match="memory"):
        world.settle(worker)


@pytest.mark.parametrize("hook", ["prepare", "process"])
def test_no_record_is_suspected_when_a_later_round_ends_the_process_in_order(hook: str, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise NeedsPerson("look")

    world = World(partitions=1)
    stages = [Feeding(), type("Failing", (Counting,), {hook: fail})()]
    worker = world.worker(stages=stages, crash_file=tmp_path / "in-flight")
    world.settle(worker)
    world.send("raw", "k")
    with pytest.raises(NeedsPerson):
        world.settle(worker)
    assert (tmp_path / "in-flight").read_text().partition("\n")[0] == "[]"


@pytest.mark.parametrize("error", [StateInDoubt("x"), NeedsPerson("the registry refuses our schema")])
def test_a_codec_that_ends_the_process_is_not_blamed_on_a_record(error: Exception) -> None:
    def refuse(record: object) -> bytes:
        raise error

    world = World(partitions=1)
    worker = world.worker()
    worker.engine._closer._encode = refuse
    world.send("a", "k")
    with pytest.raises(type(error)):
        world.settle(worker)
    assert not world.dead("a")


def test_an_unavailable_world_in_process_is_no_poison() -> None:
    class Asking(Counting):
        away = True

        def process(self, batch: Batch, epoch: Epoch) -> None:
            if self.away:
                raise Unavailable("the schema registry does not answer")
            super().process(batch, epoch)

    stage = Asking()
    world = World(partitions=1)
    worker = world.worker(stages=[stage])
    world.send("a", "k")
    world.settle(worker)
    assert worker.engine.state().resting == {"routing": "the schema registry does not answer"}
    stage.away = False
    world.clock.advance(6000)
    world.settle(worker)
    assert world.out() == ["k=1"]
    assert not world.dead("a")
    assert worker.engine.state().ready


@pytest.mark.parametrize("hook", ["tick", "restored"])
def test_a_hook_without_records_that_fails_stops_its_partition_alone(hook: str) -> None:
    def fail(self: Counting, partition: int, epoch: Epoch) -> None:
        if partition == 0:
            raise ValueError("a bug")

    stage = type("Failing", (Counting,), {hook: fail})(every_ms=100 if hook == "tick" else None)
    world = World(partitions=2)
    worker = world.worker(stages=[stage])
    world.send("a", "k", partition=1)
    world.settle(worker)
    assert list(worker.engine.state().stopped) == [("routing", 0)]
    assert "k=1" in world.out()


def test_a_changelog_that_may_not_be_read_needs_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts alone would go on for ever, and say nothing of what is missing."""
    world = World(partitions=1)
    first = world.worker("w0")
    world.send("a", "k", partition=0)
    world.settle(first)
    first.engine.stop()
    worker = world.worker("w1")

    def refused(*_: object) -> Iterable[Any]:
        raise NeedsPerson("we may not read it")

    monkeypatch.setattr(worker.client, "read_entries", refused)
    with pytest.raises(NeedsPerson, match="may not read"):
        world.settle(worker)
