"""The machine that a figure was measured on, with its speed in a unit that other machines can measure too.

CPU microseconds of two machines cannot be compared as they are: one build of Python takes twice the time of another on
the same processor. So every result carries what a fixed piece of work costs here, and figures may be compared in it.
"""

from __future__ import annotations

import io
import os
import platform
import time
from dataclasses import dataclass
from typing import Any, Final

import fastavro

#: What the piece of work takes on the machine on which the goals of docs/performance.md were set.
REFERENCE_US: Final = 5.7

_FIELDS = [{"name": f"text{n}", "type": "string"} for n in range(15)] + [
    {"name": f"number{n}", "type": "long"} for n in range(4)
]
_ROUNDS, _TIMES = 40, 250


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
    return Machine(os.cpu_count() or 1, platform.python_version(), round(_unit_us(), 2))


def _unit_us() -> float:
    schema: Any = fastavro.parse_schema({"type": "record", "name": "Unit", "fields": _FIELDS})
    datum = {f"text{n}": f"value number {n}" for n in range(15)} | {f"number{n}": 123_456_789 for n in range(4)}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, datum)
    value = out.getvalue()
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.thread_time()
        for _ in range(_TIMES):
            fastavro.schemaless_reader(io.BytesIO(value), schema, None)
        best = min(best, time.thread_time() - began)
    return best / _TIMES * 1e6
