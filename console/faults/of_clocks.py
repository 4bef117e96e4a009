"""A worker whose machine has the wrong time."""

from __future__ import annotations

from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.stand import Needs
from console.faults.trial import Trial
from console.faults.worker import CLOCK_OFF
from schemas.errors import EXIT_NEEDS_PERSON

DAY_MS = 24 * 60 * 60 * 1000
SEEN_LIMIT_S = 60.0
ONE = Needs(workers=1)


def _joins_and_refuses(trial: Trial, off_ms: int) -> str:
    """Let a second worker join with a clock that is wrong; it must end, and stay ended."""
    here = trial.here
    here.add_worker("w2", **{CLOCK_OFF: str(off_ms)})
    in_flight, moment = trial.await_flight("a wrong clock"), trial.now()
    given_up = here.cluster.supervisor.is_given_up
    trial.wait(lambda: given_up("w2"), SEEN_LIMIT_S, "the worker did not refuse its clock")
    seconds = trial.now().at_s - moment.at_s
    if (code := here.cluster.workers.pop("w2").exit_code()) != EXIT_NEEDS_PERSON:
        raise FaultFailed(f"w2 ended with {code}, not with {EXIT_NEEDS_PERSON}")
    trial.recovered("a wrong clock", in_flight, moment)
    trial.until_ready()
    return f"w2 ended with {EXIT_NEEDS_PERSON} after {seconds:.0f} s and stayed stopped; w1 did all work"


@fault(ONE)
def clock_a_day_ahead(trial: Trial) -> str:
    """A worker whose clock is 60 s or more ahead of the broker's ends with 78 and is not started again."""
    return _joins_and_refuses(trial, DAY_MS)


@fault(ONE)
def clock_a_day_behind(trial: Trial) -> str:
    """A worker whose clock is 60 s or more behind the broker's ends with 78 and is not started again."""
    return _joins_and_refuses(trial, -DAY_MS)


@fault(ONE)
def clock_five_seconds_off(trial: Trial) -> str:
    """A worker whose clock is more than 2 s and an epoch off the broker's says that it is not ready, and works on."""
    here = trial.here
    worker = here.add_worker("w2", **{CLOCK_OFF: "5000"})
    said = "clock is"
    in_flight, moment = trial.await_flight("a wrong clock"), trial.now()
    trial.wait(
        lambda: said in " ".join(worker.readiness().reasons), SEEN_LIMIT_S, "w2 does not say that its clock is off"
    )
    reason = next(text for text in worker.readiness().reasons if said in text)
    trial.recovered("a wrong clock", in_flight, moment)
    if worker.pid is None:
        raise FaultFailed("w2 ended over 5 s")
    return f"not ready after {trial.now().at_s - moment.at_s:.0f} s: {reason}"
