"""Redis, which holds the claims, dies, stays away, freezes, and loses everything."""

from __future__ import annotations

import os
import signal

from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.trial import Trial

AWAY_S = 5.0
VALKEY = "valkey"


@fault()
def redis_killed(trial: Trial) -> str:
    """Intake rests, leads wait in the log, everything behind goes on; what a second of lost claims let by is caught."""
    trial.fault("kill -9 of Redis", trial.here.valkey.kill)
    trial.until_ready()
    return "killed in flight, restarted by its supervisor with its append-only file"


@fault()
def redis_away(trial: Trial) -> str:
    """Stopped cleanly and away for 5 s: intake rests meanwhile and says so, nothing is refused or lost."""
    supervisor = trial.here.cluster.supervisor

    def inject() -> None:
        supervisor.stop([VALKEY])
        trial.wait(lambda: _rests(trial), AWAY_S, "no worker says that dedup rests")
        trial.pause(AWAY_S)
        supervisor.start(VALKEY)

    trial.fault("Redis away", inject)
    trial.until_ready()
    return f"away for {AWAY_S:.0f} s, workers said that dedup rests"


@fault()
def redis_frozen(trial: Trial) -> str:
    """Redis answers nothing for 5 s: every question has a time-out (0.4 s), intake rests, the others go on."""
    pid = trial.here.valkey.pid
    if pid is None:
        raise FaultFailed("Valkey does not run")

    def inject() -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            trial.wait(lambda: _rests(trial), AWAY_S, "no worker says that dedup rests")
            trial.pause(AWAY_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    trial.fault("SIGSTOP of Redis", inject)
    trial.until_ready()
    return f"frozen for {AWAY_S:.0f} s, workers said that dedup rests"


@fault()
def redis_wiped(trial: Trial) -> str:
    """All claims are gone: nobody claims until they are rebuilt from the log; no duplicate is sold."""

    def inject() -> None:
        trial.here.valkey.kill()
        trial.here.valkey.wipe()

    trial.fault("Redis killed and wiped", inject)
    trial.until_ready()
    return "killed and its data removed; claims were rebuilt from the log"


def _rests(trial: Trial) -> bool:
    workers = trial.here.cluster.workers.values()
    return any("dedup" in str(worker.readiness().answer.get("resting", "")) for worker in workers)
