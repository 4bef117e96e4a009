"""The slip: read what stands in front of the lead's body, and pass the body on as bytes.

An Avro record is the concatenation of its fields, and each record that contains the lead starts with the slip and
ends with the lead. So a stage reads the front, writes its own front, and splices the body through unread (0.24 us
instead of 11). That holds only where the writer's schema is our own, lead included: equal fingerprints, which
`Codec.is_own` tells by the schema's id. Any other value is decoded, resolved and encoded anew.

Each of these records is opened to a tuple and sealed from one: `open_x(seal_x(x)) == x`. What a stage has sealed for
another one of its worker need not be opened again (`Message.known`), so slips and scores are shared: never change one.
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
from schemas.records import Candidate, Lead, LeadScored, LeadUnique, Offer, Record, Reroute, Right, Score, Slip, Step
from schemas.repeated import Reader, Writer, remembered, sized_end
from schemas.route import Route, route_of

R = TypeVar("R", bound=Record)


class OfferHead(msgspec.Struct, frozen=True, gc=False):
    """An Offer without its lead. `route` is read as far as it is asked for, and may raise Undecodable then."""

    slip: Slip
    score: Score
    right: Right
    route: Route
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
        self._read_route, _ = _middle("Offer", "route")
        self._read_standing, self._write_standing = _middle("Offer", "position", "trace")
        self._read_reroute, self._write_reroute = _middle("Reroute", "right", "trace")
        self._score_bytes = remembered(own_writer("Score"))
        fields = ("lead_id", "sale_id", "sold_at", "price_minor", "currency", "test")
        _, self._write_buyer_lead = _middle("BuyerLead", *fields)

    # --- opening -------------------------------------------------------------------------------------------

    def open_unique(self, value: bytes) -> Unique:
        """Return (slip, slip_bytes, body) of a LeadUnique."""
        value = self._own(value, LeadUnique)
        try:
            slip, end = self._read_slip(value, FRAME_BYTES)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return slip, value[FRAME_BYTES:end], self._body(value, end)

    def open_scored(self, value: bytes) -> Scored:
        """Return (slip, score, head_bytes, body) of a LeadScored."""
        value = self._own(value, LeadScored)
        head_bytes, slip, score = self._head(value)
        return slip, score, head_bytes, self._body(value, FRAME_BYTES + len(head_bytes))

    def open_offer(self, value: bytes) -> Opened:
        """Return (offer without lead, head_bytes, body) of an Offer."""
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

    # --- putting together, and sealing ----------------------------------------------------------------------

    def body_of(self, lead: Lead) -> bytes:
        """Return the body of a lead."""
        return self._write_lead(lead)

    def slip_bytes_of(self, slip: Slip) -> bytes:
        """Return the bytes of a slip."""
        return self._write_slip(slip)

    def unique(self, slip: Slip, body: bytes) -> Unique:
        """Return a lead with its slip."""
        return slip, self._write_slip(slip), body

    def scored(self, unique: Unique, score: Score) -> Scored:
        """Return a unique lead with its score."""
        slip, slip_bytes, body = unique
        return slip, score, slip_bytes + self._score_bytes[score], body

    def offer(
        self, scored: Scored, right: Right, route: Sequence[Candidate], position: int, trace: Sequence[Step]
    ) -> Opened:
        """Return a right of a scored lead on its route."""
        slip, score, head_bytes, body = scored
        return OfferHead(slip, score, right, route_of(route), position, tuple(trace)), head_bytes, body

    def seal_unique(self, unique: Unique) -> bytes:
        """Return a framed LeadUnique."""
        _, slip_bytes, body = unique
        return b"".join((self._frame["LeadUnique"], slip_bytes, body))

    def seal_scored(self, scored: Scored) -> bytes:
        """Return a framed LeadScored."""
        _, _, head_bytes, body = scored
        return b"".join((self._frame["LeadScored"], head_bytes, body))

    def seal_offer(self, offer: Opened) -> bytes:
        """Return a framed Offer."""
        head, head_bytes, body = offer
        right, standing = self._write_right(head.right), self._write_standing(head.position, head.trace)
        return b"".join((self._frame["Offer"], head_bytes, right, head.route.written, standing, body))

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

    def _head(self, value: bytes) -> tuple[bytes, Slip, Score]:
        """Return slip and score with their bytes."""
        try:
            slip, end = self._read_slip(value, FRAME_BYTES)
            score, end = self._read_score(value, end)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return value[FRAME_BYTES:end], slip, score

    def _route(self, value: bytes, start: int) -> tuple[Route, int]:
        """Return the route and where it ends: unread if its end is known, else read."""
        end = sized_end(value, start)
        if end:
            return Route(value[start:end]), end
        (route,), end = self._read_route(value, start)
        return route_of(route), end

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
