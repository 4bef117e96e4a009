"""Gathers all that the topics say about one lead; reads, decides nothing, keeps persons masked until they are told.

A lead is named by its lead_id, by its supplier's id, or by the coordinates at which it came in. Its facts lie in one
partition of each topic, given by its key, so only those are read: backwards from the newest for the first fact, and
from a moment before it for all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from config.plan.canonical import from_json
from config.plan.compiled import CompiledPlan, compile_plan
from config.plan.model import Plan
from console.reach import Reach
from console.reading import Bounds
from schemas.errors import LeadflowError
from schemas.identity import lead_id as identity
from schemas.records import (
    BuyerLead,
    DeadLetter,
    LeadClosed,
    LeadReceived,
    LeadRejected,
    LeadScored,
    LeadSold,
    LeadUnique,
    PlanVersion,
    Record,
    RightUnfilled,
)
from schemas.topics import CLOSED, RECEIVED, REJECTED, SCORED, SOLD, UNFILLED, UNIQUE, buyer_topic, dead_topic
from streams.partitioning import partition_of
from streams.stage import Message, TopicPartition

#: Records looked at in one go backwards; about a second of reading for each 100,000.
BACK_RECORDS = 50_000
#: Facts of a lead may bear times a little before the one that was found first.
EARLIER_MS = 10 * 60_000
#: Leads that one supplier's id may stand for, over all campaigns and suppliers of a plan.
CANDIDATES_MAX = 10_000
_COORDINATES = re.compile(r"(?:leads\.received-)?(\d+)@(\d+)")


class NotFound(LeadflowError):
    """No such lead; the message says where was looked."""


class Ambiguous(LeadflowError):
    """The supplier's id stands for several leads; the message lists them."""


class Placed(NamedTuple):
    """A record and where it stands."""

    record: Record
    at: TopicPartition
    offset: int
    time_ms: int

    @property
    def coordinates(self) -> str:
        """Return `topic-partition@offset`."""
        return f"{self.at.topic}-{self.at.partition}@{self.offset}"


class Place(NamedTuple):
    """The partition and offset of `leads.received` at which a lead came in."""

    partition: int
    offset: int


@dataclass(slots=True)
class Story:
    """What was found of a lead; what is missing has not happened, or is no longer kept.

    `received` maps where it came in to the record there (None when it is no longer kept); a repeat comes in more
    than once. `deliveries` maps a sale_id to the buyer's record. `plans` holds the versions that were decided by.
    """

    lead_id: str
    received: dict[Place, Placed | None] = field(default_factory=dict)
    unique: LeadUnique | None = None
    rejected: list[LeadRejected] = field(default_factory=list)
    scored: LeadScored | None = None
    sold: list[LeadSold] = field(default_factory=list)
    unfilled: list[RightUnfilled] = field(default_factory=list)
    closed: LeadClosed | None = None
    dead: list[DeadLetter] = field(default_factory=list)
    deliveries: dict[str, Placed] = field(default_factory=dict)
    plans: dict[int, CompiledPlan] = field(default_factory=dict)

    def plan(self) -> CompiledPlan | None:
        """Return the version that the lead was routed by, else the one it was checked by; None when unknown."""
        ends: list[LeadSold | RightUnfilled] = [*self.sold, *self.unfilled]
        versions = [end.plan_version for end in ends] or [fact.plan_version for fact in self.rejected]
        if self.unique is not None:
            versions.append(self.unique.slip.plan_version)
        return next((self.plans[version] for version in versions if version in self.plans), None)


def gather(way: Reach, name: str) -> Story:
    """Return the story of the lead that `name` stands for.

    Raises:
        NotFound, Ambiguous, Unreachable.
    """
    search = _Search(way)
    if match := _COORDINATES.fullmatch(name):
        return search.at(Place(int(match[1]), int(match[2])))
    if _is_uuid(name) and (story := search.by_id(name.lower())) is not None:
        return story
    return search.by_name(_identities(way.plan().plan, name), name)  # also suppliers name their leads by UUIDs


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _identities(plan: Plan, supplier_lead_id: str) -> dict[str, str]:
    """Return every lead_id that the supplier's id may have become, with what it would be in words.

    An identity is computed, so no search is needed.
    """
    may_be = (
        (supplier.id, terms.campaign_id, test)
        for supplier in plan.suppliers
        for terms in supplier.campaigns
        for test in (False, True)
    )
    return {
        identity(supplier, campaign, supplier_lead_id, test=test): f"of {supplier}, {campaign}, {_kind(test)}"
        for supplier, campaign, test in islice(may_be, CANDIDATES_MAX)
    }


