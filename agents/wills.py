"""The last will of a right: what ends it as unfilled when its own record cannot be read any more.

It rides in a header of every Offer and Reroute, ids and numbers only, so that a right never vanishes into a dead
letter (protocol, section 8.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from schemas.errors import Poison
from schemas.reasons import Reason
from schemas.records import Right, RightUnfilled, Slip

#: The header's name.
HEADER: Final = "right"

#: Rights whose words are remembered: those of one epoch are alike but for index and value.
_RIGHTS_KEPT: Final = 1024

#: How no and yes are written.
_FLAGS: Final = ("0", "1")

_TEXTS: Final = 5
_NUMBERS: Final = 10


def will_of(slip: Slip, right: Right) -> bytes:
    """Return the header's value: ids have no spaces in them, so words stand side by side."""
    return (
        f"{slip.lead_id} {slip.campaign_id} {slip.supplier_id} {_words_of(right)} "
        f"{slip.received_at} {slip.received_partition} {slip.received_offset} {right.value_minor} {_FLAGS[slip.test]}"
    ).encode()


@lru_cache(maxsize=_RIGHTS_KEPT)
def _words_of(right: Right) -> str:
    """Return what stands in the middle; the rights of one epoch are few."""
    return (
        f"{right.payout_owed} {right.currency} "
        f"{right.leg} {right.round} {right.index} {right.rights} {right.payout_minor} {right.plan_version}"
    )


def find_will(headers: Iterable[tuple[str, bytes]]) -> bytes | None:
    """Return the will among a record's headers, or None."""
    return next((value for name, value in headers if name == HEADER), None)


def execute(will: bytes, now_ms: int) -> RightUnfilled:
    """Return the fact that ends the right with reason ERROR.

    Raises Poison when the will is not one that `will_of` wrote.
    """
    words = will.decode(errors="replace").split(" ")
    texts, numbers, test = words[:_TEXTS], words[_TEXTS:-1], words[-1]
    if len(numbers) != _NUMBERS or test not in _FLAGS:
        raise Poison(
            f"header {HEADER!r} has {len(words)} words, not {_TEXTS + _NUMBERS + 1}; the right cannot be named"
        )
    lead_id, campaign_id, supplier_id, owed, currency = texts
    try:
        leg, round_, index, rights, payout, version, at, partition, offset, value = map(int, numbers)
    except ValueError:
        raise Poison(f"header {HEADER!r} has words where numbers belong; the right cannot be named") from None
    return RightUnfilled(
        lead_id=lead_id,
        campaign_id=campaign_id,
        supplier_id=supplier_id,
        leg=leg,
        round=round_,
        index=index,
        rights=rights,
        payout_minor=payout,
        payout_owed=owed,
        currency=currency,
        test=test == "1",
        reason=Reason.ERROR,
        trace=(),
        unfilled_at=now_ms,
        plan_version=version,
        received_at=at,
        received_partition=partition,
        received_offset=offset,
        value_minor=value,
    )
