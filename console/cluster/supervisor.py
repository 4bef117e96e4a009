"""Keeps the parts of a cluster running: sees who has ended, decides by exit code, starts again, says what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from console.cluster.problems import ClusterProblem
from console.cluster.processes import identify
from console.cluster.restarts import STEADY_AFTER_S, Decision, decide
from console.cluster.state import PartState

Say = Callable[[str], None]
"""Tells a person one line."""

EXIT_NOT_STARTED = 1
"""Stands for a part that could not even be launched; it is tried again like any other failure."""


class Part(Protocol):
    """What can be supervised: a process that is launched, looked at, stopped."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""

    @property
    def log_file(self) -> Path:
        """Where to read why it ended."""

    def launch(self) -> None:
        """Start it without waiting; a running one is left alone. Raises ClusterProblem."""

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""

    def stop(self) -> int | None:
        """Stop it cleanly, by force after its own limit."""


@dataclass(slots=True)
class _Watch:
    """A part and what has happened to it."""

    name: str
    part: Part
    wanted: bool = False
    started_at_s: float = 0.0
    started_ms: int = 0
    quick_failures: int = 0
    restarts: int = 0
    again_at_s: float | None = None
    note: str = ""


class Supervisor:
    """Owns the parts, in starting order. `tick` does one round without waiting; call it several times a second.

    Not for use from two threads at once.
    """

    def __init__(self, say: Say, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now_s = monotonic_s
        self._watches: dict[str, _Watch] = {}
        self.changed = True
        """Set whenever a part has ended or started; whoever writes it down clears it."""

    def add(self, name: str, part: Part) -> None:
        """Take charge of a part that runs already or will be started by `start`."""
        self._watches[name] = _Watch(name, part, wanted=part.pid is not None, started_at_s=self._now_s())
        self._watches[name].started_ms = _unix_ms()
        self.changed = True

    def start(self, name: str) -> None:
        """Launch a part and keep it running from now on."""
        watch = self._watches[name]
        watch.wanted = True
        self._launch(watch)

    def tick(self) -> None:
        """Look at each part once: note who has ended, start whose time has come."""
        for watch in self._watches.values():
            if not watch.wanted:
                continue
            if watch.again_at_s is not None:
                if self._now_s() >= watch.again_at_s:
                    watch.restarts += 1
                    self._launch(watch)
            elif (code := watch.part.exit_code()) is not None:
                self._ended(watch, code)

    def stop(self, names: Sequence[str]) -> None:
        """Stop these parts, all at once; one that does not end within its own limit is killed."""
        watches = [self._watches[name] for name in names if name in self._watches]
        for watch in watches:
            watch.wanted = False
            watch.again_at_s = None
        if watches:
            with ThreadPoolExecutor(len(watches)) as pool:
                list(pool.map(lambda watch: watch.part.stop(), watches))
        self.changed = True

    def is_given_up(self, name: str) -> bool:
        """Tell whether a part has ended and stays stopped until a person acts."""
        watch = self._watches[name]
        return not watch.wanted and watch.part.pid is None

    def states(self) -> dict[str, PartState]:
        """Return what to tell others of each part, in starting order."""
        return {name: _state(watch) for name, watch in self._watches.items()}

    def _launch(self, watch: _Watch) -> None:
        watch.again_at_s = None
        watch.started_at_s = self._now_s()
        watch.started_ms = _unix_ms()
        self.changed = True
        try:
            watch.part.launch()
        except (ClusterProblem, OSError) as problem:
            self._say(f"{watch.name}: could not be started: {problem}")
            self._ended(watch, EXIT_NOT_STARTED)

    def _ended(self, watch: _Watch, code: int) -> None:
        ran_s = self._now_s() - watch.started_at_s
        if ran_s >= STEADY_AFTER_S:
            watch.quick_failures = 0
        decision: Decision = decide(code, watch.quick_failures, ran_s)
        watch.quick_failures += 1
        watch.note = decision.why
        watch.wanted = decision.wait_s is not None
        watch.again_at_s = None if decision.wait_s is None else self._now_s() + decision.wait_s
        self.changed = True
        self._say(f"{watch.name}: {decision.why} (log: {watch.part.log_file})")


def _state(watch: _Watch) -> PartState:
    pid = watch.part.pid
    return PartState(
        identity=identify(pid) if pid else None,
        restarts=watch.restarts,
        started_at=watch.started_ms,
        note=watch.note,
    )


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
