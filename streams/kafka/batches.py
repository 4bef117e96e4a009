"""Records as brokers store them: record batches of one transactional producer, in Kafka's format (magic 2).

Bytes are put together by aiokafka's compiled builder, which Faust brings along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.client import Output
from streams.kafka.wire import Producer

_MAGIC, _UNCOMPRESSED, _TRANSACTIONAL = 2, 0, 1
_SEQUENCES = 1 << 31
"""Sequence numbers begin again from 0 behind the largest int32."""

BATCH_BYTES_MAX = 256 * 1024
"""A topic's `max.message.bytes` bounds whole batches; a single record may be longer than this and is a batch alone."""


class RecordBatch(NamedTuple):
    """A batch ready to be sent, and how many records it holds."""

    content: bytearray
    records: int


def batches_of(
    outputs: Sequence[Output], producer: Producer, sequence: int, now_ms: int, bytes_max: int = BATCH_BYTES_MAX
) -> list[RecordBatch]:
    """Return records of one partition as batches, in their order; the first record has number `sequence`.

    Brokers tell by the numbers that nothing of a producer is missing or twice; see `after`.
    """
    batches: list[RecordBatch] = []
    begin = 0
    while begin < len(outputs):
        builder = DefaultRecordBatchBuilder(
            magic=_MAGIC,
            compression_type=_UNCOMPRESSED,
            is_transactional=_TRANSACTIONAL,
            producer_id=producer.id,
            producer_epoch=producer.epoch,
            base_sequence=after(sequence, begin),
            batch_size=bytes_max,
        )
        count = _fill(builder, outputs, begin, now_ms)
        batches.append(RecordBatch(builder.build(), count))
        begin += count
    return batches


def after(sequence: int, count: int) -> int:
    """Return the sequence number behind `count` records from `sequence` on."""
    return (sequence + count) % _SEQUENCES


def _fill(builder: Any, outputs: Sequence[Output], begin: int, now_ms: int) -> int:
    """Append records while there is room, one at least; the loop that all records go through. Return how many."""
    append = builder.append
    rest = outputs[begin:] if begin else outputs
    for number, (_, value, key, _, headers, _) in enumerate(rest):
        if append(number, now_ms, key, value, list(headers) if headers else _NO_HEADERS) is None:
            return number
    return len(rest)


_NO_HEADERS: list[tuple[str, bytes | None]] = []
