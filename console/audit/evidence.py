"""What the topics say, gathered record by record, for whoever shows it: the demo, and tests.

It holds all facts at once; what judges them is the auditor, which does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from console.audit.auditor import RETRIED
from console.audit.limits import Terms, terms_of
from console.audit.scope import BUYERS, DEAD, LEADS
from console.reading import Reader
from schemas.codec import Codec
from schemas.records import (
    BuyerLead,
    DeadLetter,
    LeadClosed,
    LeadRejected,
    LeadSold,
    LeadUnique,
    PlanVersion,
    RightUnfilled,
)
from schemas.topics import CLOSED, PLAN, RECEIVED, REJECTED, SOLD, UNFILLED, UNIQUE
from streams.stage import Message

#: Topics of facts, each of one record type.
FACTS = (UNIQUE, REJECTED, SOLD, UNFILLED, CLOSED, PLAN)


class Received(NamedTuple):
    """Where a lead came in: its only identity before anybody has looked into it."""

    partition: int
    offset: int


class Delivery(NamedTuple):
    """One record of a buyer's topic, without its person."""

    buyer_id: str
    sale_id: str
    lead_id: str
    price_minor: int
    currency: str
    test: bool


class Unique(NamedTuple):
    """One record of `leads.unique`, without its person."""

    lead_id: str
    received: Received
    test: bool


@dataclass(slots=True)
class Evidence:
    """All that was found. `terms` maps (buyer, plan version) to what the buyer had asked for."""

    received: set[Received] = field(default_factory=set)
    unique: list[Unique] = field(default_factory=list)
    rejected: list[LeadRejected] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    sold: list[LeadSold] = field(default_factory=list)
    unfilled: list[RightUnfilled] = field(default_factory=list)
    closed: list[LeadClosed] = field(default_factory=list)
    delivered: list[Delivery] = field(default_factory=list)
    terms: dict[int, dict[str, Terms]] = field(default_factory=dict)

    def reasons(self) -> Counter[str]:
        """Return how many received leads were refused, by reason; a repeat that routing found is among them."""
        return Counter(fact.reason for fact in self.rejected)

    def sales_of(self) -> dict[str, list[LeadSold]]:
        """Return the sales of each buyer, in no order."""
        found: dict[str, list[LeadSold]] = defaultdict(list)
        for sale in self.sold:
            found[sale.buyer_id].append(sale)
        return found


def gather(reader: Reader, codec: Codec) -> Evidence:
    """Read all facts, all buyers' topics and all dead letters to their committed ends.

    The ends are taken before anything is read, those of `leads.received` first: what comes in meanwhile is left
    out, and what is read of later topics may belong to leads that are left out, which is no finding.
    """
    evidence = Evidence()
    evidence.received = set(_places(reader))
    topics = sorted(topic for topic in reader.topics() if topic in FACTS or _is_personal(topic))
    for message in reader.scan(*topics):
        if message.value is not None:
            take(evidence, message, codec)
    return evidence


def _is_personal(topic: str) -> bool:
    return topic.endswith(DEAD) or (topic.startswith(BUYERS) and topic.endswith(LEADS))


def _places(reader: Reader) -> Iterator[Received]:
    for message in reader.scan(RECEIVED):
        yield Received(message.partition, message.offset)


def take(evidence: Evidence, message: Message, codec: Codec) -> None:
    """Put one record where it belongs; a record of another kind is passed over."""
    record = codec.decode(message.value or b"")
    match record:
        case LeadUnique(slip=slip):
            place = Received(slip.received_partition, slip.received_offset)
            evidence.unique.append(Unique(slip.lead_id, place, slip.test))
        case LeadRejected():
            evidence.rejected.append(record)
        case LeadSold():
            evidence.sold.append(record)
        case RightUnfilled():
            evidence.unfilled.append(record)
        case LeadClosed():
            evidence.closed.append(record)
        case DeadLetter():
            if record.reason != RETRIED:
                evidence.dead.append(record)
        case BuyerLead():
            buyer = message.topic.removeprefix(BUYERS).removesuffix(LEADS)
            evidence.delivered.append(
                Delivery(buyer, record.sale_id, record.lead_id, record.price_minor, record.currency, record.test)
            )
        case PlanVersion():
            evidence.terms[record.version] = terms_of(record.plan_json)
