"""The steps of a start are noted once each, in whatever order lanes begin to run."""

from __future__ import annotations

import os

import psutil

from streams.events import EpochCommitted, LaneChanged, LanesGiven
from streams.start_steps import COMMITTED, JOINED, LOADED, RESTORED, STEPS, StartSteps, process_began_s

COMMIT = EpochCommitted(records=1, handed_over=0, outputs=1, took_ms=5, slow=False, cpu_s={})


class Started:
    """Steps of a process that began at 100 s, with a clock that the test holds."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.steps = StartSteps(lambda: self.now_s, lambda: 100.0)

    def hears(self, *events: EpochCommitted | LanesGiven | LaneChanged) -> dict[str, float]:
        for event in events:
            self.now_s += 1
            self.steps.listen(event)
        return dict(self.steps.seconds())


def lane(stage: str, partition: int, status: str) -> LaneChanged:
    return LaneChanged(stage, partition, status, "")


def test_a_worker_has_restored_when_the_last_lane_that_it_was_given_runs() -> None:
    started = Started()
    given = LanesGiven((("dedup", 0), ("routing", 0)))
    assert started.hears(given, lane("dedup", 0, "runs"), lane("routing", 0, "restores")) == {JOINED: 1.0}
    assert started.hears(lane("routing", 0, "runs"))[RESTORED] == 4.0


def test_a_stopped_lane_is_not_waited_for() -> None:
    assert RESTORED in Started().hears(LanesGiven((("dedup", 0),)), lane("dedup", 0, "stopped"))


def test_epochs_of_the_lanes_that_run_already_are_not_the_end_of_the_start() -> None:
    started = Started()
    given = LanesGiven((("dedup", 0), ("routing", 0)))
    assert COMMITTED not in started.hears(given, lane("dedup", 0, "runs"), COMMIT)
    assert started.hears(lane("routing", 0, "runs"), COMMIT)[COMMITTED] == 5.0


def test_a_later_assignment_does_not_count_again() -> None:
    started = Started()
    given = LanesGiven((("dedup", 0),))
    first = started.hears(given, lane("dedup", 0, "runs"), COMMIT)
    assert first == {JOINED: 1.0, RESTORED: 2.0, COMMITTED: 3.0}
    assert started.hears(given, lane("dedup", 0, "restores"), lane("dedup", 0, "runs"), COMMIT) == first


def test_steps_are_told_in_their_order_from_the_start_of_the_process() -> None:
    started = Started()
    started.hears(LanesGiven((("dedup", 0),)), lane("dedup", 0, "runs"), COMMIT)
    for step in reversed(STEPS):
        started.steps.done(step)
    assert [step for step, _ in started.steps.seconds()] == list(STEPS)


def test_a_real_process_began_before_its_first_step() -> None:
    steps = StartSteps()
    steps.done(LOADED)
    assert dict(steps.seconds())[LOADED] > 0
    assert abs(process_began_s() - psutil.Process().create_time()) < 1.5
    assert abs(process_began_s(os.getpid()) - process_began_s()) < 0.02
