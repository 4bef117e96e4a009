"""From assignment to work: who starts where, who stops and says why, and whose state is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from schemas.errors import NeedsPerson, StateInDoubt, Unavailable
from schemas.records import Credit
from streams.client import GroupMetadata
from streams.engine import Engine
from streams.options import EngineOptions
from streams.positions import changelog_topic, table_key
from streams.stage import TopicPartition
from tests.simulation.rig import CODEC, Counting, Crash, Passing, Worker, World

A0, A1 = TopicPartition("a", 0), TopicPartition("a", 1)
CHANGELOG0 = TopicPartition(changelog_topic("routing"), 0)


@pytest.fixture
def world() -> World:
    """Two partitions, with four records of `a` already counted by a worker that has left."""
    world = World(partitions=2)
    first = world.worker("w0")
    for partition in (0, 1, 0, 1):
        world.send("a", f"k{partition}", partition=partition)
    world.settle(first)
    first.engine.stop()
    return world


def stopped(engine: Engine) -> dict[tuple[str, int], str]:
    return dict(engine.state().stopped)


def test_state_comes_back_with_its_offsets(world: World) -> None:
    worker = world.worker("w1")
    world.send("a", "k0", partition=0)
    world.settle(worker)
    assert sorted(world.out()) == ["k0=1", "k0=2", "k0=3", "k1=1", "k1=2"]
    assert worker.engine.state().entries == {("routing", 0): 1, ("routing", 1): 1}


@pytest.mark.parametrize("moved_to", [0, 1, 3])
def test_offsets_moved_by_hand_stop_that_partition_alone(world: World, moved_to: int) -> None:
    world.send("a", "k0", partition=0)
    world.broker.commit_plain("leadflow", {A0: moved_to})
    world.send("a", "k1", partition=1)
    worker = world.worker("w1")
    world.settle(worker)
    state = worker.engine.state()
    assert list(state.stopped) == [("routing", 0)]
    reason = state.stopped["routing", 0]
    assert "a-0" in reason
    assert "state is at 2" in reason
    assert "leadflow repair" in reason
    assert not state.ready
    assert world.offsets()[A1] == 3, "the other partition goes on"
    assert world.offsets()[A0] == moved_to


def test_a_settled_partition_is_taken_up_within_seconds(world: World) -> None:
    world.broker.commit_plain("leadflow", {A0: 0})
    world.send("a", "k0", partition=0)
    worker = world.worker("w1")
    world.settle(worker)
    assert list(stopped(worker.engine)) == [("routing", 0)]
    world.broker.commit_plain("leadflow", {A0: 1})
    world.clock.advance(2000)
    world.settle(worker)
    assert "committed offset at 1" in stopped(worker.engine)["routing", 0], "still wrong, and it says how"
    world.broker.commit_plain("leadflow", {A0: 2})
    world.clock.advance(2000)
    world.settle(worker)
    assert stopped(worker.engine) == {}
    assert "k0=3" in world.out(), "with the state of before"


def test_a_lost_changelog_stops_the_partition_instead_of_counting_from_zero(world: World) -> None:
    world.broker.delete_topic(changelog_topic("routing"))
    world.broker.create_topic(changelog_topic("routing"), 2)
    worker = world.worker("w1")
    world.settle(worker)
    assert set(stopped(worker.engine)) == {("routing", 0), ("routing", 1)}
    assert "state is at 0, its committed offset at 2" in stopped(worker.engine)["routing", 0]


def test_expired_offsets_stop_the_partition(world: World) -> None:
    del world.broker.group("leadflow").offsets[A0]
    worker = world.worker("w1")
    world.settle(worker)
    assert "no committed offset" in stopped(worker.engine)["routing", 0]


def test_without_offset_and_state_a_whole_log_is_read_from_its_start() -> None:
    world = World(partitions=1)
    world.send("a", "k")
    worker = world.worker()
    world.settle(worker)
    assert world.out() == ["k=1"]


def test_without_offset_a_log_that_was_cut_is_not_guessed_at() -> None:
    world = World(partitions=1)
    for _ in range(3):
        world.send("raw", "k")
    world.broker.log(TopicPartition("raw", 0)).cut(2)
    worker = world.worker(stages=[Passing()])
    world.settle(worker)
    assert "its log starts at 2" in stopped(worker.engine)["dedup", 0]
    assert world.out("passed") == []


def test_a_committed_offset_below_the_log_is_not_skipped_forward(world: World) -> None:
    for _ in range(5):
        world.send("a", "k0", partition=0)
    world.broker.log(A0).cut(4)
    worker = world.worker("w1")
    world.settle(worker)
    assert "committed offset 2 is outside its log [4, 7]" in stopped(worker.engine)["routing", 0]


def test_a_log_that_is_cut_under_a_running_worker_stops_its_partition_alone(world: World) -> None:
    worker = world.worker("w1")
    world.settle(worker)
    world.broker.delete_topic("a")
    world.broker.create_topic("a", 2)
    world.send("b", "k1", partition=1)
    world.settle(worker)
    assert set(stopped(worker.engine)) >= {("routing", 0)}
    assert "outside its log" in stopped(worker.engine)["routing", 0]


def test_a_missing_changelog_topic_is_named(world: World) -> None:
    world.broker.delete_topic(changelog_topic("routing"))
    worker = world.worker("w1")
    world.settle(worker)
    assert "internal.routing.changelog missing" in stopped(worker.engine)["routing", 0]


def test_restore_waits_for_markers_that_come_late(world: World) -> None:
    """The group knows the new offsets; the changelog has the records but not yet their marker.

    a-0:  offsets 3 | changelog  ... k0=2 C  k0=3? (no marker)  -> whoever restores must wait, not start with k0=2
    """
    first = world.worker("w1")
    world.settle(first)
    world.broker.hold_markers = True
    world.send("a", "k0", partition=0)
    for _ in range(3):
        first.run()
    first.die()
    world.broker.write_markers(lambda place: place != CHANGELOG0)
    other = world.worker("w2")
    world.clock.advance(7000)
    world.settle(other, rounds=20)
    assert world.offsets()[A0] == 3
    assert [progress.partition for progress in other.engine.state().restoring] == [0]
    world.broker.hold_markers = False
    world.broker.write_markers()
    world.send("a", "k0", partition=0)
    world.settle(other)
    assert "k0=4" in world.out()


def test_state_kept_over_a_revoke_is_read_on_not_read_again(world: World) -> None:
    first = world.worker("w1")
    world.settle(first)
    world.clock.advance(EngineOptions().check_every_ms)
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    world.settle(first)
    complete = {lane.partition: lane.complete_to for lane in first.engine._assignment.running}
    starts: dict[int, int] = {}
    read = first.client.read

    def reading(partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]) -> Any:
        starts[partition.partition] = start
        return read(partition, start, end, cancelled)

    first.client.read = reading  # type: ignore[method-assign]
    second = world.worker("w2")
    world.settle(first, second)
    second.engine.stop()
    world.settle(first)
    assert len(first.engine.state().running) == 4
    assert set(starts) == {0, 1}
    assert all(starts[number] >= complete[number] > 0 for number in starts)
    world.send("a", "k1", partition=1)
    world.settle(first)
    assert "k1=4" in world.out()


def test_kept_state_learns_what_an_owner_in_between_has_written(world: World) -> None:
    first = world.worker("w1", [Counting()])
    world.settle(first)
    second = world.worker("w2", [Counting(every_ms=50)])
    world.settle(first, second)
    mine = {source.partition for source in second.engine.state().running}
    second.engine.stop()
    world.settle(first)
    for number in mine:
        counts, _ = world.changelog(number)
        assert counts["ticks"] > 0, "it only ticked: no offset has moved"
        store = next(lane.store for lane in first.engine._assignment.running if lane.partition == number)
        assert store is not None
        assert store.tables["counts"].get("ticks") == Credit(counts["ticks"])


def test_kept_state_knows_the_position_of_a_source_that_was_quiet_since(world: World) -> None:
    """Its position record lies below the offset from which the kept state is read on."""
    first = world.worker("w1")
    world.settle(first)
    for partition in (0, 1):
        world.send("b", f"k{partition}", partition=partition)
    world.settle(first)
    world.clock.advance(EngineOptions().check_every_ms)
    for partition in (0, 1):
        world.send("a", f"k{partition}", partition=partition)
    world.settle(first)
    second = world.worker("w2")
    world.settle(first, second)
    assert stopped(first.engine) == {}
    assert len(first.engine.state().running) == len(second.engine.state().running) == 2


def test_kept_state_is_dropped_after_its_time(world: World) -> None:
    first = world.worker("w1", options=EngineOptions(kept_state_ms=1000))
    world.settle(first)
    second = world.worker("w2")
    world.settle(first, second)
    assert any(lane.kept is not None for lane in first.engine._assignment._lanes.values())
    world.clock.advance(1500)
    world.settle(first, second)
    assert all(lane.kept is None for lane in first.engine._assignment._lanes.values())


def test_a_restore_of_an_assignment_that_ended_is_thrown_away(world: World) -> None:
    first = world.worker("w1")
    for _ in range(200):
        if first.engine.state().restoring:
            break
        first.run()
    old = first.engine._assignment.lanes()[0].job
    assert old is not None
    everything = [TopicPartition(topic, number) for topic in ("a", "b") for number in range(2)]
    first.engine._on_revoke(everything, False)
    first.engine._on_assign(everything)
    assert old.token.cancelled()
    world.settle(first)
    assert all(lane.store is not old.store for lane in first.engine._assignment.running)
    assert len(first.engine.state().running) == 4


def test_timers_are_silent_until_the_state_is_there(world: World) -> None:
    stage = Counting(every_ms=1)
    asked: list[int] = []
    due: Callable[[int], int | None] = stage.due_at
    stage.due_at = lambda partition: asked.append(partition) or due(partition)  # type: ignore[method-assign, func-returns-value]
    worker = world.worker("w1", [stage])
    for _ in range(50):
        if worker.engine.state().running:
            break
        assert not asked
        worker.run()
    assert worker.engine.state().running
    assert stage.restored_with == [(0, 1), (1, 1)]


def test_the_restored_hook_runs_once_an_assignment_and_its_epoch_carries_offsets(world: World) -> None:
    worker = world.worker("w1")
    stage = worker.stages[0]
    assert isinstance(stage, Counting)
    world.settle(worker)
    assert sorted(stage.restored_with) == [(0, 1), (1, 1)]
    assert world.offsets()[TopicPartition("b", 0)] == 0
    assert world.changelog(0)[1]["a"] == (2, 2), "nothing moved, and the position says so"


def test_co_partitioned_sources_run_only_together() -> None:
    """KIP-848 hands partitions over one at a time: a-0 without b-0 must not run, for both write the same table."""
    world = World(partitions=2, protocol="incremental")
    worker = world.worker("w1")
    seen: set[tuple[int, int]] = set()
    for _ in range(40):
        worker.run()
        state = worker.engine.state()
        for number in range(2):
            owned = sum(source.partition == number for source in state.owned)
            runs = sum(source.partition == number for source in state.running)
            assert runs in (0, 2)
            assert runs == 0 or owned == 2
            seen.add((owned, runs))
    assert (1, 0) in seen, "the test has seen a half"
    assert (2, 2) in seen


def test_a_differing_partition_count_stops_everything() -> None:
    world = World(partitions=2)
    world.counts["out"] = 4
    with pytest.raises(NeedsPerson, match="out has 2 partitions instead of 4"):
        world.worker("w1")


def test_a_topic_that_is_missing_keeps_the_worker_from_being_ready() -> None:
    world = World(partitions=1)
    world.counts["leads.closed"] = 1
    worker = world.worker("w1")
    world.settle(worker)
    assert worker.engine.state().not_ready == ("topic leads.closed is missing: run `leadflow topics create`",)


def test_two_stages_may_not_share_a_source() -> None:
    with pytest.raises(ValueError, match="a is a source of both"):
        World().worker("w1", [Counting(), Counting()])


def test_a_table_that_the_changelog_still_has_but_the_stage_dropped_is_left_alone(world: World) -> None:
    value = CODEC.encode(Credit(9))
    world.broker.send(changelog_topic("routing"), value, table_key("older", "k0"), partition=0)
    worker = world.worker("w1")
    world.settle(worker)
    assert worker.engine.state().ready


def test_pending_offsets_of_one_partition_do_not_hold_up_the_others(world: World) -> None:
    """A worker dies with offsets of a-0 in its transaction: a-1 goes on at once, a-0 when it has timed out."""

    def dies(step: str, when: str) -> None:
        if armed and (step, when) == ("send_offsets", "after"):
            raise Crash

    armed = False
    first = world.worker("w1", on_step=dies)
    world.settle(first)
    armed = True
    world.send("a", "k0", partition=0)
    with pytest.raises(Crash):
        first.run(3)
    first.die()
    world.clock.advance(6000)
    other = world.worker("w2")
    world.send("a", "k1", partition=1)
    world.settle(other, rounds=20)
    assert {source.partition for source in other.engine.state().running} == {1}
    assert world.offsets()[A1] == 3
    world.clock.advance(4000)
    world.settle(other)
    assert "k0=3" in world.out()
    assert other.engine.state().ready


def test_a_table_value_that_cannot_be_read_stops_the_partition_and_blames_no_record(world: World) -> None:
    world.broker.send(changelog_topic("routing"), b"rubbish", table_key("counts", "k0"), partition=0)
    worker = world.worker("w1")
    world.send("a", "k0", partition=0)
    world.send("a", "k1", partition=1)
    world.settle(worker)
    assert "table counts holds a value that cannot be read" in stopped(worker.engine)["routing", 0]
    assert not world.dead("a")
    assert "k1=3" in world.out()


def outside(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the group not count the worker in, as after a coordinator that librdkafka has lost for good."""
    monkeypatch.setattr(worker.client, "group_metadata", lambda: GroupMetadata(-1, ""))


def test_a_worker_that_the_group_does_not_take_back_ends_and_is_restarted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = world.worker("w1")
    world.settle(worker)
    outside(worker, monkeypatch)
    world.clock.advance(59_000)
    world.settle(worker)
    world.clock.advance(2_000)
    with pytest.raises(StateInDoubt, match="not a member of the group for 61 s"):
        worker.run()


def test_a_worker_waits_for_a_cluster_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = world.worker("w1")
    world.settle(worker)
    outside(worker, monkeypatch)

    def away(_: Iterable[str]) -> dict[str, int]:
        raise Unavailable("away")

    monkeypatch.setattr(worker.client, "partition_counts", away)
    world.clock.advance(600_000)
    world.settle(worker)
    assert not worker.engine.state().ready
