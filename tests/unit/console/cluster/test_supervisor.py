"""The supervisor's rounds, with parts that end when the test says so and a clock that the test holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from console.cluster.problems import StartFailed
from console.cluster.supervisor import Supervisor


@dataclass
class ScriptedPart:
    """Ends when told; counts its launches; cannot be launched while `broken`."""

    launches: int = 0
    code: int | None = None
    broken: bool = False
    stopped: bool = False
    log_file: Path = field(default_factory=lambda: Path("part.log"))

    @property
    def pid(self) -> int | None:
        return None

    def launch(self) -> None:
        if self.broken:
            raise StartFailed("the disk is gone")
        self.launches += 1
        self.code = None

    def exit_code(self) -> int | None:
        return self.code

    def stop(self) -> int | None:
        self.stopped = True
        return self.code


class Bench:
    """A supervisor with one part, a held clock, and all that was said."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said: list[str] = []
        self.part = ScriptedPart()
        self.supervisor = Supervisor(self.said.append, monotonic_s=lambda: self.now_s)
        self.supervisor.add("w1", self.part)
        self.supervisor.start("w1")

    def at(self, now_s: float) -> None:
        self.now_s = now_s
        self.supervisor.tick()

    def ends(self, code: int) -> None:
        self.part.code = code
        self.supervisor.tick()
        self.supervisor.tick()


def test_first_failure_is_cured_within_two_rounds() -> None:
    bench = Bench()
    bench.ends(70)
    assert bench.part.launches == 2
    assert bench.supervisor.states()["w1"].restarts == 1


def test_failures_in_a_row_wait_longer_and_longer() -> None:
    bench = Bench()
    bench.ends(70)
    bench.ends(70)
    assert bench.part.launches == 2
    bench.at(0.6)
    assert bench.part.launches == 3


def test_a_steady_run_forgives_earlier_failures() -> None:
    bench = Bench()
    bench.ends(1)
    bench.at(0.0)
    bench.now_s = 100.0
    bench.ends(1)
    assert bench.part.launches == 3


def test_exit_78_is_not_started_again_and_says_why() -> None:
    bench = Bench()
    bench.ends(78)
    bench.at(10_000.0)
    assert bench.part.launches == 1
    assert bench.supervisor.is_given_up("w1")
    assert "a person is needed" in bench.supervisor.states()["w1"].note
    assert "part.log" in bench.said[-1]


def test_a_part_that_cannot_be_launched_is_tried_again() -> None:
    bench = Bench()
    bench.part.broken = True
    bench.ends(70)
    assert "the disk is gone" in "\n".join(bench.said)
    bench.part.broken = False
    bench.at(60.0)
    assert bench.part.launches == 2


def test_a_stopped_part_stays_stopped() -> None:
    bench = Bench()
    bench.supervisor.stop(["w1", "never-added"])
    bench.part.code = 0
    bench.at(100.0)
    assert bench.part.stopped
    assert bench.part.launches == 1
