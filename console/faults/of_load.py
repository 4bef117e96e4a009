"""Two workers under ten times the load of the other faults, struck again and again for two minutes."""

from __future__ import annotations

import time
from collections.abc import Callable

from console.faults.catalogue import fault
from console.faults.trial import Moment, Trial
from console.faults.worker import STEPS
from console.screen import count

RATE = 500.0
LASTS_S = 120.0
#: Kills of a worker, at one step after the other.
KILLS = 5


@fault(rate=RATE, takes_s=240.0)
def two_busy_minutes(trial: Trial) -> str:
    """500 leads/s: a worker killed five times, the broker once, Redis once and once wiped; all of it stays exact."""
    began_s, sent = time.monotonic(), trial.load.sent
    broker, redis = trial.here.brokers[0], trial.here.valkey

    def wipe() -> None:
        redis.kill()
        redis.wipe()

    kills = [_killed(trial, ("w1", "w2")[number % 2], STEPS[number]) for number in range(KILLS)]
    strikes = [
        *kills[:2],
        ("the broker", broker.kill),
        *kills[2:4],
        ("Redis", redis.kill),
        kills[4],
        ("Redis, wiped", wipe),
    ]
    slowest = max(((trial.fault(f"kill -9 of {of}", strike).silence_s, of) for of, strike in strikes))
    trial.until_ready()
    trial.pause(max(0.0, began_s + LASTS_S - time.monotonic()))
    took_s, leads = time.monotonic() - began_s, trial.load.sent - sent
    return f"{count(leads, 'lead')} in {took_s:.0f} s, {len(strikes)} faults in flight; slowest after {slowest[1]}"


def _killed(trial: Trial, name: str, step: str) -> tuple[str, Callable[[], Moment]]:
    return f"{name} after '{step}'", lambda: trial.strike(name, step)
