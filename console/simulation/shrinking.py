"""Makes a failing run as small as it gets while it still fails, by leaving things out in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from console.simulation.runs import Outcome, run
from console.simulation.scenario import KINDS, Scenario

#: Runs that one shrinking may take.
RUNS_MAX: Final = 120


class _Spent(Exception):
    """No further run is allowed."""


class Shrinker:
    """Tries smaller scenarios; `best` is the smallest that failed so far."""

    def __init__(self, failing: Outcome, runs: Callable[[Scenario], Outcome] = run) -> None:
        self.best = failing
        self.tried = 0
        self._run = runs

    def shrink(self) -> Outcome:
        """Return the smallest failing outcome that was found; the one given if none is smaller."""
        try:
            before = None
            while before != self.best.scenario:
                before = self.best.scenario
                for field in ("changes", "workers", "leads", "faults"):
                    self._bisect(field)
                for scenario in self._without():
                    self._try(scenario)
        except _Spent:
            pass
        return self.best

    def _without(self) -> Iterator[Scenario]:
        """Yield the best scenario without one more kind of fault, kind by kind."""
        weather = self.best.scenario.setup().weather
        for kind in KINDS:
            if getattr(weather, kind):
                yield replace(self.best.scenario, without=self.best.scenario.without | {kind})

    def _bisect(self, field: str) -> None:
        """Find the least value of a limit with which it still fails, as if failing were monotonous in it."""
        low = 1 if field in ("workers", "leads") else 0
        high = min(getattr(self.best.scenario, field), self._used(field))
        while low < high:
            middle = (low + high) // 2
            if self._try(replace(self.best.scenario, **{field: middle})):
                high = middle
            else:
                low = middle + 1

    def _used(self, field: str) -> int:
        """Return how much of a limit the best run has used: there is no use in trying more."""
        setup = self.best.scenario.setup()
        return {
            "changes": setup.weather.plans,
            "workers": setup.workers,
            "leads": setup.leads,
            "faults": self.best.faults,
        }[field]

    def _try(self, scenario: Scenario) -> bool:
        if self.tried >= RUNS_MAX:
            raise _Spent
        self.tried += 1
        outcome = self._run(scenario)
        if outcome.good:
            return False
        self.best = outcome
        return True
