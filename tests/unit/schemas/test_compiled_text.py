"""The short way to read plain text and the long way are one: the same values, the same refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_files import self_contained
from schemas.codec import own_writer
from schemas.compiled_readers import BROKEN, compile_reader
from schemas.compiled_text import compile_lead_writer, compile_text_reader, text_at_the_end
from schemas.records import Lead, LeadReceived
from schemas.repeated import REMEMBERED_MAX, remembered_pairs
from tests.unit.schemas.examples import TYPES

SCHEMAS = {name: self_contained(name) for name in ("LeadReceived", "Lead")}
EITHER_WAY = {name: compile_reader(schema, TYPES) for name, schema in SCHEMAS.items()}
LONG_WAY = {
    name: compile_reader(schema, TYPES, [field["name"] for field in schema["fields"]])
    for name, schema in SCHEMAS.items()
}
LEAD = SCHEMAS["Lead"]

texts = st.text("aZ ~\x00\x7f", max_size=70)
leads = st.builds(
    Lead,
    first_name=st.none() | texts,
    email=st.none() | texts,
    city=st.none() | texts | st.just("Zürich"),
    fields=st.dictionaries(texts, texts, max_size=3),
)
received = st.builds(
    LeadReceived,
    supplier_lead_id=texts,
    campaign_id=texts,
    supplier_id=texts,
    submitted_at=st.integers(0, 2**42),
    test=st.booleans(),
    sub_ids=st.lists(texts, max_size=3).map(tuple),
    phone=st.none() | texts,
    tcpa_text=st.none() | texts,
    fields=st.dictionaries(texts, texts, max_size=3),
)


def read(way: dict[str, Any], name: str, value: bytes) -> Any:
    """Return the fields and the end, or None for bytes that are refused."""
    try:
        found, end = way[name](value, 0)
    except BROKEN:
        return None
    return (found if isinstance(found, tuple) else tuple(getattr(found, f) for f in found.__struct_fields__)), end


@given(record=leads | received)
def test_what_was_written_is_read(record: Lead | LeadReceived) -> None:
    name = type(record).__name__
    value = own_writer(name)(record)
    assert EITHER_WAY[name](value, 0) == (record, len(value))


@given(record=leads | received, data=st.data())
def test_bytes_that_were_changed_are_read_or_refused_alike(record: Lead | LeadReceived, data: st.DataObject) -> None:
    name = type(record).__name__
    value = bytearray(own_writer(name)(record))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert read(EITHER_WAY, name, bytes(value)) == read(LONG_WAY, name, bytes(value))


@given(record=leads, rest=st.binary(max_size=3))
def test_what_follows_is_left_to_whoever_reads_on(record: Lead, rest: bytes) -> None:
    value = own_writer("Lead")(record)
    assert EITHER_WAY["Lead"](value + rest, 0) == (record, len(value))


def test_plain_text_goes_the_short_way_and_all_else_does_not() -> None:
    short = compile_text_reader(LEAD, TYPES)
    for lead, plain in (
        (Lead(first_name="Maria", fields={"roof": "metal"}), True),
        (Lead(first_name="María"), False),
        (Lead(first_name="x" * 64), False),
    ):
        value = own_writer("Lead")(lead)
        assert value.isascii() is plain
        if plain:
            assert short(value, value.decode()) == lead
            assert short(value[:-1], value[:-1].decode()) is None


@pytest.mark.parametrize("count", [b"\x01\x04", b"\x03\x02\x08"])
def test_a_block_with_its_size_is_left_to_the_long_way(count: bytes) -> None:
    entries = b"\x02a\x02b" * (1 if count[0] == 1 else 2)
    value = b"\0" * 8 + count[:1] + bytes([2 * len(entries)]) + entries + b"\0"
    assert compile_text_reader(LEAD, TYPES)(value, value.decode()) is None
    assert EITHER_WAY["Lead"](value, 0) == (Lead(fields={"a": "b"}), len(value))


COLUMNS = [field["name"] for field in LEAD["fields"] if field["name"] != "fields"]
MAPPED = ("roof", "bill", "x" * 70)
values = st.dictionaries(st.sampled_from([*COLUMNS, *MAPPED]), texts.filter(bool) | st.sampled_from(["é", "y" * 9000]))


@given(given=values)
def test_a_lead_is_written_as_ever_or_left_to_the_long_way(given: dict[str, str]) -> None:
    written = compile_lead_writer(COLUMNS, MAPPED)(given)
    fields = {name: given[name] for name in MAPPED if name in given}
    long = own_writer("Lead")(Lead(**{name: given.get(name) for name in COLUMNS}, fields=fields))
    assert written == (long if long.isascii() else None)


def test_entries_of_a_lead_are_remembered_within_bounds_and_right() -> None:
    write = compile_lead_writer(COLUMNS, MAPPED)
    for number in [*range(REMEMBERED_MAX + 10), *range(10)]:
        value = own_writer("Lead")(Lead(fields={"bill": str(number)}))
        assert write({"bill": str(number)}) == value


def test_only_text_at_the_end_counts() -> None:
    assert text_at_the_end(LEAD) == len(LEAD["fields"])
    assert text_at_the_end(SCHEMAS["LeadReceived"]) == len(SCHEMAS["LeadReceived"]["fields"]) - 4
    assert text_at_the_end(self_contained("LeadSold")) == 0


def test_pairs_are_remembered_within_bounds() -> None:
    pairs = remembered_pairs()
    for number in range(REMEMBERED_MAX + 10):
        value = f"{number}"
        assert pairs[f"\x08bill{chr(2 * len(value))}{value}"] == ("bill", value)
        assert len(pairs) <= REMEMBERED_MAX


def test_what_is_no_short_pair_is_not_kept() -> None:
    pairs = remembered_pairs()
    with pytest.raises(IndexError):
        pairs["\x02k\x01" + 60_000 * "a"]
    assert not pairs
