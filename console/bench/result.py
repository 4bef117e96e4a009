"""What a benchmark found: figures with their units and goals, as JSON and as a table, against an earlier result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from console.bench.machine import Machine


class NoResult(Exception):
    """A file holds no result of this benchmark. The message says which file, and what is wrong."""


@dataclass(frozen=True)
class Figure:
    """A number with its unit; `goal` is what it should be at most (None: no goal), as docs/performance.md says.

    CPU figures (`us`) are also shown in the unit of the machine of the goals.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None


@dataclass(frozen=True)
class Result:
    """One run: which benchmark on how much work, the machine, the figures, and what the judge said of the output."""

    bench: str
    work: str
    machine: Machine
    figures: tuple[Figure, ...]
    verdict: str = ""

    def as_json(self) -> str:
        """Return everything, for `--compare` of a later run."""
        return json.dumps(asdict(self), indent=1)

    def table(self, earlier: Result | None = None) -> Table:
        """Return the figures in 80 columns, with the change against an earlier result of the same benchmark."""
        table = Table(title=f"{self.bench}: {self.work}")
        table.add_column("figure")
        for column in ("here", "as the goal's", "goal", "earlier"):
            table.add_column(column, justify="right")
        before = {figure.name: figure for figure in earlier.figures} if earlier is not None else {}
        for figure in self.figures:
            known = before.get(figure.name)
            table.add_row(
                figure.name,
                f"{figure.value:,g} {figure.unit}",
                f"{figure.value / self.machine.slower:,.1f}" if figure.unit == "us" else "",
                "" if figure.goal is None else f"{figure.goal:,g}",
                "" if known is None else _change(figure.value, known.value),
            )
        return table


def _change(now: float, before: float) -> str:
    return f"{before:,g} ({(now - before) / before:+.0%})" if before else f"{before:,g}"


def read_result(path: Path, bench: str) -> Result:
    """Return an earlier result. Raises NoResult."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        figures = tuple(Figure(**figure) for figure in found["figures"])
        result = Result(found["bench"], found["work"], Machine(**found["machine"]), figures, found["verdict"])
    except OSError as error:
        raise NoResult(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise NoResult(f"{path} is no result of `leadflow bench --json` ({type(error).__name__})") from None
    if result.bench != bench:
        raise NoResult(f"{path} is a result of `bench {result.bench}`, not of `bench {bench}`")
    return result
