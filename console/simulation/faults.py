"""What may go wrong at a step of a worker, drawn step by step."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, Protocol

from console.simulation.process import Process
from console.simulation.scenario import Scenario, Weather
from console.simulation.tally import Tally
from schemas.errors import EpochLost, StateInDoubt, Unavailable

#: Of the many records of an epoch only a few are steps of their own.
_PRODUCES_LEFT_OUT: Final = 0.85
_IN_TRANSACTION: Final = ("produce", "flush", "send_offsets", "commit")
_QUESTIONS: Final = ("committed", "log_bounds", "begin")


class Crash(BaseException):
    """The process dies here: nothing that follows in it happens."""


class Sleeping(Protocol):
    """Puts the running stack of a process aside for some turns; raises Crash when the process was ended meanwhile."""

    def __call__(self, process: Process, turns: int, *, frozen: bool) -> None:
        """Sleep; `frozen`: without heartbeats."""
        ...


class Faults:
    """Draws and does what goes wrong. `calm`: nothing does any more, but steps may still be slow."""

    def __init__(self, scenario: Scenario, weather: Weather, tally: Tally, sleep: Sleeping) -> None:
        self._chance = Random(f"faults/{scenario.seed}")
        self._tally = tally
        self._sleep = sleep
        self._most = scenario.faults
        #: How many were done.
        self.done = 0
        self.calm = False
        #: Told of each fault: process, step, when, kind.
        self.told: Callable[[Process, str, str, str], None] = lambda *_: None
        names = ("crash", "freeze", "slow", "lag", "lost", "away", "doubt", "redis")
        self._chances = [(name, getattr(weather, name)) for name in names if getattr(weather, name)]
        self._any = sum(chance for _, chance in self._chances)

    def at(self, process: Process, stack: str, step: str, when: str) -> None:
        """Let something happen at this step, or nothing."""
        if process.dead:
            raise Crash
        chance = self._chance.random
        if step == "read" and stack == "rebuild" and chance() < 0.6:
            self._sleep(process, 1 + int(chance() * 4), frozen=False)
        if self.calm or self.done >= self._most or (step == "produce" and chance() < _PRODUCES_LEFT_OUT):
            return
        lot = chance()
        if lot >= self._any:
            return
        for kind, share in self._chances:
            if lot < share:
                getattr(self, f"_{kind}_at")(process, step, when)
                return
            lot -= share

    def _count(self, kind: str, process: Process, step: str, when: str) -> None:
        self.done += 1
        self.told(process, step, when, kind)

    def _crash_at(self, process: Process, step: str, when: str) -> None:
        self._count("crash", process, step, when)
        self._tally.note("crashes")
        if process.client.in_transaction:
            self._tally.note("deaths_in_transaction")
        if step == "commit":
            self._tally.note("deaths_at_commit")
        raise Crash

    def _freeze_at(self, process: Process, step: str, when: str) -> None:
        if process.running != "engine":
            return
        self._count("freeze", process, step, when)
        if process.client.in_transaction:
            self._tally.note("zombies_in_transaction")
        self._sleep(process, self._chance.choice((20, 60, 150)), frozen=True)
        self._tally.note("zombies")
        process.woken = True

    def _slow_at(self, process: Process, step: str, when: str) -> None:
        self._count("slow", process, step, when)
        self._tally.note("slow_steps")
        self._sleep(process, self._chance.choice((2, 6, 20, 60)), frozen=False)

    def _lag_at(self, process: Process, step: str, when: str) -> None:
        self._count("lag", process, step, when)
        self._tally.note("lags")
        process.client.lags = self._chance.choice((2, 5, 20))

    def _lost_at(self, process: Process, step: str, when: str) -> None:
        if when == "before" and step in _IN_TRANSACTION:
            self._count("lost", process, step, when)
            self._tally.note("lost_epochs")
            raise EpochLost(f"refused at {step}")

    def _away_at(self, process: Process, step: str, when: str) -> None:
        if when == "before" and step in _QUESTIONS:
            self._count("away", process, step, when)
            self._tally.note("away")
            raise Unavailable(f"Kafka does not answer at {step}")

    def _doubt_at(self, process: Process, step: str, when: str) -> None:
        if step == "commit":
            self._count("doubt", process, step, when)
            self._tally.note("in_doubt")
            raise StateInDoubt("nobody knows whether it was committed")

    def _redis_at(self, process: Process, step: str, when: str) -> None:
        if step.startswith("redis."):
            self._count("redis", process, step, when)
            self._tally.note("redis_away" if when == "before" else "redis_reply_lost")
            raise Unavailable(f"Redis does not answer at {step}")
