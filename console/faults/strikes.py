"""What a soak strikes with: faults that need nothing but two workers, a broker and Redis, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from console.faults.trial import Moment, Trial
from console.faults.worker import STEPS

WORKERS = ("w1", "w2")
QUIET_S = (1.0, 6.0)
FROZEN_S = (1.0, 15.0)


class Drawn(NamedTuple):
    """A fault as it was drawn, and how long to be quiet after it."""

    what: str
    worker: str
    step: str
    frozen_s: float
    quiet_s: float

    def how(self) -> str:
        """Return what is particular to it, empty when nothing is."""
        return {
            "kill -9 of a worker at a step": f"{self.worker} after '{self.step}'",
            "SIGSTOP of a worker": f"{self.worker} for {self.frozen_s:.1f} s",
            "restart of a worker": self.worker,
        }.get(self.what, "")


def draws(seed: int) -> Iterator[Drawn]:
    """Yield faults without end, the same ones for the same seed.

    All of a fault is drawn, also what its kind has no use for: what comes next hangs on the seed alone.
    """
    draw = random.Random(seed)
    while True:
        yield Drawn(
            draw.choice(sorted(STRIKES)),
            draw.choice(WORKERS),
            draw.choice(STEPS),
            draw.uniform(*FROZEN_S),
            draw.uniform(*QUIET_S),
        )


def _kill_worker(trial: Trial, drawn: Drawn) -> Moment:
    return trial.strike(drawn.worker, drawn.step)


def _kill_all(trial: Trial, drawn: Drawn) -> None:
    for worker in trial.here.cluster.workers.values():
        worker.kill()


def _freeze_worker(trial: Trial, drawn: Drawn) -> None:
    worker = trial.here.cluster.workers[drawn.worker]
    worker.suspend()
    try:
        trial.pause(drawn.frozen_s)
    finally:
        worker.resume()  # a frozen one would not hear that it is stopped


def _restart_worker(trial: Trial, drawn: Drawn) -> None:
    supervisor = trial.here.cluster.supervisor
    supervisor.stop([drawn.worker])
    supervisor.start(drawn.worker)


def _kill_broker(trial: Trial, drawn: Drawn) -> None:
    trial.here.brokers[0].kill()


def _kill_redis(trial: Trial, drawn: Drawn) -> None:
    trial.here.valkey.kill()


def _wipe_redis(trial: Trial, drawn: Drawn) -> None:
    trial.here.valkey.kill()
    trial.here.valkey.wipe()


Strike = Callable[[Trial, Drawn], Moment | None]

STRIKES: dict[str, Strike] = {
    "kill -9 of a worker at a step": _kill_worker,
    "kill -9 of all workers": _kill_all,
    "SIGSTOP of a worker": _freeze_worker,
    "restart of a worker": _restart_worker,
    "kill -9 of the broker": _kill_broker,
    "kill -9 of Redis": _kill_redis,
    "Redis wiped": _wipe_redis,
}
"""The kinds of faults; each returns the moment of the fault when it is not that of the call."""
