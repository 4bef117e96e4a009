"""Whatever stands on a topic, decoding ends at once, with a record or with Poison."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from schemas.avro_files import current_ids, self_contained
from schemas.codec import Codec, frame_of
from schemas.errors import Poison, Undecodable
from schemas.slip import Slips
from schemas.varints import write_long
from tests.support.chance import draws
from tests.unit.schemas.examples import TYPES, filled


def upstream_schema() -> dict[str, Any]:
    """An upstream team's LeadReceived: fewer fields, some of its own, other types that Avro promotes."""
    schema = copy.deepcopy(self_contained("LeadReceived"))
    kept = ("supplier_lead_id", "campaign_id", "supplier_id", "submitted_at", "email", "fields")
    own = [
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "utm", "type": {"type": "map", "values": ["null", "double"]}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["WEB", "CALL"]}},
    ]
    schema["fields"] = [*own, *(field for field in schema["fields"] if field["name"] in kept)]
    schema["namespace"] = "com.example.forms"
    return schema


CODEC = Codec(extra={42: upstream_schema()})
SLIPS = Slips(CODEC)
IDS = [*current_ids().values(), 42]
HUGE = [write_long(number) for number in (2**62, -(2**62), 2**31, -1, -(2**63))]


def any_bytes(draw: random.Random) -> bytes:
    """Return bytes by chance, or such among which lengths stand that no value has."""
    if draw.random() < 0.5:
        return draw.randbytes(draw.choice((0, 1, 5, 40, 200)))
    parts = [draw.choice((draw.choice(HUGE), draw.randbytes(draw.randint(0, 6)))) for _ in range(draw.randint(1, 20))]
    return b"".join(parts)


def ends(read: Callable[[bytes], object], value: bytes) -> None:
    with contextlib.suppress(Poison):
        read(value)


@pytest.mark.parametrize("number", IDS)
def test_any_bytes_end_as_a_record_or_as_poison(number: int) -> None:
    for value in (HUGE[1] + write_long(5) + b"\x00" * 20, b"\x02" * 200, *(any_bytes(draw) for _, draw in draws(40))):
        ends(CODEC.decode, frame_of(number) + value)


def test_any_frame_ends_as_a_record_or_as_poison() -> None:
    for _, draw in draws(200):
        value = draw.choice((b"", b"\x00", frame_of(draw.choice(IDS)))) + draw.randbytes(draw.randint(0, 40))
        ends(CODEC.decode, value)
        ends(CODEC.record_type, value)


@pytest.mark.parametrize("name", ["LeadUnique", "LeadScored", "Offer", "Reroute", "LeadReceived", "DeadLetter"])
def test_a_damaged_record_ends_as_a_record_or_as_poison(name: str) -> None:
    whole = CODEC.encode(filled(TYPES[name]))
    opener = {
        "LeadUnique": SLIPS.open_unique,
        "LeadScored": SLIPS.open_scored,
        "Offer": SLIPS.open_offer,
        "Reroute": SLIPS.open_reroute,
    }.get(name)
    for _, draw in draws(60):
        value = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            value[draw.randrange(5, len(value))] = draw.getrandbits(8)
        damaged = bytes(value[: draw.choice((len(value), draw.randint(5, len(value))))])
        ends(CODEC.decode, damaged)
        if opener is not None:
            ends(opener, damaged)


def test_any_body_ends_as_a_lead_or_as_poison() -> None:
    for _, draw in draws(200):
        ends(SLIPS.lead_of, any_bytes(draw))


def test_a_length_beyond_the_end_takes_no_memory() -> None:
    with pytest.raises(Undecodable, match=r"a length of 4611686018427387904 at byte 5"):
        CODEC.decode(frame_of(current_ids()["LeadReceived"]) + write_long(2**62))
