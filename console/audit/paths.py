"""The path of a right: from the router from owner to owner to its one end, each record made of the one before it.

A trace only grows, so the records of a right stand in one order, and a gap or a fork shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from console.audit.cases import Offered, RightCase, Sale, Unfilled
from console.audit.findings import Place
from schemas.reasons import Reason
from schemas.records import LeadSold, Step

#: How the trace words a skip: of a router by a status or by the plan, of an owner by a status. Others were asked.
_BY_STATUS, _BY_PLAN = "by status of ", "by the plan"


def _skipped(step: Step) -> bool:
    return step.detail.startswith(_BY_STATUS) or step.detail == _BY_PLAN


def in_order(right: RightCase) -> list[Offered]:
    """Return the Offers in the order in which the right went through them."""
    if len(right.offers) < 2:
        return right.offers
    return sorted(right.offers, key=lambda offer: (offer.right.rerouted, len(offer.trace)))


def fork(right: RightCase) -> Place | None:
    """Return a record that says that the right is where it cannot be beside another one; None when there is none."""
    offers = in_order(right)
    for before, after in itertools.pairwise(offers) if len(offers) > 1 else ():
        same = (before.right.rerouted, len(before.trace)) == (after.right.rerouted, len(after.trace))
        if same or after.trace[: len(before.trace)] != before.trace:
            return after.at
    if len(right.reroutes) > 1:
        return right.reroutes[1].at
    end = right.end
    if right.reroutes and end is not None and not _by_last_will(end):
        back = right.reroutes[0]
        return back.at if tuple(end.fact.trace[: len(back.trace)]) != back.trace else None
    return None


def _by_last_will(end: Sale | Unfilled) -> bool:
    """Whether a right ended because a record of its path could not be read; such an end has no trace to compare."""
    return isinstance(end, Unfilled) and end.fact.reason == Reason.ERROR and not end.fact.trace


def whole(right: RightCase) -> bool:
    """Whether the path has no gap from the router to the end."""
    end = right.end
    if end is None:
        return False
    if _by_last_will(end):
        return bool(right.offers or right.reroutes)
    offers = in_order(right)
    if not offers:
        return isinstance(end, Unfilled) and not right.reroutes and all(map(_skipped, end.fact.trace))
    first = offers[0]
    if first.right.rerouted or first.position != 0 or not all(map(_skipped, first.trace)):
        return False
    if len(offers) == 1 and not right.reroutes and isinstance(end, Sale) and end.fact.trace == first.trace:
        return first.buyer_id == end.fact.buyer_id  # whom it asked first has bought: most rights
    steps = zip(offers, [(o.trace, o.right.rerouted) for o in offers[1:]] + [_end(right, offers, end)], strict=True)
    if not all(_follows(before, trace, rerouted, right) for before, (trace, rerouted) in steps):
        return False
    if isinstance(end, Unfilled):
        return bool(right.reroutes) or not _goes_back(end.fact.trace)
    return _asks(offers[-1], end.fact) and offers[-1].right.rerouted == bool(right.reroutes)


def _goes_back(trace: Sequence[Step]) -> bool:
    """Whether a right that nobody bought goes back to the router, by its whole trace: once, if terms had changed."""
    return any(step.reason == Reason.TERMS_CHANGED for step in trace) and trace[-1].reason != Reason.STALE


def _asks(offer: Offered, fact: LeadSold) -> bool:
    """Whether the contract that has bought is one of this buyer's in the Offer, and has not refused it."""
    refused = {step.contract_id for step in fact.trace[len(offer.trace) :]}
    ahead = {(each.buyer_id, each.contract_id) for each in offer.route[offer.position :]}
    return (
        offer.buyer_id == fact.buyer_id
        and (fact.buyer_id, fact.contract_id) in ahead
        and (fact.contract_id not in refused)
    )


def _end(right: RightCase, offers: Sequence[Offered], end: Sale | Unfilled) -> tuple[Sequence[Step], bool]:
    """Return the end's trace, and whether it lies behind the reroute: then no Offer behind that is missing."""
    behind = bool(right.reroutes) and not offers[-1].right.rerouted and isinstance(end, Unfilled)
    return end.fact.trace, behind or offers[-1].right.rerouted


def _follows(before: Offered, trace: Sequence[Step], rerouted: bool, right: RightCase) -> bool:
    """Whether a trace is that of an Offer with what its own owner, and at most the router, have added."""
    length = len(before.trace)
    if tuple(trace[:length]) != before.trace:
        return False
    if rerouted and not before.right.rerouted:
        if not right.reroutes or tuple(trace[: len(right.reroutes[0].trace)]) != right.reroutes[0].trace:
            return False
        own = right.reroutes[0].trace[length:]
        if not all(map(_skipped, trace[length + len(own) :])):
            return False
    else:
        own = tuple(trace[length:])
    return all(_skipped(step) or step.buyer_id == before.buyer_id for step in own)
