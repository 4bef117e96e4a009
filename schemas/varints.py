"""Avro's whole numbers, and what the compiled readers and writers call where their short paths do not do.

A number is zig-zagged (0, -1, 1, -2 ... become 0, 1, 2, 3 ...) and written in groups of seven bits, lowest first;
a byte above 127 says that another follows (Avro 1.12, "Binary encoding").
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Packed

from config.memo import Memo

LONG_BYTES_MAX = 10
INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

#: Avro's double: eight bytes, little-endian.
DOUBLE = Packed("<d")

#: Numbers below this are written from a table; most lengths and counts are.
SHORT = 2048

#: Longer ones are remembered, up to so many with the short ones: the offset of a lead is in four of its records.
NUMBERS_MAX = 16_384

#: Times of this millennium take six bytes; an epoch stamps many records with the same few, so they are remembered.
TIMES_MAX = 4096
TIME_BYTES = 6


class Malformed(ValueError):
    """The bytes cannot be a value of the schema. Messages tell positions, never contents."""


def read_long(value: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position` and the position after it. Raises Malformed, IndexError at the end."""
    byte = value[position]
    number = byte & 127
    shift = 7
    while byte > 127:
        if shift >= 7 * LONG_BYTES_MAX:
            raise Malformed(f"a number longer than 64 bits that reaches byte {position}")
        position += 1
        byte = value[position]
        number |= (byte & 127) << shift
        shift += 7
    if number >> 64:
        raise Malformed(f"a number longer than 64 bits that ends at byte {position}")
    return (number >> 1) ^ -(number & 1), position + 1


def read_length(value: bytes, position: int) -> tuple[int, int]:
    """Return the length of a text or of bytes at `position`, and the position after it; never negative."""
    length, after = read_long(value, position)
    if not 0 <= length <= len(value) - after:
        raise Malformed(f"a length of {length} at byte {position}, with {len(value) - after} bytes left")
    return length, after


def read_block(value: bytes, position: int) -> tuple[int, int]:
    """Return the number of items of an array's or map's block; a block may carry its size, which is skipped."""
    count, after = read_long(value, position)
    if count < 0:
        count = -count
        _, after = read_length(value, after)
    if count > len(value) - after:
        raise Malformed(f"a block of {count} items at byte {position}, with {len(value) - after} bytes left")
    return count, after


def read_time(value: bytes, position: int, times: dict[bytes, int]) -> tuple[int, int]:
    """Return the number at `position` and the position after it, and remember it if it is as long as times are."""
    number, after = read_long(value, position)
    if after == position + TIME_BYTES:
        if len(times) >= TIMES_MAX:
            times.clear()
        times[value[position:after]] = number
    return number, after


def read_double(value: bytes, position: int) -> float:
    """Return the double at `position`. Raises IndexError at the end."""
    if len(value) - position < DOUBLE.size:
        raise IndexError("a double that is cut off")
    number: float = DOUBLE.unpack_from(value, position)[0]
    return number


def write_long(number: int) -> bytes:
    """Return the number's bytes. Raises OverflowError beyond 64 bits."""
    if not -LONG_MAX - 1 <= number <= LONG_MAX:
        raise OverflowError("a number beyond 64 bits")
    rest = (number << 1) ^ (number >> 63)
    if 1 << 14 <= rest < 1 << 21:  # most offsets
        return bytes((rest & 127 | 128, rest >> 7 & 127 | 128, rest >> 14))
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def write_int(number: int) -> bytes:
    """Return the number's bytes. Raises OverflowError beyond 32 bits."""
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise OverflowError("a number beyond 32 bits in a field of type int")
    return write_long(number)


def write_count(items: int) -> bytes:
    """Return what stands before a block that carries its size: the negative number of its items."""
    return SHORT_COUNTS[items] if items < len(SHORT_COUNTS) else write_long(-items)


def write_length(length: int) -> bytes:
    """Return the bytes of a length."""
    return SHORT_NUMBERS[length] if length < SHORT else write_long(length)


#: The bytes of 0 to SHORT - 1, and of the counts of blocks up to the longest route, ready.
SHORT_NUMBERS = tuple(write_long(number) for number in range(SHORT))
SHORT_COUNTS = tuple(write_long(-number) for number in range(64))


def numbers(write: Callable[[int], bytes]) -> Memo[int, bytes]:
    """Return the bytes of numbers by the number: small ones are ready, others are remembered."""
    memo = Memo(write, NUMBERS_MAX)
    memo.update((number, write(number)) for number in range(SHORT))
    return memo


def times() -> Memo[int, bytes]:
    """Return the bytes of times by the time, remembered."""
    return Memo(write_long, TIMES_MAX)
