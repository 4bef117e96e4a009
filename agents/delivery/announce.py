"""When a contract's standing is told to the routers: closed at once, open after a second (P2).

A cap at its edge flaps: without the delay all traffic turns to the buyer for the time that a status needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tables.status import Standing

#: How long a contract must have been able to buy before the routers hear of it; measured: 1 s ends the flapping.
OPEN_DELAY_MS: Final = 1_000


class News(NamedTuple):
    """What to announce now, by contract, and when the openings that wait are due, by contract."""

    now: dict[str, Standing]
    waiting: dict[str, int]


def news_of(
    standings: Mapping[str, Standing],
    said: Mapping[str, Standing],
    waiting: Mapping[str, int],
    *,
    at_once: bool,
    now_ms: int,
) -> News:
    """Compare the standings of contracts with what was last said of each.

    Args:
        standings: how they stand now.
        said: what was last announced; a contract that is missing was never announced, and is now.
        waiting: of contracts that may buy again but are not announced yet, when they will be, UTC ms.
        at_once: whether a person or a plan changed something: then openings do not wait.
        now_ms: the epoch's time, UTC ms.
    """
    now: dict[str, Standing] = {}
    still_waiting: dict[str, int] = {}
    for contract_id, standing in standings.items():
        before = said.get(contract_id)
        if before == standing:
            continue
        due = waiting.get(contract_id, now_ms + OPEN_DELAY_MS)
        if standing.open and before is not None and not at_once and now_ms < due:
            still_waiting[contract_id] = due
        else:
            now[contract_id] = standing
    return News(now, still_waiting)
