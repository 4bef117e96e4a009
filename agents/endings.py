"""How rights and leads end without a sale: many reasons summed up in one, and the fact that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from schemas.reasons import CAPPED, CLOSED, PAUSED, Reason
from schemas.records import Right, RightUnfilled, Slip, Step

#: Steps that do not say why a right found no buyer: the right went on to be ranked again by other terms, or its
#: buyer had taken the lead by another right.
_SILENT: Final = frozenset({Reason.TERMS_CHANGED, Reason.ALREADY_SOLD_TO_BUYER})

_SUMS: Final = ((CAPPED, Reason.ALL_CAPPED), (CLOSED, Reason.ALL_CLOSED), (PAUSED, Reason.ALL_PAUSED))


def reason_of_right(trace: Iterable[Step]) -> str:
    """Return why a right with eligible contracts found no buyer, by the last step of each contract.

    ALL_CAPPED, ALL_CLOSED or ALL_PAUSED when every contract that could have taken it was; NO_BUYERS when none was
    left for it (fewer buyers than rights); a reason that all share, be it one of a later release; MIXED otherwise.
    """
    last = {step.contract_id: step.reason for step in trace}
    reasons = {reason for reason in last.values() if reason not in _SILENT}
    if not reasons:
        return Reason.NO_BUYERS
    for family, total in _SUMS:
        if reasons <= family:
            return total
    return reasons.pop() if len(reasons) == 1 else Reason.MIXED


def reason_of_lead(reasons: Iterable[str]) -> str:
    """Return why nothing of a lead was sold, by the reasons of its rights (at least one).

    A right that merely found no further buyer says nothing when another says more.
    """
    distinct = set(reasons)
    telling = distinct - {Reason.NO_BUYERS} or distinct
    return telling.pop() if len(telling) == 1 else Reason.MIXED


def unfilled(slip: Slip, right: Right, reason: str, trace: Sequence[Step], now_ms: int) -> RightUnfilled:
    """Return the fact that a right has ended without a buyer."""
    return RightUnfilled(
        lead_id=slip.lead_id,
        campaign_id=slip.campaign_id,
        supplier_id=slip.supplier_id,
        leg=right.leg,
        round=right.round,
        index=right.index,
        rights=right.rights,
        payout_minor=right.payout_minor,
        payout_owed=right.payout_owed,
        currency=right.currency,
        test=slip.test,
        reason=reason,
        trace=tuple(trace),
        unfilled_at=now_ms,
        plan_version=right.plan_version,
        received_at=slip.received_at,
        received_partition=slip.received_partition,
        received_offset=slip.received_offset,
        value_minor=right.value_minor,
    )
