"""Suppliers and campaigns that are paused by hand, as `internal.pauses` tells it over time."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from console.audit.slack import Slack
from schemas.records import Pause


class _Said(NamedTuple):
    at_ms: int
    until: int | None


class Pauses:
    """What was paused when. The topic is compacted: of an old pause only the last word may be left."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._said: dict[tuple[str, str], list[_Said]] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def take(self, key: tuple[str, str], record: Pause | None, at_ms: int) -> None:
        """Take a record of a kind and an id (None: resumed), written at a broker time."""
        until = record.until if record is not None and record.paused else None
        self._said.setdefault(key, []).append(_Said(at_ms, until))

    def stops(self, kind: str, id_: str, received_at: int, decided_at: int) -> bool:
        """Whether a lead received then must not be taken in at `decided_at`.

        Workers hear of a pause within a time, and their clocks may be off the broker's: whatever was said around
        the decision may have been heard or not.
        """
        said = self._said.get((kind, id_))
        if not said:
            return False
        times = [each.at_ms for each in said]
        first = bisect_right(times, decided_at - self._slack.clock_ms - self._slack.heard_ms)
        last = bisect_right(times, decided_at + self._slack.clock_ms)
        heard = said[max(0, first - 1) : last] if first else []
        return bool(heard) and all(_pauses(each, received_at) for each in heard)


def _pauses(said: _Said, received_at: int) -> bool:
    return said.until is not None and (said.until < 0 or received_at < said.until)
