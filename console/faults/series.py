"""Runs faults one after the other, each in a folder of its own, and says how far it is."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from console.faults.catalogue import Fault
from console.faults.running import Outcome, run
from console.screen import age, count

Say = Callable[[str], None]


class Took(NamedTuple):
    """What one fault was expected to take, and what it took."""

    expected_s: float
    real_s: float


def rest_s(done: Sequence[Took], left_s: Iterable[float]) -> float:
    """Return how long the rest will take, going by how slow this machine was with what is done."""
    expected_s, real_s = (sum(column) for column in zip(*done, strict=True)) if done else (1.0, 1.0)
    return sum(left_s) * real_s / expected_s


def run_each(faults: Sequence[Fault], tell: Say, say: Say) -> Iterator[Outcome]:
    """Yield what came of each fault, as soon as it is known; one that fails keeps no other from being run.

    `tell` gets a line when a fault begins and one when it has ended, `say` all that the supervisor says. Of a fault
    that is interrupted nothing is kept.
    """
    began, done = time.monotonic(), list[Took]()
    for number, fault in enumerate(faults, start=1):
        left = rest_s(done, (one.takes_s for one in faults[number - 1 :]))
        gone = time.monotonic() - began
        tell(f"[{number}/{len(faults)}] {fault.name}: {_span(gone)} gone, about {_span(left)} to go")
        outcome = run(fault, Path(tempfile.mkdtemp(prefix=f"leadflow-fault-{fault.name}-")), say)
        told = "; ".join(filter(None, (outcome.observed, outcome.judged)))
        tell(f"  {outcome.verdict} in {_span(outcome.seconds)}: {told}")
        if outcome.verdict == "exact":
            done.append(Took(fault.takes_s, outcome.seconds))
        yield outcome


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return how many faults came to which verdict."""
    verdicts = Counter(one.verdict for one in outcomes)
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    return f"{count(len(outcomes), 'fault')}, {sum(one.leads for one in outcomes):,} leads: {told or 'none was run'}"


def _span(seconds: float) -> str:
    return age(1000 * round(seconds)) if seconds >= 1 else "0 s"
