"""What the stages decided of leads, by epoch: what is counted in one that is undone was never decided, and is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

Tally = Counter[tuple[str, str]]


class LeadCounts:
    """Tallies of each stage by (outcome, reason), and the times to a sale; the open epoch's apart from the committed.

    Stages write in the engine's thread; `decided` may be called from another one.
    """

    def __init__(self, observe_sold_ms: Callable[[int], None]) -> None:
        """`observe_sold_ms` is told of each sale, once its epoch is committed, how long it took."""
        self._observe_sold_ms = observe_sold_ms
        self._open: dict[str, Tally] = {}
        self._open_sold_ms: list[int] = []
        self._decided: dict[str, Tally] = {}

    def of(self, stage: str) -> Tally:
        """Return the open epoch's tally of a stage, the same one for every epoch: it is emptied between them."""
        self._decided.setdefault(stage, Counter())
        return self._open.setdefault(stage, Counter())

    def sold_after_ms(self, took_ms: int) -> None:
        """Note how long a lead that is sold in the open epoch took."""
        self._open_sold_ms.append(took_ms)

    def committed(self) -> None:
        """Add what the open epoch counted, which is committed."""
        for stage, tally in self._open.items():
            self._decided[stage].update(tally)
        for took_ms in self._open_sold_ms:
            self._observe_sold_ms(took_ms)
        self.undone()

    def undone(self) -> None:
        """Forget what the open epoch counted: its leads are decided anew, and counted then."""
        for tally in self._open.values():
            tally.clear()
        self._open_sold_ms.clear()

    def decided(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield stage, outcome, reason and number of leads of committed epochs."""
        for stage, tally in dict(self._decided).items():
            for (outcome, reason), number in dict(tally).items():
                yield stage, outcome, reason, number
