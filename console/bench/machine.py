"""The machine that a figure was measured on, with its speed in a unit that other machines can measure too.

CPU microseconds of two machines cannot be compared as they are: one build of Python takes twice the time of another on
the same processor. So every result carries what a fixed piece of work costs here, and figures may be compared in it.

A virtual processor may take twice as long after half a minute of work as at rest. So beside a run whose CPU is measured
the piece of work is done once a second, and what it took at that time is the unit.
"""

from __future__ import annotations

import io
import os
import platform
import threading
import time
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import fastavro

#: What the piece of work takes on the machine on which the goals of docs/performance.md were set.
REFERENCE_US: Final = 5.7

_FIELDS = [{"name": f"text{n}", "type": "string"} for n in range(15)] + [
    {"name": f"number{n}", "type": "long"} for n in range(4)
]
_ROUNDS, _TIMES, _EVERY_S = 40, 250, 1.0


@dataclass(frozen=True)
class Machine:
    """Cores, the version of Python, and the unit: to decode a record of 19 fields with fastavro, in us of CPU."""

    cores: int
    python: str
    unit_us: float

    @property
    def slower(self) -> float:
        """How many times as long this machine takes as the one on which the goals were set."""
        return self.unit_us / REFERENCE_US

    def __str__(self) -> str:
        return (
            f"{self.cores} cores, Python {self.python}; 19 fields are decoded in {self.unit_us:.1f} us, "
            f"{self.slower:.1f} times the {REFERENCE_US} us of the machine of the goals"
        )


def this_machine() -> Machine:
    """Look at this machine; takes a fifth of a second. The best of many rounds counts: what disturbs only adds."""
    unit = UnitOfWork()
    return _machine(min(unit.round_us() for _ in range(_ROUNDS)))


class MachineMeanwhile:
    """A context in which the unit is measured once a second, for a few thousandths of it; ask `machine` at its end."""

    def __init__(self) -> None:
        self._found: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="unit", daemon=True)

    def __enter__(self) -> MachineMeanwhile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def machine(self) -> Machine:
        """Return the machine with the median of what the unit took."""
        return _machine(median(self._found))

    def _measure(self) -> None:
        unit = UnitOfWork()
        while True:
            self._found.append(unit.round_us())
            if self._over.wait(_EVERY_S):
                return


class UnitOfWork:
    """A record of 19 fields that fastavro decodes."""

    def __init__(self) -> None:
        self._schema: Any = fastavro.parse_schema({"type": "record", "name": "Unit", "fields": _FIELDS})
        datum = {f"text{n}": f"value number {n}" for n in range(15)} | {f"number{n}": 123_456_789 for n in range(4)}
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._schema, datum)
        self._value = out.getvalue()

    def round_us(self) -> float:
        """Return the CPU of this thread that one decoding takes, in us, as the mean of some hundred."""
        began = time.thread_time()
        for _ in range(_TIMES):
            fastavro.schemaless_reader(io.BytesIO(self._value), self._schema, None)
        return (time.thread_time() - began) / _TIMES * 1e6


def _machine(unit_us: float) -> Machine:
    return Machine(os.cpu_count() or 1, platform.python_version(), round(unit_us, 2))
