"""Random faults one after the other on one stand, by the clock and from a seed; then the auditor."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from console.faults.failure import FaultFailed
from console.faults.load import Load
from console.faults.report import write_whole
from console.faults.running import Notes, told
from console.faults.stand import Needs, stand
from console.faults.trial import Moment, Trial
from console.faults.watch import Watch
from console.faults.worker import STEPS

RATE = 50.0
QUIET_S = (1.0, 6.0)
FROZEN_S = (1.0, 15.0)

Strike = Callable[[Trial, random.Random], Moment | None]
Say = Callable[[str], None]
Verdict = Literal["exact", "FAILED", "unfinished"]


class Struck(NamedTuple):
    """One fault of a soak: when it was drawn, how many records were in flight, the longest silence after it."""

    at_s: float
    what: str
    in_flight: int
    silence_s: float


@dataclass
class Soaked:
    """What a soak has come to so far. `judged`: the auditor's words, or why there are none."""

    seed: int
    minutes: float
    seconds: float = 0.0
    leads: int = 0
    struck: list[Struck] = field(default_factory=list)
    verdict: Verdict = "unfinished"
    judged: str = "not judged: it was ended before its time"

    def longest(self) -> dict[str, tuple[int, float]]:
        """Return how often each fault happened, and the longest silence after it."""
        count = Counter(one.what for one in self.struck)
        return {what: (count[what], max(o.silence_s for o in self.struck if o.what == what)) for what in sorted(count)}

    def command(self) -> str:
        """Return the command that draws the same faults again."""
        return f"leadflow faults soak --minutes {self.minutes:g} --seed {self.seed}"

    def as_json(self) -> str:
        """Return all figures, and the command that repeats it."""
        figures = asdict(self) | {"struck": [one._asdict() for one in self.struck], "again": self.command()}
        return json.dumps(figures, indent=2) + "\n"


class Soak:
    """One soak in `folder`. `tell` hears of each fault, `say` all that the supervisor says.

    `file`, if any, has what came so far at every moment, so that an end of any kind leaves the figures.
    """

    def __init__(self, folder: Path, minutes: float, seed: int, file: Path | None, tell: Say, say: Say) -> None:
        self._folder = folder
        self._file = file
        self._tell = tell
        self._notes = Notes(say)
        self._draw = random.Random(seed)
        self._began = time.monotonic()
        self.soaked = Soaked(seed, minutes)

    def run(self) -> Soaked:
        """Bring random faults about for the minutes given, then let all leads end and the auditor judge.

        A fault that has begun is seen through, and everything has its own limit: it ends some minutes late at most.
        Never raises for what the faults did, nor for what went wrong with the harness: that is the verdict. When it
        is interrupted (KeyboardInterrupt) everything is stopped first, and `soaked` has what came before.
        """
        try:
            self._keep()
            self._soak()
        except Exception as error:  # whatever it was, the seed and what came before must be told
            self.soaked.verdict, self.soaked.judged = "FAILED", f"{told(error)} {self._notes}"
        finally:
            with contextlib.suppress(FaultFailed):  # if keeping is what failed, that was told above
                self._keep()
        return self.soaked

    def _soak(self) -> None:
        self._tell("starting Kafka, Valkey and two workers")
        with (
            stand(Needs(), self._folder, self._notes) as here,
            Watch(here.way) as watch,
            Load(here.way, RATE, lambda: watch.ended) as load,
        ):
            trial = Trial(here, load, watch)
            trial.warm_up()
            self._note(trial)
            while self.soaked.seconds < self.soaked.minutes * 60:
                self._strike(trial)
            self._tell(
                f"{self.soaked.seconds:4.0f} s  no more faults; waiting until all {load.sent:,} leads have ended"
            )
            trial.drain()
            self._tell(f"{self._gone_s():4.0f} s  the auditor reads everything")
            self.soaked.judged = trial.judge()
            self.soaked.verdict = "exact"
            self._note(trial)

    def _strike(self, trial: Trial) -> None:
        """Bring one fault about, wait until all has recovered, and be quiet for a while."""
        what, at_s = self._draw.choice(sorted(STRIKES)), self._gone_s()
        self._tell(f"{at_s:4.0f} s  {len(self.soaked.struck) + 1}. {what}")
        try:
            recovery = trial.fault(what, partial(STRIKES[what], trial, self._draw))
            trial.until_ready()
        finally:
            self._note(trial)
        self.soaked.struck.append(Struck(round(at_s, 1), what, recovery.in_flight, recovery.silence_s))
        went_on = f"went on after {recovery.silence_s:.1f} s, {recovery.in_flight} records had been in flight"
        self._tell(f"        {went_on}; {trial.load.sent:,} leads sent, {trial.watch.ended:,} ended")
        trial.pause(self._draw.uniform(*QUIET_S))
        self._note(trial)

    def _gone_s(self) -> float:
        return time.monotonic() - self._began

    def _note(self, trial: Trial) -> None:
        self.soaked.leads = trial.load.sent
        self._keep()

    def _keep(self) -> None:
        self.soaked.seconds = round(self._gone_s(), 1)
        if self._file is not None:
            write_whole(self._file, self.soaked.as_json())


def _one(trial: Trial, draw: random.Random) -> str:
    """Return the name of some worker."""
    return draw.choice(sorted(trial.here.cluster.workers))


def _kill_worker(trial: Trial, draw: random.Random) -> Moment:
    return trial.strike(_one(trial, draw), draw.choice(STEPS))


def _kill_all(trial: Trial, draw: random.Random) -> None:
    for worker in trial.here.cluster.workers.values():
        worker.kill()


def _freeze_worker(trial: Trial, draw: random.Random) -> None:
    worker = trial.here.cluster.workers[_one(trial, draw)]
    seconds = draw.uniform(*FROZEN_S)
    worker.suspend()
    try:
        trial.pause(seconds)
    finally:
        worker.resume()


def _restart_worker(trial: Trial, draw: random.Random) -> None:
    supervisor, name = trial.here.cluster.supervisor, _one(trial, draw)
    supervisor.stop([name])
    supervisor.start(name)


def _kill_broker(trial: Trial, draw: random.Random) -> None:
    trial.here.brokers[0].kill()


def _kill_redis(trial: Trial, draw: random.Random) -> None:
    trial.here.valkey.kill()


def _wipe_redis(trial: Trial, draw: random.Random) -> None:
    trial.here.valkey.kill()
    trial.here.valkey.wipe()


STRIKES: dict[str, Strike] = {
    "kill -9 of a worker at a step": _kill_worker,
    "kill -9 of all workers": _kill_all,
    "SIGSTOP of a worker": _freeze_worker,
    "restart of a worker": _restart_worker,
    "kill -9 of the broker": _kill_broker,
    "kill -9 of Redis": _kill_redis,
    "Redis wiped": _wipe_redis,
}
"""What a soak draws from."""
