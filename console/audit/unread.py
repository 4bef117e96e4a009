"""Records that cannot be read: each must have been set aside, by a dead letter that is read before it or after it."""

from __future__ import annotations

from collections.abc import Iterator

from console.audit.findings import Finding, Place, Rule


class Unread:
    """Records that cannot be read and dead letters that have not met yet."""

    def __init__(self) -> None:
        #: Records that have no dead letter yet, with their broker time.
        self._waiting: dict[Place, int] = {}
        #: Dead letters whose record was not read yet, or could be read.
        self._set_aside: set[Place] = set()

    def meet(self, at: Place, at_ms: int) -> None:
        """Take a record that cannot be read, of a broker time."""
        if at not in self._set_aside:
            self._waiting[at] = at_ms

    def set_aside(self, at: Place) -> None:
        """Take a dead letter's word for a record."""
        if self._waiting.pop(at, None) is None:
            self._set_aside.add(at)

    def overdue(self, before_ms: int | None) -> Iterator[Finding]:
        """Yield what has waited since before a time (None: all that waits), each once."""
        for at in [at for at, since in self._waiting.items() if before_ms is None or since < before_ms]:
            del self._waiting[at]
            yield Finding(Rule.UNREADABLE, at, "a record", "one that can be read, or its dead letter", "neither")
