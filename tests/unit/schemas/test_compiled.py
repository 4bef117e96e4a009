"""Compiled readers and writers agree with fastavro on every byte, for every record."""

from __future__ import annotations

from io import BytesIO
from sys import getrefcount
from typing import Any

import fastavro
import msgspec
import pytest

from schemas import varints
from schemas.avro_files import plain, self_contained
from schemas.codec import own_reader, own_writer
from schemas.compiled_readers import compile_reader
from schemas.compiled_writers import compile_writer
from schemas.records import Candidate, Points, Position, Record, Score
from schemas.repeated import (
    REMEMBERED_MAX,
    REPEATED,
    RUNS,
    SHARED_LISTS_MAX,
    TEXT_CHARACTERS_MAX,
    RememberedEntries,
    RememberedTexts,
    entries_writer,
    list_reader,
    list_writer,
    remembered,
    shared_writer,
    sized_end,
)
from tests.support.chance import draws
from tests.unit.schemas.examples import TYPES, any_of, filled


def written(record: Record) -> bytes:
    return own_writer(type(record).__name__)(record)


def has_sized_lists(record: Record) -> bool:
    """Whether a list in it is written with its size, which fastavro reads but does not write."""
    return any(f"'{name}'" in str(self_contained(type(record).__name__)) for name in REPEATED)


def by_fastavro(record: Record) -> bytes:
    out = BytesIO()
    datum = msgspec.to_builtins(record, builtin_types=(bytes,))
    fastavro.schemaless_writer(out, plain(self_contained(type(record).__name__)), datum)
    return out.getvalue()


@pytest.mark.parametrize("name", TYPES)
def test_bytes_are_fastavros_and_come_back(name: str) -> None:
    schema: Any = plain(self_contained(name))
    for seed, draw in draws(20):
        record = any_of(TYPES[name], draw)
        value = written(record)
        assert has_sized_lists(record) or value == by_fastavro(record), f"seed {seed}"
        assert own_reader(name)(value, 0) == (record, len(value)), f"seed {seed}"
        read = fastavro.schemaless_reader(BytesIO(value), schema, None)
        assert msgspec.convert(read, TYPES[name]) == record, f"seed {seed}"


@pytest.mark.parametrize("name", TYPES)
def test_a_record_is_read_from_the_middle_of_bytes(name: str) -> None:
    record = filled(TYPES[name])
    value = b"before" + written(record) + b"after"
    assert own_reader(name)(value, 6) == (record, len(value) - 5)


@pytest.mark.parametrize("name", TYPES)
def test_every_truncation_is_noticed(name: str) -> None:
    value = written(filled(TYPES[name]))
    for length in range(len(value)):
        try:
            _, end = own_reader(name)(value[:length], 0)
        except (IndexError, ValueError):
            continue
        assert end > length, "a text that reaches beyond the end"


def test_numbers_come_back() -> None:
    bounds = [sign * 2**bits - one for bits in range(64) for sign in (1, -1) for one in (0, 1)]
    numbers = [number for number in bounds if -(2**63) <= number < 2**63]
    for number in [*numbers, *(draw.getrandbits(draw.randint(1, 64)) - 2**63 for _, draw in draws(200))]:
        value = varints.write_long(number)
        assert varints.read_long(value, 0) == (number, len(value))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_numbers_beyond_64_bits_are_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        varints.write_long(number)
    with pytest.raises(OverflowError):
        varints.write_int(2**31)


@pytest.mark.parametrize("value", [b"\xff" * 11, b"\xff" * 9 + b"\x02"])
def test_numbers_longer_than_64_bits_are_malformed(value: bytes) -> None:
    with pytest.raises(varints.Malformed):
        varints.read_long(value, 0)


def test_a_length_is_never_negative_and_never_reaches_beyond_the_end() -> None:
    assert varints.read_length(varints.write_long(2) + b"ab", 0) == (2, 1)
    for length in (-1, -(2**62), 3):
        with pytest.raises(varints.Malformed, match=f"a length of {length} at byte 0, with 2 bytes left"):
            varints.read_length(varints.write_long(length) + b"ab", 0)


def test_times_that_are_remembered_are_bounded_and_right() -> None:
    times: dict[bytes, int] = {}
    stamps = varints.times()
    for number in range(1_780_000_000_000, 1_780_000_000_000 + 3 * varints.TIMES_MAX):
        value = stamps[number]
        assert varints.read_time(value, 0, times) == (number, 6)
        assert len(times) <= varints.TIMES_MAX
        assert len(stamps) <= varints.TIMES_MAX


def test_a_block_with_its_size_is_read_as_other_writers_write_it() -> None:
    schema = {
        "type": "record",
        "name": "OpenLead",
        "fields": [{"name": "ended", "type": {"type": "array", "items": "int"}}],
    }
    read = compile_reader(schema, {"OpenLead": Position}, ["ended"])
    assert read(bytes([3, 4, 2, 4, 2, 6, 0]), 0) == (((1, 2, 3),), 7)


def test_only_neighbours_in_their_order_are_read_apart() -> None:
    with pytest.raises(ValueError, match="in that order"):
        compile_writer(self_contained("Offer"), TYPES, ["route", "right"])


# --- lists that repeat -----------------------------------------------------------------------------------------


