"""Runs one fault on a stand of its own, and says what was observed."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from console.faults.catalogue import Fault, Observed
from console.faults.failure import NotHere
from console.faults.load import Load
from console.faults.stand import stand
from console.faults.trial import Trial
from console.faults.watch import Watch
from schemas.errors import LeadflowError

Verdict = Literal["exact", "FAILED", "not run"]

SAID_MAX = 12


class Notes:
    """Passes on what the supervisor says, and remembers the end of it for a failure's message."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: deque[str] = deque(maxlen=SAID_MAX)

    def __call__(self, text: str) -> None:
        """Pass on one line."""
        self._said.append(text)
        self._say(text)

    def __str__(self) -> str:
        """Return it as the end of a message; nothing when nothing was said."""
        return f" [{'; '.join(self._said)}]" if self._said else ""


def told(error: Exception) -> str:
    """Return an error in words; one that is not ours is the harness's own, and is named with its kind."""
    if isinstance(error, LeadflowError):
        return str(error)
    return f"the harness itself failed: {type(error).__name__}: {error}"


@dataclass(frozen=True)
class Outcome:
    """What came of one fault. `recovered_s`: the longest silence of a partition concerned, None if not measured."""

    fault: str
    promised: str
    observed: str
    recovered_s: float | None
    in_flight: int
    leads: int
    verdict: Verdict
    judged: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def run(fault: Fault, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Bring one fault about in `folder`, which is removed when all was well and kept when it was not.

    Never raises for what the fault did, nor for what went wrong with the harness: that is the outcome. Whoever
    interrupts it (KeyboardInterrupt) finds everything stopped, and no folder.
    """
    notes, began = Notes(say), time.monotonic()
    try:
        outcome = _run(fault, folder, notes, began)
    except NotHere as missing:
        outcome = _without(fault, "not run", str(missing), began)
    except Exception as error:  # a run of many faults goes on with the next one, whatever this one has met
        return _without(fault, "FAILED", f"{told(error)}{notes} (everything is kept in {folder})", began)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _run(fault: Fault, folder: Path, say: Callable[[str], None], began: float) -> Outcome:
    found, in_flight = (fault.alone(folder, say), 0) if fault.alone else _tried(fault, folder, say)
    return Outcome(
        fault.name,
        fault.promised,
        found.what,
        found.recovered_s,
        in_flight,
        found.leads,
        "exact",
        found.judged,
        round(time.monotonic() - began, 1),
    )


def _tried(fault: Fault, folder: Path, say: Callable[[str], None]) -> tuple[Observed, int]:
    """Run a scenario under load; return what was observed, and how many records were in flight."""
    if fault.scenario is None:
        raise ValueError(f"the fault {fault.name} has neither a scenario nor a stand of its own")
    with (
        stand(fault.needs, folder, say) as here,
        Watch(here.way) as watch,
        Load(here.way, fault.rate, lambda: watch.ended) as load,
    ):
        trial = Trial(here, load, watch)
        trial.warm_up()
        what = fault.scenario(trial)
        trial.drain()
        judged = trial.judge()
    longest_s = max((one.silence_s for one in trial.recoveries), default=None)
    return Observed(what, longest_s, load.sent, judged), sum(one.in_flight for one in trial.recoveries)


def _without(fault: Fault, verdict: Verdict, why: str, began: float) -> Outcome:
    seconds = round(time.monotonic() - began, 1)
    return Outcome(fault.name, fault.promised, why, None, 0, 0, verdict, "", seconds)
