"""The short way to read plain text and the long way are one: the same values, the same refusals."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from schemas.avro_files import self_contained
from schemas.codec import own_writer
from schemas.compiled_readers import BROKEN, compile_reader
from schemas.compiled_text import compile_lead_writer, compile_text_reader, text_at_the_end
from schemas.records import Lead, LeadReceived
from schemas.repeated import REMEMBERED_MAX, remembered_pairs
from tests.support.chance import draws
from tests.unit.schemas.examples import TYPES, any_text

SCHEMAS = {name: self_contained(name) for name in ("LeadReceived", "Lead")}
EITHER_WAY = {name: compile_reader(schema, TYPES) for name, schema in SCHEMAS.items()}
LONG_WAY = {
    name: compile_reader(schema, TYPES, [field["name"] for field in schema["fields"]])
    for name, schema in SCHEMAS.items()
}
LEAD = SCHEMAS["Lead"]


def text(draw: random.Random) -> str:
    """Return a text that is plain ASCII, of a length around those that one byte tells."""
    return any_text(draw, "aZ ~\x00\x7f", (0, 1, 2, 5, 20, 63, 64, 70))


def pairs(draw: random.Random) -> dict[str, str]:
    return {text(draw): text(draw) for _ in range(draw.randint(0, 3))}


def a_lead(draw: random.Random) -> Lead:
    first_name, email, city = (draw.choice((None, text(draw))) for _ in range(3))
    return Lead(first_name=first_name, email=email, city=draw.choice((city, city, "Zürich")), fields=pairs(draw))


def a_received(draw: random.Random) -> LeadReceived:
    return LeadReceived(
        supplier_lead_id=text(draw),
        campaign_id=text(draw),
        supplier_id=text(draw),
        submitted_at=draw.getrandbits(draw.randint(1, 42)),
        test=draw.random() < 0.5,
        sub_ids=tuple(text(draw) for _ in range(draw.randint(0, 3))),
        phone=draw.choice((None, text(draw))),
        tcpa_text=draw.choice((None, text(draw))),
        fields=pairs(draw),
    )


def read(way: dict[str, Any], name: str, value: bytes) -> Any:
    """Return the fields and the end, or None for bytes that are refused."""
    try:
        found, end = way[name](value, 0)
    except BROKEN:
        return None
    return (found if isinstance(found, tuple) else tuple(getattr(found, f) for f in found.__struct_fields__)), end


@pytest.mark.parametrize("example", [a_lead, a_received])
def test_what_was_written_is_read(example: Callable[[random.Random], Lead | LeadReceived]) -> None:
    for seed, draw in draws(200):
        record = example(draw)
        name = type(record).__name__
        value = own_writer(name)(record)
        assert EITHER_WAY[name](value, 0) == (record, len(value)), f"seed {seed}"


@pytest.mark.parametrize("example", [a_lead, a_received])
def test_bytes_that_were_changed_are_read_or_refused_alike(
    example: Callable[[random.Random], Lead | LeadReceived],
) -> None:
    for seed, draw in draws(200):
        record = example(draw)
        name = type(record).__name__
        value = bytearray(own_writer(name)(record))
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(value))
            value[at : at + draw.randint(0, 2)] = draw.randbytes(draw.randint(0, 2))
        assert read(EITHER_WAY, name, bytes(value)) == read(LONG_WAY, name, bytes(value)), f"seed {seed}"


def test_what_follows_is_left_to_whoever_reads_on() -> None:
    for seed, draw in draws(200):
        record, rest = a_lead(draw), draw.randbytes(draw.randint(0, 3))
        value = own_writer("Lead")(record)
        assert EITHER_WAY["Lead"](value + rest, 0) == (record, len(value)), f"seed {seed}"


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


def test_a_lead_is_written_as_ever_or_left_to_the_long_way() -> None:
    write = compile_lead_writer(COLUMNS, MAPPED)
    for seed, draw in draws(300):
        chosen = draw.sample([*COLUMNS, *MAPPED], draw.randint(0, 6))
        given = {name: draw.choice((text(draw) or "a", text(draw) or "b", "é", "y" * 9000)) for name in chosen}
        if draw.random() < 0.5:
            given = {name: value for name, value in given.items() if value.isascii()}
        fields = {name: given[name] for name in MAPPED if name in given}
        long = own_writer("Lead")(Lead(**{name: given.get(name) for name in COLUMNS}, fields=fields))
        assert write(given) == (long if long.isascii() else None), f"seed {seed}"


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
