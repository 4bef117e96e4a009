"""What a judge of a run looks at: the committed records of all topics, decoded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from config.plan.compiled import CompiledPlan
from console.simulation.broker import Broker
from console.simulation.process import CODEC
from schemas.records import (
    BuyerLead,
    BuyerStatus,
    DeadLetter,
    LeadClosed,
    LeadRejected,
    LeadScored,
    LeadSold,
    LeadUnique,
    Record,
    RightUnfilled,
)
from schemas.topics import (
    BUYER_STATUS,
    CLOSED,
    RECEIVED,
    REJECTED,
    SCORED,
    SOLD,
    UNFILLED,
    UNIQUE,
    buyer_topic,
    dead_topic,
    source_topics,
)
from streams.stage import Message

R = TypeVar("R", bound=Record)
_DEAD: Final = tuple(dead_topic(spec.name) for spec in source_topics())


@dataclass(frozen=True)
class Evidence:
    """All facts of a run. `delivered` holds each buyer's leads in the order of its topic: that of its sales."""

    received: tuple[Message, ...]
    unique: tuple[LeadUnique, ...]
    rejected: tuple[LeadRejected, ...]
    scored: tuple[LeadScored, ...]
    sold: tuple[LeadSold, ...]
    unfilled: tuple[RightUnfilled, ...]
    closed: tuple[LeadClosed, ...]
    dead: tuple[DeadLetter, ...]
    statuses: Mapping[str, BuyerStatus]
    delivered: Mapping[str, tuple[BuyerLead, ...]]
    plans: Mapping[int, CompiledPlan]

    @property
    def ends(self) -> tuple[LeadSold | RightUnfilled, ...]:
        """The ends of all rights."""
        return (*self.sold, *self.unfilled)


def gather(broker: Broker, plans: Mapping[int, CompiledPlan]) -> Evidence:
    """Read everything as a new read-committed reader sees it."""

    def records(topic: str, kind: type[R]) -> tuple[R, ...]:
        return tuple([CODEC.decode_as(message.value or b"", kind) for message in broker.records(topic)])

    buyers = {buyer_id for plan in plans.values() for buyer_id in plan.buyer_ids}
    there = broker.counts()
    return Evidence(
        received=tuple(broker.records(RECEIVED)),
        unique=records(UNIQUE, LeadUnique),
        rejected=records(REJECTED, LeadRejected),
        scored=records(SCORED, LeadScored),
        sold=records(SOLD, LeadSold),
        unfilled=records(UNFILLED, RightUnfilled),
        closed=records(CLOSED, LeadClosed),
        dead=tuple([letter for topic in _DEAD for letter in records(topic, DeadLetter)]),
        statuses={status.contract_id: status for status in records(BUYER_STATUS, BuyerStatus)},
        delivered={
            buyer_id: records(buyer_topic(buyer_id), BuyerLead)
            for buyer_id in sorted(buyers)
            if buyer_topic(buyer_id) in there
        },
        plans=plans,
    )
