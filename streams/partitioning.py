"""Which partition a key belongs to: murmur2 over the topic's pinned count, as Java's clients decide.

The count is ours to name, so that a topic that grew by hand does not silently split its keys.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

KEYS_KEPT = 16_384
"""A lead's id is the key of five records on its way, most of them within the same seconds."""

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Return the unsigned 32-bit hash that Java's DefaultPartitioner uses."""
    length = len(data)
    tail = length & 3
    h = _SEED ^ length
    for at in range(0, length - tail, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ (k >> 24)) * _M & _MASK)
    if tail:
        h = (h ^ int.from_bytes(data[length - tail :], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def _in_python(key: bytes, count: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % count


def _in_librdkafka() -> Callable[[bytes, int], int] | None:
    """Return librdkafka's own partitioner (1 us instead of 5), or None where its symbols are not visible."""
    try:
        from confluent_kafka import cimpl

        found = ctypes.CDLL(cimpl.__file__).rd_kafka_msg_partitioner_murmur2
    except (ImportError, OSError, AttributeError):
        return None
    found.restype = ctypes.c_int32
    found.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_int32,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]

    def partition(key: bytes, count: int) -> int:
        return int(found(None, key, len(key), count, None, None))

    return partition


@lru_cache(maxsize=KEYS_KEPT)
def partition_of(key: bytes, count: int) -> int:
    """Return the partition of `key` in a topic of `count` partitions."""
    return _hash(key, count)


_hash = _in_librdkafka() or _in_python
