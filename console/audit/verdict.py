"""The auditor's result: what was counted, what was found, how full the caps were."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from console.audit.counts import Fill
from console.audit.findings import Finding, Kind


@dataclass(slots=True)
class Figures:
    """What became of the leads. Amounts in minor units of `currency`; test leads are counted apart, in `tests`.

    Every received record is a repeat, rejected, dead, unique, or still open. `peak_open` is the most leads that were
    on their way at one time, `remembered_bytes` what the memory of ended leads takes.
    """

    records: int = 0
    received: int = 0
    unique: int = 0
    repeats: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    closed: int = 0
    sold: int = 0
    sales: int = 0
    unsold: Counter[str] = field(default_factory=Counter)
    tests: int = 0
    revenue_minor: int = 0
    payout_minor: int = 0
    currency: str = ""
    open: int = 0
    peak_open: int = 0
    remembered_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Counter) else value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `fills`: every cap of the newest plan in every window with a sale, by buyer, contract, window."""

    figures: Figures
    findings: tuple[Finding, ...]
    fills: tuple[Fill, ...]

    @property
    def received(self) -> int:
        """How many records were received."""
        return self.figures.received

    def count(self, kind: Kind) -> int:
        """Return how many findings are of a kind."""
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def caps_full(self) -> int:
        """How many caps took exactly what they allow: none passed, no room for one more sale."""
        return sum(fill.full for fill in self.fills)

    def accounting(self) -> str:
        """Return the sum that must hold: where every received record went."""
        told = self.figures
        rejected, open_ = sum(told.rejected.values()), f" + {told.open:,} open" if told.open else ""
        dead = f" + {told.dead:,} set aside" if told.dead else ""
        return (
            f"{told.received:,} received = {told.unique:,} unique + {told.repeats:,} repeats + {rejected:,} rejected"
            f"{dead}{open_}"
        )

    def __str__(self) -> str:
        words = [f"{self.count(kind)} {kind}" for kind in ("lost", "sold twice", "over cap")]
        words.append(f"{self.caps_full} cap{'' if self.caps_full == 1 else 's'} exactly full")
        more: tuple[tuple[Kind, str], ...] = (
            ("wrongly sold", "wrongly sold"),
            ("books disagree", "disagreements in the books"),
        )
        words += [f"{number} {name}" for kind, name in more if (number := self.count(kind))]
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Return everything by name."""
        return {
            "good": self.good,
            "verdict": str(self),
            "figures": self.figures.as_json(),
            "findings": [finding.as_json() for finding in self.findings],
            "caps_exactly_full": self.caps_full,
        }
