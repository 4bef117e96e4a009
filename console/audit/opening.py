"""Opens the records of a lead, reading what they have in common once, byte by byte the same.

A lead's slip is in its unique and scored record and in each Offer, its score in the latter two; the trace of an Offer
is mostly that of the sale that comes of it, whose attributes are the slip's. What was read is kept while the lead is
open: a record that goes on with the same bytes holds the same values, for no value's bytes begin another one's.
The rest, other schemas too, goes through `Slips` and the codec.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from console.audit.cases import Sent, Sold
from schemas.avro_files import self_contained
from schemas.codec import FRAME_BYTES, TYPES, Codec, own_reader
from schemas.compiled_readers import BROKEN, compile_reader
from schemas.records import BuyerLead, Candidate, LeadReceived, LeadSold, Right, Score, Slip, Step
from schemas.repeated import Reader, sized_end
from schemas.route import Route
from schemas.slip import Slips

#: A slip begins with the lead's id, a LeadSold with the sale's: one byte of length, then 36 characters.
ID_BYTES: Final = 37
#: Where a LeadSold names its lead: behind the frame and its own id.
_LEAD_OF_SALE: Final = FRAME_BYTES + ID_BYTES


class Opened(NamedTuple):
    """A record of a lead without its person; `body` is the person, as bytes. `score` is None before scoring."""

    slip: Slip
    score: Score | None
    body: bytes

    def __repr__(self) -> str:
        return f"Opened({self.slip})"


class OpenedOffer(Struct, frozen=True, gc=False):
    """An Offer without its person."""

    slip: Slip
    score: Score
    right: Right
    route: Sequence[Candidate]
    position: int
    trace: tuple[Step, ...]
    body: bytes

    def __repr__(self) -> str:
        return f"OpenedOffer({self.slip}, {self.right})"


class _Head:
    """What was read of a lead, with the bytes that say so; of its traces the one that was read last."""

    __slots__ = ("attributes_bytes", "score", "score_bytes", "slip", "slip_bytes", "trace", "trace_bytes")

    def __init__(self, slip_bytes: bytes, slip: Slip, attributes_bytes: bytes) -> None:
        self.slip_bytes = slip_bytes
        self.slip = slip
        self.attributes_bytes = attributes_bytes
        self.score_bytes = b""
        self.score: Score | None = None
        self.trace_bytes = b""
        self.trace: tuple[Step, ...] = ()


class Openings:
    """Opens records; all of it raises Undecodable, UnknownSchema, Unavailable."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._slips = Slips(codec)
        self._heads: dict[bytes, _Head] = {}
        #: The record that a frame names if its schema is ours, else "".
        self._own: dict[bytes, str] = {}
        self._read_score = own_reader("Score")
        self._read_identity, self._read_attributes, self._read_private = _parts("Slip", "attributes")
        self._read_right, self._read_route, self._read_position, self._read_trace = (
            compile_reader(self_contained("Offer"), TYPES, (name,)) for name in ("right", "route", "position", "trace")
        )
        self._read_sale, _, self._read_origin = _parts("LeadSold", "trace", "attributes")
        self._read_sent = compile_reader(self_contained("LeadReceived"), TYPES, Sent._fields)
        self._read_sold = compile_reader(self_contained("BuyerLead"), TYPES, Sold._fields)
        self.lead_of = self._slips.lead_of

    def forget(self, lead_id: str) -> None:
        """Drop what is kept of a lead."""
        self._heads.pop(b"\x48" + lead_id.encode(), None)

    def received(self, value: bytes) -> Sent:
        """Read what identifies a received lead; what its body holds is not looked at where the schema is ours."""
        if not self._is_own(value, "LeadReceived"):
            lead = self._codec.decode_as(value, LeadReceived)
            return Sent(lead.supplier_lead_id, lead.campaign_id, lead.supplier_id, lead.submitted_at, lead.test)
        try:
            return Sent(*self._read_sent(value, FRAME_BYTES)[0])
        except BROKEN as error:
            raise self._codec.broken(value, error) from None

    def delivered(self, value: bytes) -> tuple[Sold, bytes]:
        """Open a BuyerLead: what it says of the sale, and its body."""
        if not self._is_own(value, "BuyerLead"):
            record = self._codec.decode_as(value, BuyerLead)
            return Sold(*(getattr(record, name) for name in Sold._fields)), self._slips.body_of(record.lead)
        try:
            sold, end = self._read_sold(value, FRAME_BYTES)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return Sold(*sold), self._body(value, end)

    def sold(self, value: bytes) -> LeadSold:
        """Read a LeadSold."""
        head = self._heads.get(value[_LEAD_OF_SALE : _LEAD_OF_SALE + ID_BYTES])
        if head is None or not self._is_own(value, "LeadSold"):
            return self._codec.decode_as(value, LeadSold)
        try:
            sale, end = self._read_sale(value, FRAME_BYTES)
            trace, end = self._trace(head, value, end)
            attributes = head.slip.attributes
            if value.startswith(head.attributes_bytes, end):
                end += len(head.attributes_bytes)
            else:
                (attributes,), end = self._read_attributes(value, end)
            origin, end = self._read_origin(value, end)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        if end != len(value):
            raise self._codec.broken(value, IndexError())
        return LeadSold(*(*sale, trace, attributes, *origin))

    def unique(self, value: bytes) -> Opened:
        """Open a LeadUnique."""
        if not self._is_own(value, "LeadUnique"):
            slip, _, body = self._slips.open_unique(value)
            return Opened(slip, None, body)
        try:
            head = self._head(value)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return Opened(head.slip, None, self._body(value, FRAME_BYTES + len(head.slip_bytes)))

    def scored(self, value: bytes) -> Opened:
        """Open a LeadScored."""
        if not self._is_own(value, "LeadScored"):
            slip, score, _, body = self._slips.open_scored(value)
            return Opened(slip, score, body)
        try:
            head, score, end = self._scored(value)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return Opened(head.slip, score, self._body(value, end))

    def offer(self, value: bytes) -> OpenedOffer:
        """Open an Offer."""
        if not self._is_own(value, "Offer"):
            told, _, body = self._slips.open_offer(value)
            return OpenedOffer(told.slip, told.score, told.right, told.route, told.position, told.trace, body)
        try:
            head, score, end = self._scored(value)
            (right,), end = self._read_right(value, end)
            route, end = self._route(value, end)
            (position,), end = self._read_position(value, end)
            trace, end = self._trace(head, value, end)
        except BROKEN as error:
            raise self._codec.broken(value, error) from None
        return OpenedOffer(head.slip, score, right, route, position, trace, self._body(value, end))

    def reroute(self, value: bytes) -> tuple[Opened, Right, tuple[Step, ...]]:
        """Open a Reroute."""
        head, _, body = self._slips.open_reroute(value)
        return Opened(head.slip, head.score, body), head.right, head.trace

    def _is_own(self, value: bytes, name: str) -> bool:
        """Whether a value is of this record, written by the very schema that we write with."""
        frame = value[:FRAME_BYTES]
        own = self._own.get(frame)
        if own is None:
            kind = self._codec.record_type(value)
            own = self._own[frame] = kind.__name__ if self._codec.is_own(value) else ""
        return own == name

    def _head(self, value: bytes) -> _Head:
        key = value[FRAME_BYTES : FRAME_BYTES + ID_BYTES]
        head = self._heads.get(key)
        if head is None or not value.startswith(head.slip_bytes, FRAME_BYTES):
            identity, start = self._read_identity(value, FRAME_BYTES)
            (attributes,), behind = self._read_attributes(value, start)
            private, end = self._read_private(value, behind)
            slip = Slip(*(*identity, attributes, *private))
            head = self._heads[key] = _Head(value[FRAME_BYTES:end], slip, value[start:behind])
        return head

    def _scored(self, value: bytes) -> tuple[_Head, Score, int]:
        head = self._head(value)
        start = FRAME_BYTES + len(head.slip_bytes)
        if head.score is None or not value.startswith(head.score_bytes, start):
            head.score, end = self._read_score(value, start)
            head.score_bytes = value[start:end]
        assert head.score is not None  # noqa: S101 - read just above, or known
        return head, head.score, start + len(head.score_bytes)

    def _trace(self, head: _Head, value: bytes, start: int) -> tuple[tuple[Step, ...], int]:
        if not head.trace_bytes or not value.startswith(head.trace_bytes, start):
            (head.trace,), end = self._read_trace(value, start)
            head.trace_bytes = value[start:end]
        return head.trace, start + len(head.trace_bytes)

    def _route(self, value: bytes, start: int) -> tuple[Sequence[Candidate], int]:
        """Return the route, to be read as far as it is asked for, and where it ends."""
        end = sized_end(value, start)
        if end:
            return Route(value[start:end]), end
        (route,), end = self._read_route(value, start)
        return route, end

    def _body(self, value: bytes, end: int) -> bytes:
        if end >= len(value):
            raise self._codec.broken(value, IndexError())
        return value[end:]


def _parts(record: str, *middle: str) -> tuple[Reader, Reader, Reader]:
    """Return readers of the fields before some that follow each other, of these, and of those behind them."""
    schema = self_contained(record)
    names = [field["name"] for field in schema["fields"]]
    start, end = names.index(middle[0]), names.index(middle[-1]) + 1
    before, within, behind = (compile_reader(schema, TYPES, each) for each in (names[:start], middle, names[end:]))
    return before, within, behind