def _kind(test: bool) -> str:
    return "test" if test else "live"


class _Search:
    """One search: knows how topics are spread, and reads no partition twice."""

    def __init__(self, way: Reach) -> None:
        self._way = way
        self._counts = way.reader.topics()

    def by_id(self, lead_id: str) -> Story | None:
        """Tell the lead of this id; None when it was never seen."""
        found = self._seen({lead_id})
        return self._tell(lead_id, found[lead_id] - EARLIER_MS) if found else None

    def by_name(self, may_be: Mapping[str, str], name: str) -> Story:
        """Tell the one lead among these ids that was ever seen. Raises NotFound, Ambiguous."""
        found = self._seen(set(may_be))
        if not found:
            raise NotFound(
                f"no lead {name!r} in {UNIQUE} and {REJECTED} of {self._way.settings.kafka}; a lead is named by its "
                "lead_id, its supplier's id, or where it came in (3@1234); a lead just sent may not be there yet"
            )
        if len(found) > 1:
            listed = "\n".join(
                f"  leadflow lead show {lead_id}   {words}" for lead_id, words in may_be.items() if lead_id in found
            )
            raise Ambiguous(f"{name!r} stands for {len(found)} leads:\n{listed}")
        ((lead_id, since_ms),) = found.items()
        return self._tell(lead_id, since_ms - EARLIER_MS)

    def _seen(self, lead_ids: set[str]) -> dict[str, int]:
        """Return those of the ids that a lead was given, each with the time of a fact of it."""
        found: dict[str, int] = {}
        for topic in (UNIQUE, REJECTED):
            found |= self._newest(topic, lead_ids - found.keys())
        return found

    def at(self, place: Place) -> Story:
        """Tell the lead that came in at a place; one that no stage could read has a story of its own."""
        placed = self._received(place)
        if placed is None:
            raise NotFound(f"no record at {RECEIVED}-{place.partition}@{place.offset}, or it is no longer kept")
        lead = placed.record
        lead_id = ""
        if isinstance(lead, LeadReceived):
            lead_id = identity(lead.supplier_id, lead.campaign_id, lead.supplier_lead_id, test=lead.test)
        story = self._tell(lead_id, placed.time_ms - EARLIER_MS) if lead_id else Story("")
        story.received.setdefault(place, placed)
        if not story.unique and not story.rejected:  # rejected without an identity: found by its place
            here = self._rejected_at(place, placed.time_ms)
            story.rejected += here
        story.dead += self._dead(place, lead_id, story)
        return story

    def _newest(self, topic: str, keys: set[str]) -> dict[str, int]:
        """Return the time of the newest record of each key that has one, looking backwards."""
        found: dict[str, int] = {}
        by_partition: dict[int, set[bytes]] = {}
        for key in keys if topic in self._counts else ():
            number = partition_of(key.encode(), self._counts[topic])
            by_partition.setdefault(number, set()).add(key.encode())
        for number, wanted in by_partition.items():
            for message in self._backwards(TopicPartition(topic, number), wanted):
                found[(message.key or b"").decode()] = message.timestamp_ms
        return found

    def _backwards(self, at: TopicPartition, wanted: set[bytes]) -> Iterator[Message]:
        """Yield records with one of the keys, chunk by chunk from the newest, until each key was met."""
        bounds = self._way.reader.bounds([at])[at]
        end, left = bounds.end, set(wanted)
        while left and end > bounds.start:
            start = max(bounds.start, end - BACK_RECORDS)
            for message in self._way.reader.read({at: (start, end)}):
                if message.key in wanted:
                    left.discard(message.key)
                    yield message
            end = start

    def _tell(self, lead_id: str, since_ms: int) -> Story:
        story = Story(lead_id)
        for placed in self._of_lead(lead_id, since_ms):
            _take(story, placed.record)
        places = {Place(f.received_partition, f.received_offset) for f in story.rejected}
        if story.unique is not None:
            places.add(Place(story.unique.slip.received_partition, story.unique.slip.received_offset))
        for place in sorted(places):
            story.received[place] = self._received(place)
        for sale in story.sold:
            self._add_delivery(story, sale, since_ms)
        self._add_plans(story)
        if story.unique is not None and story.closed is None:
            story.dead += self._dead(None, lead_id, story)
        return story

    def _of_lead(self, lead_id: str, since_ms: int) -> Iterator[Placed]:
        """Yield every fact of the lead, and the lead itself, in the order of its way."""
        key = lead_id.encode()
        topics = [topic for topic in (REJECTED, UNIQUE, SCORED, SOLD, UNFILLED, CLOSED) if topic in self._counts]
        own = [TopicPartition(topic, partition_of(key, self._counts[topic])) for topic in topics]
        yield from self._since(own, since_ms, lambda message: message.key == key)

    def _since(self, own: list[TopicPartition], since_ms: int, wanted: Callable[[Message], bool]) -> Iterator[Placed]:
        reader = self._way.reader
        starts, ends = reader.offsets_at(own, since_ms), reader.ends(own)
        for message in reader.read({at: Bounds(starts[at], ends[at]) for at in own}):
            if wanted(message) and (placed := self._placed(message)) is not None:
                yield placed

    def _placed(self, message: Message) -> Placed | None:
        if message.value is None:
            return None
        record = self._way.codec.decode(message.value)
        return Placed(record, TopicPartition(message.topic, message.partition), message.offset, message.timestamp_ms)

    def _received(self, place: Place) -> Placed | None:
        message = self._way.reader.at(TopicPartition(RECEIVED, place.partition), place.offset)
        if message is None:
            return None
        try:
            return self._placed(message)
        except LeadflowError:
            at = TopicPartition(RECEIVED, place.partition)
            return Placed(Record(), at, place.offset, message.timestamp_ms)  # unreadable: its place and time are known

    def _rejected_at(self, place: Place, time_ms: int) -> list[LeadRejected]:
        partitions = self._way.reader.partitions(REJECTED)
        found = self._since(partitions, time_ms - EARLIER_MS, lambda message: not message.key)
        facts = [placed.record for placed in found if isinstance(placed.record, LeadRejected)]
        return [f for f in facts if (f.received_partition, f.received_offset) == place]

    def _add_delivery(self, story: Story, sale: LeadSold, since_ms: int) -> None:
        """Find the buyer's own record of a sale."""
        partitions = self._way.reader.partitions(buyer_topic(sale.buyer_id))
        for placed in self._since(partitions, since_ms, lambda message: message.key == sale.lead_id.encode()):
            if isinstance(placed.record, BuyerLead) and placed.record.sale_id == sale.sale_id:
                story.deliveries[sale.sale_id] = placed

    def _dead(self, place: Place | None, lead_id: str, story: Story) -> list[DeadLetter]:
        """Return the dead letters of a lead: by where it came in, and by its id further on."""
        topics = [topic for topic in self._counts if topic.endswith(dead_topic(""))]
        known = {(letter.topic, letter.partition, letter.offset) for letter in story.dead}
        found = []
        for message in self._way.reader.scan(*topics):
            placed = self._placed(message)
            letter = placed.record if placed else None
            if isinstance(letter, DeadLetter) and (letter.topic, letter.partition, letter.offset) not in known:
                here = place is not None and (letter.topic, letter.partition, letter.offset) == (RECEIVED, *place)
                if here or (lead_id and letter.topic != RECEIVED and letter.key == lead_id.encode()):
                    found.append(letter)
        return found

    def _add_plans(self, story: Story) -> None:
        wanted: set[int] = {fact.plan_version for fact in _with_plan(story)}
        if story.unique is not None:
            wanted.add(story.unique.slip.plan_version)
        for record in self._way.plan_versions() if wanted else []:
            if record.version in wanted:
                story.plans[record.version] = _compiled(record)


def _compiled(record: PlanVersion) -> CompiledPlan:
    return compile_plan(from_json(record.plan_json), record.version)


def _with_plan(story: Story) -> Iterable[LeadSold | RightUnfilled | LeadRejected]:
    return [*story.sold, *story.unfilled, *story.rejected]


def _take(story: Story, record: Record) -> None:
    match record:
        case LeadUnique():
            story.unique = record
        case LeadScored():
            story.scored = record
        case LeadClosed():
            story.closed = record
        case LeadRejected():
            story.rejected.append(record)
        case LeadSold():
            story.sold.append(record)
        case RightUnfilled():
            story.unfilled.append(record)
