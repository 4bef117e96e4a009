"""The faults by name. Each is a function whose docstring is the promise, and which returns what was observed.

    @fault(Needs(workers=1))
    def broker_killed(trial: Trial) -> str:
        "All that was acknowledged is there again; workers wait and go on by themselves."

What needs a stand of another kind, or none of W1's load, is entered by `@alone` and says all that it observed itself.
Importing `console.faults.all_faults` fills the catalogue.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from console.faults.stand import Needs
from console.faults.trial import Trial

Scenario = Callable[[Trial], str]


class Observed(NamedTuple):
    """What a fault with a stand of its own came to; `judged` is the auditor's word."""

    what: str
    recovered_s: float | None
    leads: int
    judged: str


Alone = Callable[[Path, Callable[[str], None]], Observed]
A = TypeVar("A", bound=Alone)


@dataclass(frozen=True)
class Fault:
    """One fault: either a scenario under load, or one with a stand of its own (`alone`).

    `rate`: leads a second while it happens. `takes_s`: about how long it takes on two cores, for those who wait.
    `whole`: part of a run of all; others are run by name.
    """

    name: str
    promised: str
    scenario: Scenario | None = None
    alone: Alone | None = None
    needs: Needs = field(default_factory=Needs)
    rate: float = 0.0
    takes_s: float = 0.0
    whole: bool = True


CATALOGUE: dict[str, Fault] = {}
"""Every fault by name, in the order of the table."""

RATE = 50.0
#: What most faults take: parts started, 1,000 leads at this rate, the fault, the auditor.
TAKES_S = 40.0


def fault(
    needs: Needs | None = None,
    *,
    name: str = "",
    rate: float = RATE,
    takes_s: float = TAKES_S,
    whole: bool = True,
) -> Callable[[Scenario], Scenario]:
    """Put a scenario into the catalogue, under its function's name unless another is given."""

    def enter(scenario: Scenario) -> Scenario:
        called, promised = _named(scenario, name)
        CATALOGUE[called] = Fault(called, promised, scenario, None, needs or Needs(), rate, takes_s, whole)
        return scenario

    return enter


def alone(*, takes_s: float) -> Callable[[A], A]:
    """Put a fault with a stand of its own into the catalogue, under its function's name."""

    def enter(measure: A) -> A:
        called, promised = _named(measure, "")
        CATALOGUE[called] = Fault(called, promised, alone=measure, takes_s=takes_s)
        return measure

    return enter


def _named(function: Scenario | Alone, name: str) -> tuple[str, str]:
    """Return the name and the promise of a fault."""
    called = name or function.__name__.replace("_", "-")
    promised = " ".join((inspect.getdoc(function) or "").split())
    if not promised or called in CATALOGUE:
        raise ValueError(f"the fault {called} has no promise, or its name is taken")
    return called, promised
