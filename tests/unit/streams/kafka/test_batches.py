"""Record batches, read by aiokafka's reader: what is in them, whose they are, where one ends and the next begins."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from streams.client import Output
from streams.kafka.batches import RecordBatch, after, batches_of
from streams.kafka.wire import Producer
from tests.support.chance import any_text, draws

PRODUCER = Producer(4711 << 32, 32_766)
NOW_MS = 1_700_000_000_123
HEADER_BYTES = 61


def output(draw: random.Random, most: int = 200) -> Output:
    """Return a record of any kind: without key, without value, empty ones, with headers."""
    value = draw.choice((None, b"", draw.randbytes(draw.randrange(most))))
    key = draw.choice((None, b"", draw.randbytes(draw.randrange(40))))
    headers = tuple((any_text(draw, 10), draw.randbytes(draw.randrange(20))) for _ in range(draw.choice((0, 0, 1, 3))))
    return ("out", value, key, draw.choice((None, 3)), headers, None)


def read(batch: RecordBatch) -> Any:
    """Return the one batch that these bytes are, checked."""
    records = MemoryRecords(bytes(batch.content))
    found = records.next_batch()
    assert not records.has_next()
    assert found.validate_crc()
    return found


def test_records_come_back_as_they_were_and_in_their_order() -> None:
    for seed, draw in draws(150):
        outputs = [output(draw) for _ in range(draw.randint(1, 12))]
        (batch,) = batches_of(outputs, PRODUCER, 0, NOW_MS)
        found = list(read(batch))
        assert [(r.value, r.key, tuple(r.headers)) for r in found] == [(o[1], o[2], o[4]) for o in outputs], seed
        assert [r.offset for r in found] == list(range(len(outputs)))
        assert {r.timestamp for r in found} == {NOW_MS}
        assert batch.records == len(outputs)


def test_a_batch_says_whose_it_is_and_that_it_is_part_of_a_transaction() -> None:
    (batch,) = batches_of([("out", b"v", b"k", 0, (), None)] * 3, PRODUCER, 77, NOW_MS)
    found = read(batch)
    assert (found.producer_id, found.producer_epoch, found.base_sequence) == (*PRODUCER, 77)
    assert found.is_transactional
    assert not found.is_control_batch
    assert (found.magic, found.compression_type, found.timestamp_type) == (2, 0, 0)
    assert found.next_offset == 3


def test_the_header_written_out_by_hand() -> None:
    (batch,) = batches_of([("out", b"v", None, 0, (), None)] * 2, Producer(5, 6), 7, NOW_MS)
    header = struct.unpack_from(">qiibIhiqqqhii", batch.content)
    length, crc = len(batch.content) - 12, header[4]
    assert header == (0, length, header[2], 2, crc, 0x10, 1, NOW_MS, NOW_MS, 5, 6, 7, 2)
    assert len(batch.content) == HEADER_BYTES + 2 * (1 + 7)


def test_a_byte_that_is_another_one_is_seen() -> None:
    (batch,) = batches_of([("out", b"v" * 50, b"k", 0, (), None)], PRODUCER, 0, NOW_MS)
    for at in range(21, len(batch.content)):
        spoilt = bytearray(batch.content)
        spoilt[at] ^= 0x40
        assert not MemoryRecords(bytes(spoilt)).next_batch().validate_crc(), at


# --- where one ends -------------------------------------------------------------------------------------------------


def joined(batches: list[RecordBatch], sequence: int) -> list[tuple[Any, Any]]:
    """Return the records of all batches, whose numbers follow each other from `sequence` on."""
    found = []
    for batch in batches:
        whole = read(batch)
        assert whole.base_sequence == sequence
        own = [(record.value, record.key) for record in whole]
        assert len(own) == batch.records > 0
        found += own
        sequence = after(sequence, len(own))
    return found


@pytest.mark.parametrize("bytes_max", [70, 200, 1_000, 5_000])
def test_batches_end_at_the_limit_and_nothing_is_left_out_or_twice(bytes_max: int) -> None:
    for seed, draw in draws(30):
        outputs = [output(draw, most=400) for _ in range(draw.randint(1, 40))]
        sequence = draw.choice((0, 5, (1 << 31) - 3))
        batches = batches_of(outputs, PRODUCER, sequence, NOW_MS, bytes_max)
        assert joined(batches, sequence) == [(o[1], o[2]) for o in outputs], seed
        assert all(len(batch.content) <= bytes_max or batch.records == 1 for batch in batches), seed


def test_a_batch_takes_all_that_has_room() -> None:
    outputs: list[Output] = [("out", b"x" * 100, None, 0, (), None)] * 10
    one = len(batches_of(outputs[:1], PRODUCER, 0, NOW_MS)[0].content) - HEADER_BYTES
    exact = HEADER_BYTES + 3 * one
    assert [batch.records for batch in batches_of(outputs, PRODUCER, 0, NOW_MS, exact + 1)] == [3, 3, 3, 1]
    assert [batch.records for batch in batches_of(outputs, PRODUCER, 0, NOW_MS, exact - 1)] == [2] * 5


def test_a_record_that_is_longer_than_the_limit_is_a_batch_alone() -> None:
    values = [b"a", b"b" * 3_000, b"c", b"d"]
    batches = batches_of([("out", value, None, 0, (), None) for value in values], PRODUCER, 0, NOW_MS, 1_000)
    assert [batch.records for batch in batches] == [1, 1, 2]
    assert [value for value, _ in joined(batches, 0)] == values


def test_of_no_records_there_is_no_batch() -> None:
    assert batches_of([], PRODUCER, 0, NOW_MS) == []


@pytest.mark.parametrize(
    ("sequence", "count", "next_"),
    [(0, 1, 1), (5, 0, 5), ((1 << 31) - 1, 1, 0), ((1 << 31) - 2, 5, 3), ((1 << 31) - 1, 0, (1 << 31) - 1)],
)
def test_sequence_numbers_begin_again_behind_the_largest_int32(sequence: int, count: int, next_: int) -> None:
    assert after(sequence, count) == next_


def test_a_batch_begun_at_the_largest_number_is_followed_by_one_at_zero() -> None:
    outputs: list[Output] = [("out", b"x" * 100, None, 0, (), None)] * 3
    last = (1 << 31) - 1
    assert [read(batch).base_sequence for batch in batches_of(outputs, PRODUCER, last, NOW_MS, 100)] == [last, 0, 1]


def test_a_record_of_the_wrong_kind_is_refused_and_not_sent_as_another() -> None:
    wrong: Any = ("out", "text", b"k", 0, (), None)
    with pytest.raises(TypeError):
        batches_of([wrong], PRODUCER, 0, NOW_MS)
