"""A worker whose machine has the wrong time."""

from __future__ import annotations

from console.faults.catalogue import fault
from console.faults.failure import FaultFailed
from console.faults.stand import Needs
from console.faults.trial import Trial
from console.faults.worker import CLOCK_OFF
from schemas.errors import EXIT_NEEDS_PERSON
from schemas.records import LeadRejected, LeadSold
from schemas.topics import REJECTED, SOLD

DAY_MS = 24 * 60 * 60 * 1000
#: Far less than the clocks are off here, far more than an epoch takes.
SAME_DAY_MS = 60 * 60 * 1000
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
    _nothing_is_of_another_day(trial)
    trial.until_ready()
    return f"w2 ended with {EXIT_NEEDS_PERSON} after {seconds:.0f} s and stayed stopped; w1 did all work"


def _nothing_is_of_another_day(trial: Trial) -> None:
    """Compare the time that each sale and refusal says with the broker's. Raises FaultFailed.

    The auditor takes a sale's own time for the truth: the books of a worker that is ahead are consistent.
    """
    way = trial.here.way
    for message in way.reader.scan(SOLD, REJECTED):
        record = way.codec.decode(message.value or b"")
        if isinstance(record, LeadSold | LeadRejected):
            off_ms = (record.sold_at if isinstance(record, LeadSold) else record.rejected_at) - message.timestamp_ms
            if abs(off_ms) >= SAME_DAY_MS:
                raise FaultFailed(f"{message!r} was committed by a clock that is {off_ms / 1000:.0f} s off")


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
