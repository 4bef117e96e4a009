"""What is wrong with a plan: one value a problem, and the error that carries all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: More problems than this help nobody; the rest are counted.
PROBLEMS_SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the plan's files; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and what would be right ("" if the words of `what` say it).

    `path` is the way of keys to it, such as `buyers.sunco.contracts.sunco-solar.price[1].is`.
    """

    file: str
    line: int
    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.file}:{self.line}: {where}{self.what}{fix}"


class PlanProblems(Exception):
    """The plan is refused; `problems` holds all of them, in the order of the files and lines.

    Operator action: mend each line that is named, then `leadflow plan check` again. Nothing has changed.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        hidden = len(self.problems) - len(lines)
        if hidden:
            lines.append(f"... and {hidden} more")
        return "\n".join(lines)