def test_both_ways_of_writing_a_list_are_read() -> None:
    score: Score = filled(Score)
    ours, theirs = written(score), by_fastavro(score)
    assert ours != theirs
    for value in (ours, theirs, ours):
        assert own_reader("Score")(value, 0) == (score, len(value))


def test_the_end_of_a_list_of_ours_is_known_without_reading_it() -> None:
    route = (filled(Candidate), filled(Candidate, "other"))
    value = compile_writer(self_contained("Offer"), TYPES, ["route"])(route)
    assert sized_end(value, 0) == len(value)
    assert sized_end(value + b"more", 0) == len(value)
    for broken in (b"\x00", b"\x02\x00\x00", value[:-1], value[:-1] + b"\x02"):
        assert sized_end(broken, 0) == 0, "no list, no size, no end, or another block"


def test_a_size_that_lies_is_found_out() -> None:
    score: Score = filled(Score)
    value = bytearray(written(score))
    for at in range(len(value)):
        for byte in (0, 1, 3, 60):
            damaged = bytes(value[:at]) + bytes([byte]) + bytes(value[at + 1 :])
            try:
                read, end = own_reader("Score")(damaged, 0)
            except (IndexError, ValueError):
                continue
            assert (read, end) == fastavro_read(damaged), "what is remembered is what the bytes say"


def fastavro_read(value: bytes) -> tuple[Any, int]:
    source = BytesIO(value)
    datum = fastavro.schemaless_reader(source, plain(self_contained("Score")), None)
    return msgspec.convert(datum, Score), source.tell()


def test_what_is_remembered_is_bounded_and_right() -> None:
    known = remembered(own_writer("Score"))
    for number in range(REMEMBERED_MAX + 10):
        score: Score = filled(Score, number=number)
        assert known[score] == known[score] == written(score)
        assert len(known) <= REMEMBERED_MAX


def test_few_of_the_lists_that_nobody_shares_are_kept() -> None:
    written = list_writer(varints.write_long)
    lists = [(number,) for number in range(SHARED_LISTS_MAX + 10)]
    before = sum(getrefcount(each) for each in lists)
    for each in lists:
        written(each)
    kept = sum(getrefcount(each) for each in lists) - before
    assert 0 < kept <= SHARED_LISTS_MAX


def test_texts_that_are_remembered_are_short_few_and_right() -> None:
    texts = RememberedTexts()
    for number in range(REMEMBERED_MAX + 10):
        text = f"wörd {number}"
        assert texts[text] == texts[text] == varints.write_length(len(text) + 1) + text.encode()
        assert len(texts) <= REMEMBERED_MAX
    before = len(texts)
    long = "x" * (TEXT_CHARACTERS_MAX + 1)
    assert texts[long] == varints.write_long(len(long)) + long.encode()
    assert len(texts) == before


def test_entries_of_maps_are_remembered_within_bounds_and_long_ones_are_not() -> None:
    entries = RememberedEntries()
    for number in range(REMEMBERED_MAX + 10):
        assert entries["bill", f"{number}"] == b"\x08bill" + bytes([2 * len(f"{number}")]) + f"{number}".encode()
        assert len(entries) <= REMEMBERED_MAX
    before = len(entries)
    assert entries["essay", "x" * TEXT_CHARACTERS_MAX].endswith(b"x" * TEXT_CHARACTERS_MAX)
    assert len(entries) == before


def test_a_tuple_that_is_written_again_is_known_by_its_identity_and_a_list_is_not() -> None:
    write = list_writer(own_writer("Points"))
    read = list_reader(own_reader("Points"))
    points = [Points(f"rule {number}", number) for number in range(3)]
    shared = tuple(points)
    assert write(shared) is write(shared) == write(tuple(points)) == write(points)
    points.append(Points("one more", 1))
    assert read(write(points), 0)[0] == tuple(points)
    for number in range(REMEMBERED_MAX + 10):  # tuples that are gone leave their identities to others
        assert read(write((Points("of", number),)), 0)[0] == (Points("of", number),)


def test_a_map_that_is_written_again_is_known_by_its_identity() -> None:
    plainly = entries_writer(RememberedEntries().__getitem__)
    write = shared_writer(plainly)
    shared = {"state": "TX"}
    assert write(shared) is write(shared) == plainly({"state": "TX"})
    for number in range(REMEMBERED_MAX + 10):
        assert write({"bill": str(number)}) == plainly({"bill": str(number)})


def test_fields_that_repeat_together_are_told_apart_by_each_of_them() -> None:
    for name, runs in RUNS.items():
        record: Record = filled(TYPES[name])
        for field in [field for run in runs for field in run]:
            value = getattr(record, field)
            if not isinstance(value, Record):
                changed = msgspec.structs.replace(record, **{field: _other(value)})
                assert written(changed) != written(record), f"{name}.{field}"
                assert own_reader(name)(written(changed), 0)[0] == changed


def _other(value: bool | int | str) -> bool | int | str:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else f"{value} "


def test_numbers_are_remembered_within_bounds() -> None:
    numbers = varints.numbers(varints.write_long)
    for number in range(2 * varints.NUMBERS_MAX):
        assert numbers[number] == varints.write_long(number)
        assert len(numbers) <= varints.NUMBERS_MAX
