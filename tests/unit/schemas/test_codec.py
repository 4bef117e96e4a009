"""Framing, ids and errors of the codec."""

from __future__ import annotations

import msgspec
import pytest

from schemas.avro_files import current_ids, self_contained
from schemas.codec import Codec, frame_of, schema_id_of
from schemas.errors import Unavailable, Undecodable, UnknownSchema
from schemas.records import LeadReceived, LeadSold, OpenHours, Pause, PlanVersion, Right
from schemas.topics import RECEIVED_BYTES_MAX
from tests.unit.schemas.examples import TYPES, filled

CODEC = Codec()
PAUSE = Pause("supplier", "acme-forms", True, -1, 1_780_000_000_000)


@pytest.mark.parametrize("name", current_ids())
def test_a_record_comes_back_behind_confluents_framing(name: str) -> None:
    record = filled(TYPES[name])
    value = CODEC.encode(record)
    assert value[:1] == b"\x00"
    assert schema_id_of(value) == current_ids()[name]
    assert CODEC.record_type(value) is TYPES[name]
    assert CODEC.decode(value) == record
    assert CODEC.decode_as(value, TYPES[name]) == record
    assert CODEC.is_own(value)


def test_a_record_that_only_travels_inside_others_has_no_id() -> None:
    with pytest.raises(TypeError, match="OpenHours has no id"):
        CODEC.encode(OpenHours(0, 480, 1200))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": None}, "field kind cannot be a NoneType"),
        ({"kind": 4242}, "field kind cannot be a int"),
        ({"until": "4242"}, "field until cannot be a str"),
        ({"at": 2**63}, "field at is beyond its range"),
        ({"id": "\ud8004242"}, "field id is not valid Unicode text"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_the_fields_name_alone(changes: dict[str, object], words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        CODEC.encode(msgspec.structs.replace(PAUSE, **changes))
    assert "4242" not in str(caught.value)


def test_an_int_beyond_32_bits_is_refused() -> None:
    with pytest.raises(TypeError, match="field right is beyond its range"):
        CODEC.encode(msgspec.structs.replace(filled(TYPES["Offer"]), right=filled(Right, number=2**31)))


@pytest.mark.parametrize("value", [b"", b"\x00", b"\x00\x00\x0f\x42", b"\x01\x00\x0f\x42\x40", b"{}"])
def test_bytes_without_framing_are_undecodable(value: bytes) -> None:
    for read in (CODEC.decode, CODEC.record_type, CODEC.is_own):
        with pytest.raises(Undecodable, match="no Confluent framing"):
            read(value)


def test_an_id_that_nobody_knows_is_said_with_where_it_was_looked_for() -> None:
    with pytest.raises(UnknownSchema, match=r"schema id 7 .* LEADFLOW_SCHEMA_REGISTRY"):
        CODEC.decode(frame_of(7) + b"x")
    with pytest.raises(UnknownSchema, match=r"schema id 7 .* the registry"):
        Codec(lookup=lambda _: None).decode(frame_of(7) + b"x")


def test_a_lookup_is_asked_once_and_a_silent_one_is_unavailable() -> None:
    asked: list[int] = []

    def lookup(number: int) -> dict[str, object]:
        asked.append(number)
        if number == 9:
            raise Unavailable("no answer")
        return self_contained("Pause")

    codec = Codec(lookup=lookup)
    value = frame_of(7) + CODEC.encode(PAUSE)[5:]
    assert [codec.decode(value), codec.decode(value)] == [PAUSE, PAUSE]
    assert asked == [7]
    assert codec.is_own(value), "ours in all but id"
    with pytest.raises(Unavailable):
        codec.decode(frame_of(9) + b"x")


def test_trailing_and_missing_bytes_are_undecodable_and_never_quoted() -> None:
    value = CODEC.encode(msgspec.structs.replace(PAUSE, id="Zyxwvut"))
    for broken in (value + b"\x00", value[:-1], value[:12]):
        with pytest.raises(Undecodable, match=r"not a Pause \(schema id 1000014, \d+ bytes\)") as caught:
            CODEC.decode(broken)
        assert "Zyx" not in str(caught.value)


def test_another_record_than_expected_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="a Pause where a LeadSold is expected"):
        CODEC.decode_as(CODEC.encode(PAUSE), LeadSold)


def test_leads_larger_than_64_kib_are_refused_and_plans_are_not() -> None:
    lead = LeadReceived("s", "c", "p", 0, fields={"essay": "x" * RECEIVED_BYTES_MAX})
    with pytest.raises(Undecodable, match="the limit is 65536 bytes"):
        CODEC.decode(CODEC.encode(lead))
    plan = PlanVersion(1, "h", "x" * 5_000_000, {}, 0)
    assert CODEC.decode(CODEC.encode(plan)) == plan


def test_ids_of_a_registry_are_written_and_committed_ids_still_read() -> None:
    codec = Codec(ids={name: number - 999_990 for name, number in current_ids().items()})
    value = codec.encode(PAUSE)
    assert schema_id_of(value) == current_ids()["Pause"] - 999_990
    assert codec.decode(value) == PAUSE
    assert codec.decode(CODEC.encode(PAUSE)) == PAUSE
