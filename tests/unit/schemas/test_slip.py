"""Splicing: what comes out is what decoding and encoding the whole record would give, byte for byte."""

from __future__ import annotations

import copy
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_writer

from schemas.avro_files import current_ids, plain, self_contained
from schemas.codec import FRAME_BYTES, Codec, frame_of
from schemas.errors import Undecodable, UnknownSchema
from schemas.records import BuyerLead, Lead, LeadScored, LeadUnique, Offer, Pause, Reroute
from schemas.route import route_of
from schemas.slip import OfferHead, RerouteHead, Slips
from tests.support.chance import draws
from tests.unit.schemas.examples import TYPES, any_of, filled

CODEC = Codec()
SLIPS = Slips(CODEC)


def head_bytes_of(record: LeadScored | Offer | Reroute) -> bytes:
    """What a scored lead has before its body, as the codec writes it."""
    whole = CODEC.encode(LeadScored(record.slip, record.score, record.lead))
    return whole[FRAME_BYTES : -len(SLIPS.body_of(record.lead))]


def test_a_unique_lead_is_sealed_and_opened() -> None:
    for _, draw in draws(30):
        record: LeadUnique = any_of(LeadUnique, draw)
        unique = SLIPS.unique(record.slip, SLIPS.body_of(record.lead))
        assert SLIPS.seal_unique(unique) == CODEC.encode(record)
        assert SLIPS.open_unique(CODEC.encode(record)) == unique
        slip, slip_bytes, body = unique
        assert (slip, slip_bytes) == (record.slip, SLIPS.slip_bytes_of(slip))
        assert SLIPS.lead_of(body) == record.lead


def test_a_scored_lead_is_sealed_and_opened() -> None:
    for _, draw in draws(30):
        record: LeadScored = any_of(LeadScored, draw)
        scored = SLIPS.scored(SLIPS.unique(record.slip, SLIPS.body_of(record.lead)), record.score)
        assert scored == (record.slip, record.score, head_bytes_of(record), SLIPS.body_of(record.lead))
        assert SLIPS.seal_scored(scored) == CODEC.encode(record)
        assert SLIPS.open_scored(CODEC.encode(record)) == scored


def test_an_offer_is_sealed_and_opened() -> None:
    for _, draw in draws(30):
        record: Offer = any_of(Offer, draw)
        head_bytes, body = head_bytes_of(record), SLIPS.body_of(record.lead)
        scored = record.slip, record.score, head_bytes, body
        offer = SLIPS.offer(scored, record.right, record.route, record.position, record.trace)
        route = route_of(record.route)
        head = OfferHead(record.slip, record.score, record.right, route, record.position, record.trace)
        assert offer == (head, head_bytes, body)
        assert SLIPS.seal_offer(offer) == CODEC.encode(record)
        assert SLIPS.open_offer(CODEC.encode(record)) == offer


def test_a_reroute_is_sealed_and_opened() -> None:
    for _, draw in draws(30):
        record: Reroute = any_of(Reroute, draw)
        head_bytes, body = head_bytes_of(record), SLIPS.body_of(record.lead)
        value = SLIPS.seal_reroute(head_bytes, record.right, record.trace, body)
        assert value == CODEC.encode(record)
        head = RerouteHead(record.slip, record.score, record.right, record.trace)
        assert SLIPS.open_reroute(value) == (head, head_bytes, body)


def test_a_buyers_lead_is_sealed() -> None:
    record: BuyerLead = filled(BuyerLead)
    body = SLIPS.body_of(record.lead)
    value = SLIPS.seal_buyer_lead(
        record.lead_id, record.sale_id, record.sold_at, record.price_minor, record.currency, record.test, body
    )
    assert CODEC.decode(value) == record


# --- when the writer was not us --------------------------------------------------------------------------------


def earlier_release(record: str) -> dict[str, Any]:
    """A schema whose Lead had no `city` yet and one field that is gone, so that its body must not be spliced."""
    schema = copy.deepcopy(self_contained(record))
    lead = schema["fields"][-1]["type"]
    lead["fields"] = [field for field in lead["fields"] if field["name"] != "city"]
    lead["fields"].insert(0, {"name": "salutation", "type": ["null", "string"], "default": None})
    return schema


def without_city(lead: Lead) -> Lead:
    return Lead(**{name: getattr(lead, name) for name in Lead.__struct_fields__ if name != "city"})


def bytes_of_earlier(record: Any) -> bytes:
    out = BytesIO()
    datum = msgspec.to_builtins(record)
    datum["lead"]["salutation"] = "Ms"
    del datum["lead"]["city"]
    schemaless_writer(out, plain(earlier_release(type(record).__name__)), datum)
    return frame_of(77) + out.getvalue()


@pytest.mark.parametrize(
    ("name", "opener"),
    [
        ("LeadUnique", SLIPS.open_unique),
        ("LeadScored", SLIPS.open_scored),
        ("Offer", SLIPS.open_offer),
        ("Reroute", SLIPS.open_reroute),
    ],
)
def test_a_body_of_another_schema_is_decoded_resolved_and_encoded(name: str, opener: Any) -> None:
    slips = Slips(Codec(lookup=lambda _: earlier_release(name)))
    record = filled(TYPES[name])
    opened = getattr(slips, opener.__name__)(bytes_of_earlier(record))
    whole = TYPES[name](
        **{f: getattr(record, f) for f in record.__struct_fields__[:-1]}, lead=without_city(record.lead)
    )
    assert opened == opener(CODEC.encode(whole))
    assert slips.lead_of(opened[-1]) == without_city(record.lead)


def test_a_body_of_our_own_schema_under_another_id_is_spliced() -> None:
    slips = Slips(Codec(lookup=lambda _: self_contained("LeadScored")))
    value = CODEC.encode(filled(LeadScored))
    assert slips.open_scored(frame_of(9) + value[5:]) == SLIPS.open_scored(value)


def test_another_record_is_undecodable_and_an_unknown_one_unknown() -> None:
    with pytest.raises(Undecodable, match="a Pause where a LeadUnique is expected"):
        SLIPS.open_unique(CODEC.encode(filled(Pause)))
    with pytest.raises(UnknownSchema):
        SLIPS.open_unique(frame_of(9) + b"x")


def test_a_head_that_reaches_the_end_was_cut_off() -> None:
    value = CODEC.encode(filled(LeadUnique))
    body = SLIPS.body_of(filled(LeadUnique).lead)
    fresh = Slips(Codec())
    with pytest.raises(Undecodable, match=r"not a LeadUnique .*ends too early"):
        fresh.open_unique(value[: -len(body)])


def test_ids_of_a_registry_stand_in_front() -> None:
    slips = Slips(Codec(ids={name: number - 1_000_000 + 5 for name, number in current_ids().items()}))
    lead = filled(LeadUnique)
    assert slips.seal_unique(slips.unique(lead.slip, slips.body_of(lead.lead)))[:5] == frame_of(
        current_ids()["LeadUnique"] - 1_000_000 + 5
    )
    assert isinstance(CODEC.decode(SLIPS.seal_unique(SLIPS.unique(lead.slip, SLIPS.body_of(lead.lead)))), LeadUnique)
