"""The slip: read what stands in front of the lead's body, and pass the body on as bytes.

An Avro record is the concatenation of its fields, and each record that contains the lead starts with the slip and
ends with the lead. So a stage reads the front, writes its own front, and splices the body through unread (0.24 us
instead of 11). That holds only where the writer's schema is our own, lead included: equal fingerprints, which
`Codec.is_own` tells by the schema's id. Any other value is decoded, resolved and encoded anew.

The front itself is mostly one that this process has just written: the lead's id, which stands first, finds it, and if
all its bytes are the same, so is the value. Slips and scores are therefore shared between stages: never change one.
What is found is forgotten: a record is read once, and what waits to be read is all that has to be remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import msgspec

from schemas.avro_files import self_contained
from schemas.codec import FRAME_BYTES, TYPES, Codec, frame_of, own_reader, own_writer
from schemas.compiled_readers import BROKEN, compile_reader
from schemas.compiled_writers import compile_writer
from schemas.errors import Undecodable
from schemas.recent import Recent
from schemas.records import Candidate, Lead, LeadScored, LeadUnique, Offer, Record, Reroute, Right, Score, Slip, Step
from schemas.repeated import Reader, Writer, remembered, sized_end
from schemas.route import Pool, Route

R = TypeVar("R", bound=Record)

#: A slip begins with the lead's id: one byte of length, then 36 characters.
ID_BYTES = 37
#: Offers remembered of one lead: each of its rights is on its way.
OFFERS_OF_A_LEAD = 4


class OfferHead(msgspec.Struct, frozen=True, gc=False):
    """An Offer without its lead. `route` is read as far as it is asked for, and may raise Undecodable then."""

    slip: Slip
    score: Score
    right: Right
    route: Sequence[Candidate]
    position: int
    trace: tuple[Step, ...]


class RerouteHead(msgspec.Struct, frozen=True, gc=False):
    """A Reroute without its lead."""

    slip: Slip
    score: Score
    right: Right
    trace: tuple[Step, ...]


#: An opened LeadUnique: slip, slip_bytes, body.
Unique = tuple[Slip, bytes, bytes]
#: An opened LeadScored: slip, score, head_bytes, body.
Scored = tuple[Slip, Score, bytes, bytes]
#: An opened Offer: itself without its lead, head_bytes, body.
Opened = tuple[OfferHead, bytes, bytes]


class Slips:
    """Opens and seals the records that carry a lead; `open_*` raise Undecodable, UnknownSchema, Unavailable.

    A body is a Lead's Avro bytes without framing, by our own current schema; `slip_bytes` and `head_bytes` (slip and
    score) are the same of their records. `open_*` does not look into a body that it splices: `lead_of` does.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._frame = {name: frame_of(number) for name, number in codec.ids.items()}
        self._read_slip, self._write_slip = own_reader("Slip"), own_writer("Slip")
        self._read_score, self._write_score = own_reader("Score"), own_writer("Score")
        self._read_lead, self._write_lead = own_reader("Lead"), own_writer("Lead")
        self._read_right, self._write_right = _middle("Offer", "right")
        self._read_route, self._write_route = _middle("Offer", "route")
        self._read_standing, self._write_standing = _middle("Offer", "position", "trace")
        self._read_reroute, self._write_reroute = _middle("Reroute", "right", "trace")
        self._slips: Recent[bytes, tuple[bytes, Slip]] = Recent()
        self._heads: Recent[bytes, tuple[bytes, Slip, Score]] = Recent()
        self._offers: Recent[bytes, tuple[tuple[bytes, Opened], ...]] = Recent()
        self._score_bytes = remembered(own_writer("Score"))
        fields = ("lead_id", "sale_id", "sold_at", "price_minor", "currency", "test")
        _, self._write_buyer_lead = _middle("BuyerLead", *fields)

    # --- opening -------------------------------------------------------------------------------------------

    def open_unique(self, value: bytes) -> Unique:
        """Return (slip, slip_bytes, body) of a LeadUnique."""
        value = self._own(value, LeadUnique)
        known = self._slips.take(value[FRAME_BYTES : FRAME_BYTES + ID_BYTES])
        if known is None or not value.startswith(known[0], FRAME_BYTES):
            known = self._unique(value)
        slip_bytes, slip = known
        return slip, slip_bytes, self._body(value, FRAME_BYTES + len(slip_bytes))

    def open_scored(self, value: bytes) -> Scored:
        """Return (slip, score, head_bytes, body) of a LeadScored."""
        value = self._own(value, LeadScored)
        head_bytes, slip, score = self._head(value)
        return slip, score, head_bytes, self._body(value, FRAME_BYTES + len(head_bytes))

    def open_offer(self, value: bytes) -> Opened:
        """Return (offer without lead, head_bytes, body) of an Offer."""
        known = self._known_offer(value)
        if known is not None:
            return known
        value = self._own(value, Offer)
        head_bytes, slip, score = self._head(value)
        try:
            (right,), end = self._read_right(value, FRAME_BYTES + len(head_bytes))
            route, end = self._route(value, end)
            (position, trace), end = self._read_standing(value, end)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return OfferHead(slip, score, right, route, position, trace), head_bytes, self._body(value, end)

    def open_reroute(self, value: bytes) -> tuple[RerouteHead, bytes, bytes]:
        """Return (reroute without lead, head_bytes, body) of a Reroute."""
        value = self._own(value, Reroute)
        head_bytes, slip, score = self._head(value)
        try:
            (right, trace), end = self._read_reroute(value, FRAME_BYTES + len(head_bytes))
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return RerouteHead(slip, score, right, trace), head_bytes, self._body(value, end)

    def lead_of(self, body: bytes) -> Lead:
        """Return the lead of a body. Raises Undecodable."""
        try:
            lead, end = self._read_lead(body, 0)
        except BROKEN:
            end = -1
        if end != len(body):
            raise Undecodable(f"the lead's body of {len(body)} bytes is not a Lead")
        found: Lead = lead
        return found

    # --- sealing -------------------------------------------------------------------------------------------

    def body_of(self, lead: Lead) -> bytes:
        """Return the body of a lead."""
        return self._write_lead(lead)

    def slip_bytes_of(self, slip: Slip) -> bytes:
        """Return the bytes of a slip."""
        return self._write_slip(slip)

    def seal_body(self, slip: Slip, body: bytes) -> bytes:
        """Return a framed LeadUnique whose lead is written already."""
        slip_bytes = self._write_slip(slip)
        self._slips.put(slip_bytes[:ID_BYTES], (slip_bytes, slip))
        return b"".join((self._frame["LeadUnique"], slip_bytes, body))

    def seal_scored(self, unique: Unique, score: Score) -> bytes:
        """Return a framed LeadScored of an opened LeadUnique."""
        slip, slip_bytes, body = unique
        head_bytes = slip_bytes + self._score_bytes[score]
        self._heads.put(slip_bytes[:ID_BYTES], (head_bytes, slip, score))
        return b"".join((self._frame["LeadScored"], head_bytes, body))

    def seal_offer(
        self, scored: Scored, right: Right, route: Sequence[Candidate], position: int, trace: Sequence[Step]
    ) -> bytes:
        """Return a framed Offer of an opened LeadScored."""
        slip, score, head_bytes, body = scored
        if not isinstance(route, Route):
            route = Pool(route).route(range(len(route))) if route else Route(self._write_route(route))
        trace = tuple(trace)
        standing = self._write_standing(position, trace)
        value = b"".join((self._frame["Offer"], head_bytes, self._write_right(right), route.written, standing, body))
        head = OfferHead(slip, score, right, route, position, trace)
        self._know_offer(value, (head, head_bytes, body))
        return value

    def seal_reroute(self, head_bytes: bytes, right: Right, trace: Sequence[Step], body: bytes) -> bytes:
        """Return a framed Reroute."""
        return b"".join((self._frame["Reroute"], head_bytes, self._write_reroute(right, trace), body))

    def seal_buyer_lead(
        self, lead_id: str, sale_id: str, sold_at: int, price_minor: int, currency: str, test: bool, body: bytes
    ) -> bytes:
        """Return a framed BuyerLead; `body` holds only the fields that the buyer's contract names."""
        head = self._write_buyer_lead(lead_id, sale_id, sold_at, price_minor, currency, test)
        return b"".join((self._frame["BuyerLead"], head, body))

    # --- within --------------------------------------------------------------------------------------------

    def _own(self, value: bytes, expected: type[Record]) -> bytes:
        """Return the value as our own schema writes it: itself, or decoded, resolved and encoded anew."""
        if value[:FRAME_BYTES] == self._frame[expected.__name__]:
            return value
        record = self._codec.decode_as(value, expected)
        own = self._frame[expected.__name__]
        return own + value[FRAME_BYTES:] if self._codec.is_own(value) else self._codec.encode(record)

    def _unique(self, value: bytes) -> tuple[bytes, Slip]:
        """Read the slip."""
        try:
            slip, end = self._read_slip(value, FRAME_BYTES)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return value[FRAME_BYTES:end], slip

    def _head(self, value: bytes) -> tuple[bytes, Slip, Score]:
        """Return slip and score with their bytes, as remembered or read."""
        known = self._heads.take(value[FRAME_BYTES : FRAME_BYTES + ID_BYTES])
        if known is not None and value.startswith(known[0], FRAME_BYTES):
            return known
        try:
            slip, end = self._read_slip(value, FRAME_BYTES)
            score, end = self._read_score(value, end)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return value[FRAME_BYTES:end], slip, score

    def _know_offer(self, value: bytes, opened: Opened) -> None:
        """Remember an offer, beside those of the lead's other rights."""
        lead = value[FRAME_BYTES : FRAME_BYTES + ID_BYTES]
        others = self._offers.get(lead) if opened[0].right.rights > 1 else None
        known = (value, opened)
        self._offers.put(lead, (known,) if others is None else (known, *others[: OFFERS_OF_A_LEAD - 1]))

    def _known_offer(self, value: bytes) -> Opened | None:
        """Return an offer that was remembered, and forget it."""
        lead = value[FRAME_BYTES : FRAME_BYTES + ID_BYTES]
        known = self._offers.take(lead)
        if known is None:
            return None
        if len(known) == 1 and known[0][0] == value:
            return known[0][1]
        found = next((opened for written, opened in known if written == value), None)
        self._offers.put(lead, tuple([one for one in known if one[1] is not found]))
        return found

    def _route(self, value: bytes, start: int) -> tuple[Sequence[Candidate], int]:
        """Return the route and where it ends: unread if its end is known, else read."""
        end = sized_end(value, start)
        if end:
            return Route(value[start:end]), end
        (route,), end = self._read_route(value, start)
        return route, end

    def _body(self, value: bytes, end: int) -> bytes:
        """Return what follows the head; a lead is never empty, so a head that reaches the end was cut off."""
        if end >= len(value):
            raise self._codec.broken(value, IndexError())
        return value[end:]


@cache
def _middle(record: str, *fields: str) -> tuple[Reader, Writer]:
    """Return reader and writer of the fields between the head and the lead."""
    schema = self_contained(record)
    return compile_reader(schema, TYPES, fields), compile_writer(schema, TYPES, fields)
