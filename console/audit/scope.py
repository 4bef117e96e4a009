"""What an audit reads, and which of the leads in it are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from console.audit.cases import Origin
from schemas.topics import (
    CLOSED,
    OFFERS,
    PAUSES,
    PLAN,
    RECEIVED,
    REJECTED,
    REROUTES,
    SCORED,
    SOLD,
    UNFILLED,
    UNIQUE,
)

#: Topics that are audited, besides dead letters and the buyers' own. Feed the first two before what they rule.
TOPICS: Final = (PLAN, PAUSES, RECEIVED, UNIQUE, REJECTED, SCORED, REROUTES, OFFERS, SOLD, UNFILLED, CLOSED)
DEAD, BUYERS, LEADS = ".dead", "buyers.", ".leads"


def audited(topic: str) -> bool:
    """Whether the auditor reads a topic."""
    return topic in TOPICS or topic.endswith(DEAD) or (topic.startswith(BUYERS) and topic.endswith(LEADS))


class Scope(NamedTuple):
    """Which received records are judged: of each partition the offsets from `starts`, and before `ends` if given.

    `since_ms`: the broker's time from which the other topics are read.
    """

    starts: Mapping[int, int]
    ends: Mapping[int, int] | None
    since_ms: int

    def holds(self, origin: Origin) -> bool:
        """Whether a received record is judged."""
        partition, offset = origin
        if offset < self.starts.get(partition, 0):
            return False
        return self.ends is None or offset < self.ends.get(partition, 0)
