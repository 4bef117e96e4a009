"""Kafka's requests and answers as aiokafka lays them out: what our producer says is judged by other code than its own.

Where aiokafka does not know the version, its types are put together as Kafka's message definitions say. A value is a
tuple of fields, an array a list of tuples.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from aiokafka.protocol import admin, coordination, metadata, produce, transaction
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

PRODUCE, METADATA, FIND_COORDINATOR, API_VERSIONS = 0, 3, 10, 18
INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 22, 24, 25, 26, 28
WRITE_MARKERS, DESCRIBE_PRODUCERS, DESCRIBE_TRANSACTIONS = 27, 61, 65
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36

VERSIONS = {
    PRODUCE: 7,
    METADATA: 4,
    FIND_COORDINATOR: 1,
    API_VERSIONS: 0,
    INIT_PRODUCER_ID: 4,
    ADD_PARTITIONS: 2,
    ADD_OFFSETS: 2,
    END_TXN: 2,
    WRITE_MARKERS: 1,
    TXN_OFFSET_COMMIT: 3,
    DESCRIBE_PRODUCERS: 0,
    DESCRIBE_TRANSACTIONS: 0,
}

FLEXIBLE = frozenset({INIT_PRODUCER_ID, WRITE_MARKERS, TXN_OFFSET_COMMIT, DESCRIBE_PRODUCERS, DESCRIBE_TRANSACTIONS})
"""Requests whose header and body end with tagged fields, and so does the header of their answer."""

TRANSACTIONAL = frozenset({PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT})
"""What bears the epoch of a producer that has the name."""

NO_TAGS: dict[int, bytes] = {}

_TEXT = CompactString("utf-8")

_PLACES = CompactArray(("name", _TEXT), ("partition_indexes", CompactArray(Int32)), ("tags", TaggedFields))

REQUESTS: dict[int, Any] = {
    WRITE_MARKERS: Schema(
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                ("transaction_result", Boolean),
                ("topics", _PLACES),
                ("coordinator_epoch", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    ),
    DESCRIBE_PRODUCERS: Schema(("topics", _PLACES), ("tags", TaggedFields)),
    DESCRIBE_TRANSACTIONS: Schema(("transactional_ids", CompactArray(_TEXT)), ("tags", TaggedFields)),
    PRODUCE: produce.ProduceRequest_v7.SCHEMA,
    METADATA: metadata.MetadataRequest_v4.SCHEMA,
    FIND_COORDINATOR: coordination.FindCoordinatorRequest_v1.SCHEMA,
    SASL_HANDSHAKE: admin.SaslHandShakeRequest_v1.SCHEMA,
    API_VERSIONS: admin.ApiVersionRequest_v0.SCHEMA,
    INIT_PRODUCER_ID: Schema(
        ("transactional_id", _TEXT),
        ("transaction_timeout_ms", Int32),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    ),
    ADD_PARTITIONS: transaction.AddPartitionsToTxnRequest_v0.SCHEMA,
    ADD_OFFSETS: transaction.AddOffsetsToTxnRequest_v0.SCHEMA,
    END_TXN: transaction.EndTxnRequest_v0.SCHEMA,
    TXN_OFFSET_COMMIT: Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            CompactArray(
                ("name", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("committed_offset", Int64),
                        ("committed_leader_epoch", Int32),
                        ("committed_metadata", _TEXT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    ),
}

_CODES = CompactArray(
    ("name", _TEXT),
    ("partitions", CompactArray(("partition_index", Int32), ("error_code", Int16), ("tags", TaggedFields))),
    ("tags", TaggedFields),
)

ANSWERS: dict[int, Any] = {
    WRITE_MARKERS: Schema(
        (
            "markers",
            CompactArray(
                ("producer_id", Int64),
                ("topics", _CODES),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    ),
    DESCRIBE_PRODUCERS: Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("error_message", _TEXT),
                        (
                            "active_producers",
                            CompactArray(
                                ("producer_id", Int64),
                                ("producer_epoch", Int32),
                                ("last_sequence", Int32),
                                ("last_timestamp", Int64),
                                ("coordinator_epoch", Int32),
                                ("current_txn_start_offset", Int64),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    ),
    DESCRIBE_TRANSACTIONS: Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", _TEXT),
                ("transaction_state", _TEXT),
                ("transaction_timeout_ms", Int32),
                ("transaction_start_time_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                ("topics", _PLACES),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    ),
    PRODUCE: produce.ProduceResponse_v7.SCHEMA,
    METADATA: metadata.MetadataResponse_v4.SCHEMA,
    FIND_COORDINATOR: coordination.FindCoordinatorResponse_v1.SCHEMA,
    SASL_HANDSHAKE: admin.SaslHandShakeResponse_v1.SCHEMA,
    SASL_AUTHENTICATE: admin.SaslAuthenticateResponse_v1.SCHEMA,
    API_VERSIONS: admin.ApiVersionResponse_v0.SCHEMA,
    INIT_PRODUCER_ID: Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    ),
    ADD_PARTITIONS: transaction.AddPartitionsToTxnResponse_v0.SCHEMA,
    ADD_OFFSETS: transaction.AddOffsetsToTxnResponse_v0.SCHEMA,
    END_TXN: transaction.EndTxnResponse_v0.SCHEMA,
    TXN_OFFSET_COMMIT: Schema(
        ("throttle_time_ms", Int32),
        ("topics", _CODES),
        ("tags", TaggedFields),
    ),
}


def request_of(key: int, body: bytes) -> Any:
    """Return the fields of a request; nothing may be left over."""
    stream = BytesIO(body)
    fields = REQUESTS[key].decode(stream)
    left = stream.read()
    if left:
        raise AssertionError(f"{len(left)} bytes too many in a request of kind {key}")
    return fields


def answer_body(key: int, fields: Sequence[Any]) -> bytes:
    """Return an answer's body."""
    return bytes(ANSWERS[key].encode(fields))


def error_codes(key: int, body: bytes) -> frozenset[int]:
    """Return all error codes of an answer to a request that bears a producer's epoch, 0 among them."""
    fields = ANSWERS[key].decode(BytesIO(body))
    if key in (ADD_OFFSETS, END_TXN):
        return frozenset({fields[1]})
    topics = fields[0] if key == PRODUCE else fields[1]
    return frozenset(partition[1] for topic in topics for partition in topic[1])


def batch_producer(batch: bytes) -> tuple[int, int, int]:
    """Return producer id, epoch and base sequence of a record batch, from its header."""
    identity: tuple[int, int, int] = struct.unpack_from(">qhi", batch, 43)
    return identity


def producer_of(key: int, fields: Any) -> tuple[int, int]:
    """Return id and epoch that a transactional request bears; all batches of a produce request bear the same."""
    if key == PRODUCE:
        (identity,) = {batch_producer(batch)[:2] for _, partitions in fields[3] for _, batch in partitions}
        return identity
    at = 2 if key == TXN_OFFSET_COMMIT else 1
    return fields[at], fields[at + 1]
