"""The rights of one lead: each with its route, or ended at once for want of a buyer (rule 2)."""

from __future__ import annotations

from typing import Final, NamedTuple

from agents.endings import reason_of_right
from agents.routing.eligible import Field
from agents.routing.pick import Picks
from schemas.reasons import Reason
from schemas.records import Right
from schemas.route import Pool, Route

#: Most contracts that a right's route may hold.
ROUTE_MAX: Final = 50

#: Leads are sold in one leg; a resale would raise the round.
LEG: Final = 1
ROUND: Final = 0


class Payout(NamedTuple):
    """What the supplier is owed for the lead, as of the plan it was routed by."""

    minor: int
    owed: str


def rights_of(
    count: int, payout: Payout, currency: str, plan_version: int, value_minor: int, now_ms: int
) -> list[Right]:
    """Return all rights of a lead that is routed now, by index."""
    return [
        Right(LEG, ROUND, index, count, payout.minor, payout.owed, currency, plan_version, now_ms, False, value_minor)
        for index in range(count)
    ]


def routes_of(pool: Pool, picks: Picks) -> list[Route]:
    """Return the route of each right that has a pick: its pick, then the unpicked in rank order, at most ROUTE_MAX."""
    behind = picks.behind[: ROUTE_MAX - 1]
    return [pool.route([index, *behind]) for index in picks.picked]


def reason_without_pick(field: Field) -> str:
    """Return why a right has no buyer to be offered to."""
    return reason_of_right(field.skipped) if field.accepting else Reason.NO_COVERAGE
