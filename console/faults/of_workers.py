"""Workers die at each step, freeze, meet their twin, are restarted one after the other, come and go."""

from __future__ import annotations

import time
from functools import partial

from console.faults.catalogue import Scenario, fault
from console.faults.failure import FaultFailed
from console.faults.stand import Needs
from console.faults.trial import Moment, Trial
from console.faults.worker import STEPS
from schemas.errors import EXIT_FENCED, EXIT_RESTART

TRANSACTION_S = 10.0
SESSION_S = 6.0
END_LIMIT_S = 60.0
PROMISES = {
    "polled": "Nothing was begun: the same records again from the committed offsets.",
    "processed": "Nothing was sent: the same records again from the committed offsets.",
    "produced": "The successor of that name aborts the open transaction by taking the name; then the same records.",
    "flushed": "All outputs and positions of the epoch are aborted together; then the same records.",
    "offsets sent": "The offsets are part of the transaction and are aborted with it; then the same records.",
    "committed": "Everything is there: the successor goes on behind it.",
}


def _killed_at(step: str) -> Scenario:
    def scenario(trial: Trial) -> str:
        owned = trial.owned_by("w1")
        struck = trial.fault(f"kill -9 after '{step}'", lambda: trial.strike("w1", step), owned)
        trial.until_ready()
        return f"killed with {struck.in_flight} records in flight, came back by itself"

    scenario.__doc__ = PROMISES[step]
    return scenario


for _step in STEPS:
    fault(name=f"kill-{_step.replace(' ', '-')}")(_killed_at(_step))


@fault()
def kill_and_stay_away(trial: Trial) -> str:
    """Another worker takes the partitions over when the session (6 s) has ended and its transaction is aborted."""
    owned = trial.owned_by("w1")

    def inject() -> Moment:
        moment = trial.strike("w1", "flushed")
        trial.here.cluster.supervisor.stop(["w1"])
        return moment

    trial.fault("kill -9, not restarted", inject, owned)
    if left := owned - trial.owned_by("w2"):
        raise FaultFailed(f"w2 did not take over {sorted(left)}")
    return f"w2 took over {len(owned)} partitions"


def _frozen(trial: Trial, seconds: float) -> str:
    """Freeze w1 with an open transaction, let it sleep through its session, and wake it while w2 works."""
    owned = trial.owned_by("w1")
    in_flight = trial.await_flight("SIGSTOP")
    moment = trial.strike("w1", "flushed", "SIGSTOP")
    worker = trial.here.cluster.workers["w1"]
    pid = worker.pid
    try:
        trial.pause(seconds)
    finally:
        worker.resume()  # a frozen one would not hear that it is stopped
    trial.recovered(f"SIGSTOP for {seconds:.0f} s", in_flight, moment, owned)
    trial.until_ready()
    stays = worker.pid == pid
    return (
        f"woke after {seconds:.0f} s, {'was refused and went on as a member' if stays else 'ended and was restarted'}"
    )


@fault()
def zombie(trial: Trial) -> str:
    """Frozen for longer than its session: the new owner goes on, and what the zombie holds is refused when it wakes."""
    return _frozen(trial, SESSION_S + 2.0)


@fault()
def zombie_transaction(trial: Trial) -> str:
    """Frozen for longer than its transaction's time-out as well: fenced when it wakes, it ends and is restarted."""
    return _frozen(trial, TRANSACTION_S + 4.0)


@fault()
def twin(trial: Trial) -> str:
    """Of two processes of one name the older one is fenced and ends, with 75 or with 70; nothing is done twice."""
    older = trial.here.cluster.workers["w1"]
    younger = trial.here.make_worker("w1", folder="w1-twin")
    ended: list[int] = []

    def inject() -> Moment:
        moment = trial.now()
        younger.launch()
        trial.wait(lambda: _note_end(older.exit_code(), ended), END_LIMIT_S, "neither of the twins ended")
        return moment

    try:
        trial.fault("a twin", inject)
        # The supervisor starts the first one again (after 10 s when it was fenced): now it is the younger.
        younger_code = trial.until_ended(younger, END_LIMIT_S, "the second twin was not fenced")
    finally:
        younger.kill()
    if ended[0] not in (EXIT_FENCED, EXIT_RESTART) or younger_code not in (EXIT_FENCED, EXIT_RESTART):
        raise FaultFailed(
            f"the twins ended with {ended[0]} and {younger_code}, not with {EXIT_FENCED} or {EXIT_RESTART}"
        )
    trial.until_ready()
    return f"the older one ended with {ended[0]}; restarted, it fenced the other, which ended with {younger_code}"


def _note_end(code: int | None, ended: list[int]) -> bool:
    if code is not None:
        ended.append(code)
    return bool(ended)


@fault()
def rolling_restart(trial: Trial) -> str:
    """Each worker in turn is stopped cleanly and started again: nothing is redone, pauses are short."""
    cluster = trial.here.cluster
    for name in list(cluster.workers):
        owned = trial.owned_by(name)
        trial.fault(f"restart of {name}", partial(_restart, trial, name), owned)
        trial.until_ready()
    return f"{len(cluster.workers)} workers restarted one after the other"


def _restart(trial: Trial, name: str) -> None:
    cluster = trial.here.cluster
    cluster.supervisor.stop([name])
    if code := cluster.workers[name].exit_code():
        raise FaultFailed(f"{name} ended with {code} when it was stopped")
    cluster.supervisor.start(name)


@fault(Needs(workers=1))
def scale(trial: Trial) -> str:
    """From 1 worker to 3 and down to 2: partitions move with their state, the others of a lane with them."""
    here = trial.here
    before = here.cluster.workers["w1"].pid

    def grow() -> None:
        here.add_worker("w2")
        here.add_worker("w3")

    trial.fault("1 to 3 workers", grow)
    trial.until_ready()
    trial.wait(lambda: all(trial.owned_by(name) for name in ("w1", "w2", "w3")), END_LIMIT_S, "somebody has no work")
    began = time.monotonic()
    owned = trial.owned_by("w3")
    shrink = trial.fault("3 to 2 workers", lambda: _leave(trial), owned)
    trial.until_ready()
    if here.cluster.workers["w1"].pid != before:
        raise FaultFailed("w1 did not live through it")
    return f"3 workers shared the work; w3's {len(owned)} partitions moved within {time.monotonic() - began:.0f} s" + (
        f" (silent for {shrink.silence_s} s)" if shrink.silence_s else ""
    )


def _leave(trial: Trial) -> None:
    if code := trial.here.take_away("w3"):
        raise FaultFailed(f"w3 ended with {code} when it was stopped")
