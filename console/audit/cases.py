"""What is known of a lead that is on its way: every record about it, until all of them are there and agree.

A case is put together from records in any order; nothing here judges. It is dropped when its lead has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from console.audit.findings import Place
from schemas.records import (
    Candidate,
    LeadClosed,
    LeadSold,
    Right,
    RightUnfilled,
    Score,
    Slip,
    Step,
)

#: Partition and offset in leads.received: a lead's only identity before anybody has looked into it.
Origin = tuple[int, int]
#: Leg, round and index of a right within its lead.
RightKey = tuple[int, int, int]


class Sent(NamedTuple):
    """What identifies a received lead and its time; the person is not read."""

    supplier_lead_id: str
    campaign_id: str
    supplier_id: str
    submitted_at: int
    test: bool


class Received(Struct, frozen=True, gc=False):
    """A received record; `sent` is None when it cannot be read. `at_ms`: the broker's time."""

    at: Place
    at_ms: int
    sent: Sent | None


class Sold(NamedTuple):
    """What a buyer's record says of its sale, in the order of the record."""

    lead_id: str
    sale_id: str
    sold_at: int
    price_minor: int
    currency: str
    test: bool


class Standing(NamedTuple):
    """What an inbox had said of a buyer before an Offer: its terms' plan version (0: not seen), pauses by contract."""

    version: int
    pauses: Mapping[str, int]


class Offered(Struct, frozen=True, gc=False):
    """A right that waits at a buyer's owner, since `at_ms` by the broker's clock."""

    at: Place
    at_ms: int
    right: Right
    route: Sequence[Candidate]
    position: int
    trace: tuple[Step, ...]
    standing: Standing

    @property
    def buyer_id(self) -> str:
        """Whom it asks."""
        return self.route[self.position].buyer_id


class Rerouted(Struct, frozen=True, gc=False):
    """A right on its way back to the router."""

    at: Place
    trace: tuple[Step, ...]


class Sale(Struct, frozen=True, gc=False):
    """A sale, where it stands, and since when by the broker's clock."""

    at: Place
    fact: LeadSold
    at_ms: int


class Unfilled(Struct, frozen=True, gc=False):
    """A right that ended without a buyer, and where it stands."""

    at: Place
    fact: RightUnfilled


class Closing(Struct, frozen=True, gc=False):
    """A closing, and where it stands."""

    at: Place
    fact: LeadClosed


class Delivered(Struct, frozen=True, gc=False):
    """A record of a buyer's topic."""

    at: Place
    buyer_id: str
    sold: Sold
    body: bytes

    def __repr__(self) -> str:
        return f"Delivered({self.buyer_id}, {self.sold})"


class Extra(NamedTuple):
    """A record that says again what one before it has said; a retry of a dead letter may explain it."""

    at: Place
    what: str
    sold: bool = False


class Flow:
    """One passage of a lead through intake and scoring: more than one where a repeat was only known to routing."""

    __slots__ = ("asked", "body", "received", "repeat", "score", "scored", "slip", "unique", "values")

    def __init__(self) -> None:
        self.received: Received | None = None
        self.slip: Slip | None = None
        self.body: bytes = b""
        #: What conditions may ask of the lead: its slip's, and all of its fields once the unique record is read.
        self.asked: Mapping[str, str] = {}
        #: All of its fields, once the unique record is read.
        self.values: dict[str, str] | None = None
        self.unique: Place | None = None
        self.scored: Place | None = None
        self.score: Score | None = None
        self.repeat: Place | None = None


class Known(Struct, frozen=True, gc=False):
    """What a lead was when it was routed; `asked`: the fields that conditions may ask of it."""

    slip: Slip
    score: Score
    asked: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Known({self.slip.lead_id})"


class RightCase:
    """Where one right has been, and how it ended."""

    __slots__ = ("offers", "reroutes", "sold", "unfilled")

    def __init__(self) -> None:
        self.offers: list[Offered] = []
        self.reroutes: list[Rerouted] = []
        self.sold: Sale | None = None
        self.unfilled: Unfilled | None = None

    @property
    def ends(self) -> int:
        """How many ends it has."""
        return (self.sold is not None) + (self.unfilled is not None)

    @property
    def end(self) -> Sale | Unfilled | None:
        """Its end; the sale where there are two."""
        return self.sold or self.unfilled

    @property
    def end_rights(self) -> int:
        """How many rights its lead has, as its end says; 0 while there is none."""
        end = self.end
        return end.fact.rights if end is not None else 0


class Case:
    """All about one lead. `key`: the digest of its id; `again`: a lead of this id has ended before.

    `since_ms`: the broker's time of its first record, or of when it was sent back.

    `dead` counts dead letters about it by topic, `sent_back` those of them that were sent back. `misfits` are records
    whose lead is not the lead of the others.
    """

    __slots__ = (
        "again",
        "closed",
        "dead",
        "delivered",
        "extras",
        "flows",
        "key",
        "lead_id",
        "misfits",
        "rights",
        "sent_back",
        "since_ms",
        "unreadable",
    )

    def __init__(self, lead_id: str, key: int, since_ms: int, *, again: bool) -> None:
        self.lead_id = lead_id
        self.key = key
        self.since_ms = since_ms
        self.again = again
        self.flows: dict[Origin, Flow] = {}
        self.rights: dict[RightKey, RightCase] = {}
        self.delivered: dict[str, Delivered] = {}
        self.closed: Closing | None = None
        self.extras: list[Extra] = []
        self.misfits: list[Place] = []
        self.dead: dict[str, int] = {}
        self.sent_back: dict[str, int] = {}
        self.unreadable = False

    def flow(self, origin: Origin) -> Flow:
        """Return the passage that began at a received record."""
        found = self.flows.get(origin)
        if found is None:
            found = self.flows[origin] = Flow()
        return found

    def right(self, key: RightKey) -> RightCase:
        """Return the right."""
        found = self.rights.get(key)
        if found is None:
            found = self.rights[key] = RightCase()
        return found

    @property
    def set_aside(self) -> set[str]:
        """The topics of dead letters about it that nobody has sent back."""
        return {topic for topic, letters in self.dead.items() if letters > self.sent_back.get(topic, 0)}

    @property
    def said_again(self) -> bool:
        """Whether each record that was set aside was sent back, and nothing else is said again; most have neither."""
        if not (self.dead or self.extras):
            return True
        return self.dead == self.sent_back == dict(Counter(extra.at.topic for extra in self.extras))

    @property
    def routed(self) -> Flow | None:
        """The passage that was routed: the one that is no repeat; None while that is not known."""
        if len(self.flows) == 1:
            (only,) = self.flows.values()
            return only if only.repeat is None and only.slip is not None else None
        firsts = [flow for flow in self.flows.values() if flow.repeat is None and flow.slip is not None]
        return firsts[0] if len(firsts) == 1 else None

    @property
    def sales(self) -> list[Sale]:
        """The sales, in the order in which they were seen."""
        return [right.sold for right in self.rights.values() if right.sold is not None]

    @property
    def place(self) -> Place:
        """The record that names the lead best: its unique one, or any."""
        return next(self._places(), Place("", 0, 0))

    def _places(self) -> Iterator[Place]:
        for flow in self.flows.values():
            yield from (at for at in (flow.unique, flow.scored, flow.repeat) if at is not None)
        if self.closed is not None:
            yield self.closed.at
        for right in self.rights.values():
            ends = (right.sold, right.unfilled, *right.offers, *right.reroutes)
            yield from (end.at for end in ends if end is not None)
        yield from (got.at for got in self.delivered.values())
        yield from (extra.at for extra in self.extras)
