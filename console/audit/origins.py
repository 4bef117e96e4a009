"""Where every received record went: each ends once, as unique, rejected or set aside."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from console.audit.cases import Flow, Origin, Received
from console.audit.findings import Finding, Place, Rule
from schemas.records import LeadRejected
from schemas.topics import RECEIVED


class End(Struct, frozen=True, gc=False):
    """How a received record ended: in the passage of a lead that is unique, a rejection, or a dead letter."""

    at: Place
    seen_ms: int
    flow: Flow | None = None
    rejection: LeadRejected | None = None

    @property
    def how(self) -> str:
        """The end in a word: unique, dead, or why the record was rejected."""
        if self.rejection is not None:
            return self.rejection.reason
        return "dead" if self.flow is None else "unique"


class Origins:
    """Received records that have no end yet, and ends whose record was not read yet, or has ended before."""

    def __init__(self) -> None:
        self._open: dict[Origin, Received] = {}
        self._lone: dict[Origin, list[End]] = {}
        self._told: set[Origin] = set()

    def __len__(self) -> int:
        return len(self._open)

    def receive(self, received: Received) -> End | None:
        """Take a received record; return its end if that was seen before it."""
        origin = (received.at.partition, received.at.offset)
        ends = self._lone.get(origin)
        if not ends:
            self._open[origin] = received
            return None
        end = ends.pop(0)
        if not ends:
            del self._lone[origin]
        return end

    def end(self, origin: Origin, end: End) -> Received | None:
        """Take an end; return its record if that is known, and had no end."""
        received = self._open.pop(origin, None)
        if received is None:
            self._lone.setdefault(origin, []).append(end)
        else:
            self._told.discard(origin)
        return received

    def overdue(self, before_ms: int | None) -> Iterator[Finding]:
        """Yield what has waited since before a time (None: all that waits), each once; lone ends are dropped."""
        for origin, received in self._open.items():
            if before_ms is not None and received.at_ms >= before_ms:
                break
            if origin not in self._told:
                self._told.add(origin)
                expected = "an end: unique, rejected or set aside"
                yield Finding(Rule.RECEIVED_LOST, received.at, "received record", expected, "none")
        for origin, ends in list(self._lone.items()):
            if before_ms is not None and ends[0].seen_ms >= before_ms:
                continue
            del self._lone[origin]
            place = Place(RECEIVED, *origin)
            for end in ends:
                found = f"{end.how}; no such record, or it has ended before"
                yield Finding(Rule.ENDED_TWICE, end.at, f"received record {place}", "one end", found)
