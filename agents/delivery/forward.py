"""Where a right goes when a buyer refuses it: the next candidate that is known to be open, or the end of its route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agents.status_view import Closing, skip_step
from schemas.reasons import CAPPED, Reason
from schemas.records import Candidate, Right, Step


class Onward(NamedTuple):
    """The next position in the route, None at its end, and the steps of those that were skipped on the way."""

    position: int | None
    skipped: tuple[Step, ...]


def next_open(route: Sequence[Candidate], position: int, closing: Closing, now_ms: int, *, test: bool) -> Onward:
    """Return the first candidate behind `position` that no status closes (P1); a cap does not close it to a test."""
    skipped: list[Step] = []
    for onward in range(position + 1, len(route)):
        status = closing(route[onward].contract_id, now_ms)
        if status is None or (test and status.reason in CAPPED):
            return Onward(onward, tuple(skipped))
        skipped.append(skip_step(status, now_ms))
    return Onward(None, tuple(skipped))


def goes_back(right: Right, trace: Sequence[Step]) -> bool:
    """Whether a right at the end of its route returns to the router: once, if somewhere the terms had changed."""
    return not right.rerouted and any(step.reason == Reason.TERMS_CHANGED for step in trace)
