"""Whatever stands on a topic, decoding ends at once, with a record or with Poison."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.avro_files import current_ids, self_contained
from schemas.codec import Codec, frame_of
from schemas.errors import Poison, Undecodable
from schemas.slip import Slips
from schemas.varints import write_long
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

value_bytes = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(HUGE), st.binary(max_size=6)), max_size=20).map(b"".join),
)


def ends(read: Callable[[bytes], object], value: bytes) -> None:
    with contextlib.suppress(Poison):
        read(value)


@pytest.mark.parametrize("number", IDS)
@settings(max_examples=15, deadline=2000)
@given(value=value_bytes)
@example(value=HUGE[1] + write_long(5) + b"\x00" * 20)
@example(value=b"\x02" * 200)
def test_any_bytes_end_as_a_record_or_as_poison(number: int, value: bytes) -> None:
    ends(CODEC.decode, frame_of(number) + value)


@settings(max_examples=60, deadline=2000)
@given(value=st.binary(max_size=40))
def test_any_frame_ends_as_a_record_or_as_poison(value: bytes) -> None:
    ends(CODEC.decode, value)
    ends(lambda each: CODEC.record_type(each), value)


@pytest.mark.parametrize("name", ["LeadUnique", "LeadScored", "Offer", "Reroute", "LeadReceived", "DeadLetter"])
@settings(max_examples=30, deadline=2000)
@given(data=st.data())
def test_a_damaged_record_ends_as_a_record_or_as_poison(name: str, data: st.DataObject) -> None:
    value = bytearray(CODEC.encode(filled(TYPES[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(5, len(value) - 1))
        value[at] = data.draw(st.integers(0, 255))
    damaged = bytes(value[: data.draw(st.integers(5, len(value)))])
    ends(CODEC.decode, damaged)
    opener = {
        "LeadUnique": SLIPS.open_unique,
        "LeadScored": SLIPS.open_scored,
        "Offer": SLIPS.open_offer,
        "Reroute": SLIPS.open_reroute,
    }.get(name)
    if opener is not None:
        ends(opener, damaged)


@given(st.binary(max_size=200))
def test_any_body_ends_as_a_lead_or_as_poison(body: bytes) -> None:
    ends(SLIPS.lead_of, body)


def test_a_length_beyond_the_end_takes_no_memory() -> None:
    with pytest.raises(Undecodable, match=r"a length of 4611686018427387904 at byte 5"):
        CODEC.decode(frame_of(current_ids()["LeadReceived"]) + write_long(2**62))
