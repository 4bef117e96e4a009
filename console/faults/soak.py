"""Random faults one after the other on one stand, by the clock and from a seed; then the auditor."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from console.faults.failure import FaultFailed
from console.faults.load import Load
from console.faults.report import write_whole
from console.faults.running import Notes, told
from console.faults.stand import Needs, stand
from console.faults.strikes import STRIKES, WORKERS, draws
from console.faults.trial import Trial
from console.faults.watch import Watch

RATE = 50.0

Say = Callable[[str], None]
Verdict = Literal["exact", "FAILED", "unfinished"]


class Struck(NamedTuple):
    """One fault of a soak: when it was its turn, how many records were in flight, the longest silence after it."""

    at_s: float
    what: str
    how: str
    in_flight: int
    silence_s: float


@dataclass
class Soaked:
    """What a soak has come to so far. `judged`: the auditor's words, or why there are none."""

    seed: int
    minutes: float
    seconds: float = 0.0
    leads: int = 0
    struck: list[Struck] = field(default_factory=list)
    #: What is going on, or went wrong: a fault with its number, or the start, or the end.
    on: str = "the start"
    verdict: Verdict = "unfinished"
    judged: str = "not judged: it was ended before its time"

    def longest(self) -> dict[str, tuple[int, float]]:
        """Return how often each fault happened, and the longest silence after it."""
        count = Counter(one.what for one in self.struck)
        return {what: (count[what], max(o.silence_s for o in self.struck if o.what == what)) for what in sorted(count)}

    def command(self) -> str:
        """Return the command that draws the same faults again."""
        return f"leadflow faults soak --minutes {self.minutes:g} --seed {self.seed}"

    def as_json(self) -> str:
        """Return all figures, and the command that repeats it."""
        figures = asdict(self) | {"struck": [one._asdict() for one in self.struck], "again": self.command()}
        return json.dumps(figures, indent=2) + "\n"


class Soak:
    """One soak in `folder`. `tell` hears of each fault, `say` all that the supervisor says.

    `file`, if any, has what came so far at every moment, so that an end of any kind leaves the figures.
    """

    def __init__(self, folder: Path, minutes: float, seed: int, file: Path | None, tell: Say, say: Say) -> None:
        self._folder = folder
        self._file = file
        self._tell = tell
        self._notes = Notes(say)
        self._draws = draws(seed)
        self._began = time.monotonic()
        self.soaked = Soaked(seed, minutes)

    def run(self) -> Soaked:
        """Bring random faults about for the minutes given, then let all leads end and the auditor judge.

        A fault that has begun is seen through, and everything has its own limit: it ends some minutes late at most.
        Never raises for what the faults did, nor for what went wrong with the harness: that is the verdict. When it
        is interrupted (KeyboardInterrupt) everything is stopped first, and `soaked` has what came before.
        """
        try:
            self._keep()
            self._soak()
        except Exception as error:  # whatever it was, the seed and what came before must be told
            self.soaked.verdict, self.soaked.judged = "FAILED", f"at {self.soaked.on}: {told(error)}{self._notes}"
        finally:
            with contextlib.suppress(FaultFailed):  # if keeping is what failed, that was told above
                self._keep()
        return self.soaked

    def _soak(self) -> None:
        self._tell(f"starting Kafka, Valkey and {len(WORKERS)} workers")
        with (
            stand(Needs(workers=len(WORKERS)), self._folder, self._notes) as here,
            Watch(here.way) as watch,
            Load(here.way, RATE, lambda: watch.ended) as load,
        ):
            trial = Trial(here, load, watch)
            try:
                self._under_load(trial)
            finally:
                self._note(trial)

    def _under_load(self, trial: Trial) -> None:
        trial.warm_up()
        while not self.soaked.struck or self._gone_s() < self.soaked.minutes * 60:  # without one nothing is shown
            self._strike(trial)
        self._tell(f"{self._gone_s():4.0f} s  no more faults; all {trial.load.sent:,} leads come to their end")
        self.soaked.on = "the end, when all leads must have ended and be exact"
        trial.drain()
        self._tell(f"{self._gone_s():4.0f} s  the auditor reads everything")
        self.soaked.judged = trial.judge()
        self.soaked.verdict = "exact"

    def _strike(self, trial: Trial) -> None:
        """Bring one fault about, wait until all has recovered, and be quiet for a while."""
        drawn, at_s = next(self._draws), self._gone_s()
        how = drawn.how()
        named = f"{len(self.soaked.struck) + 1}. {drawn.what}{how and f' ({how})'}"
        self.soaked.on = f"fault {named}"
        self._tell(f"{at_s:4.0f} s  {named}")
        self._note(trial)
        recovery = trial.fault(drawn.what, partial(STRIKES[drawn.what], trial, drawn))
        trial.until_ready()
        self.soaked.struck.append(Struck(round(at_s, 1), drawn.what, how, recovery.in_flight, recovery.silence_s))
        went_on = f"went on after {recovery.silence_s:.1f} s, {recovery.in_flight} records had been in flight"
        self._tell(f"        {went_on}; {trial.load.sent:,} leads sent, {trial.watch.ended:,} ended")
        trial.pause(drawn.quiet_s)

    def _gone_s(self) -> float:
        return time.monotonic() - self._began

    def _note(self, trial: Trial) -> None:
        self.soaked.leads = trial.load.sent
        self._keep()

    def _keep(self) -> None:
        self.soaked.seconds = round(self._gone_s(), 1)
        if self._file is not None:
            write_whole(self._file, self.soaked.as_json())
