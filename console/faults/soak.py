"""Random faults one after the other on one stand, by the clock and from a seed; then the auditor."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from console.faults.load import Load
from console.faults.stand import Needs, stand
from console.faults.trial import Moment, Recovery, Trial
from console.faults.watch import Watch
from console.faults.worker import STEPS

RATE = 50.0
QUIET_S = (1.0, 6.0)
FROZEN_S = (1.0, 15.0)

Strike = Callable[[Trial, random.Random], Moment | None]


class Soaked(NamedTuple):
    """What a soak came to."""

    seed: int
    seconds: float
    leads: int
    recoveries: tuple[Recovery, ...]
    judged: str

    def longest(self) -> dict[str, tuple[int, float]]:
        """Return how often each fault happened, and the longest silence after it."""
        count = Counter(one.what for one in self.recoveries)
        return {what: (count[what], max(o.silence_s for o in self.recoveries if o.what == what)) for what in count}


def soak(folder: Path, minutes: float, seed: int, say: Callable[[str], None]) -> Soaked:
    """Bring random faults about for so long. Raises FaultFailed; the same seed draws the same faults."""
    draw = random.Random(seed)
    began = time.monotonic()
    with (
        stand(Needs(), folder, say) as here,
        Watch(here.way) as watch,
        Load(here.way, RATE, lambda: watch.ended) as load,
    ):
        trial = Trial(here, load, watch)
        trial.warm_up()
        while time.monotonic() - began < minutes * 60:
            what = draw.choice(sorted(STRIKES))
            say(f"{time.monotonic() - began:.0f} s: {what}; {load.sent:,} sent, {watch.ended:,} ended")
            strike = STRIKES[what]
            trial.fault(what, lambda strike=strike: strike(trial, draw))  # type: ignore[misc] # bound now
            trial.until_ready()
            trial.pause(draw.uniform(*QUIET_S))
        trial.drain()
        judged = trial.judge()
    return Soaked(seed, round(time.monotonic() - began, 1), load.sent, tuple(trial.recoveries), judged)


def _one(trial: Trial, draw: random.Random) -> str:
    return draw.choice(sorted(trial.here.cluster.workers))


def _kill_worker(trial: Trial, draw: random.Random) -> Moment:
    return trial.strike(_one(trial, draw), draw.choice(STEPS))


def _kill_both(trial: Trial, draw: random.Random) -> None:
    for worker in trial.here.cluster.workers.values():
        worker.kill()


def _freeze_worker(trial: Trial, draw: random.Random) -> None:
    worker = trial.here.cluster.workers[_one(trial, draw)]
    worker.suspend()
    trial.pause(draw.uniform(*FROZEN_S))
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
    "kill -9 of all workers": _kill_both,
    "SIGSTOP of a worker": _freeze_worker,
    "restart of a worker": _restart_worker,
    "kill -9 of the broker": _kill_broker,
    "kill -9 of Redis": _kill_redis,
    "Redis wiped": _wipe_redis,
}
"""What a soak draws from."""
