"""Kafka's protocol at the level of bytes: numbers, strings and arrays, and how a request and its answer are framed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
#: Bytes that are sent as they are.
Buffer = bytes | bytearray


class Api(NamedTuple):
    """A kind of request.

    `flexible`: its header and body end with tagged fields (KIP-482). `throttled_at`: where its answer says for how many
    ms the broker hears no more of us on this connection (KIP-219): 0 is its beginning, -4 its end; None: nowhere.
    """

    name: str
    key: int
    version: int
    flexible: bool = False
    throttled_at: int | None = 0


class ConnectionLost(Exception):
    """What was asked last on a connection may have been done, or may still be done later: no answer says which."""


class Malformed(ConnectionLost):
    """An answer that is shorter than it says, or says more than it may: as good as none."""


class Answer:
    """Reads an answer from its start on. Raises Malformed beyond its end."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, body: bytes) -> None:
        self._bytes = body
        self._at = 0

    def _number(self, form: struct.Struct) -> int:
        try:
            (number,) = form.unpack_from(self._bytes, self._at)
        except struct.error:
            raise Malformed(f"an answer ends at {len(self._bytes)} bytes") from None
        self._at += form.size
        return int(number)

    def throttled_ms(self, api: Api) -> int:
        """Return for how long the broker hears no more of us, never below 0; to be asked before anything is read."""
        if api.throttled_at is None:
            return 0
        at = self._at + api.throttled_at if api.throttled_at >= 0 else len(self._bytes) + api.throttled_at
        return max(0, int.from_bytes(self._bytes[max(at, self._at) :][:4], "big", signed=True))

    def rest(self) -> bytes:
        """Return what is not read yet."""
        return self._bytes[self._at :]

    def int8(self) -> int:
        """Return the next int8."""
        return self._number(_INT8)

    def int16(self) -> int:
        """Return the next int16."""
        return self._number(_INT16)

    def int32(self) -> int:
        """Return the next int32."""
        return self._number(_INT32)

    def int64(self) -> int:
        """Return the next int64."""
        return self._number(_INT64)

    def varint(self) -> int:
        """Return the next unsigned varint."""
        number = shift = 0
        while True:
            byte = self.int8() & 0xFF
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            if (shift := shift + 7) > 28:
                raise Malformed("a number of more than 32 bits")

    def string(self) -> str:
        """Return the next string; "" for null."""
        return self._text(self.int16())

    def compact(self) -> str:
        """Return the next compact string; "" for null."""
        return self._text(self.varint() - 1)

    def _text(self, size: int) -> str:
        if size < 0:
            return ""
        end = self._at + size
        if end > len(self._bytes):
            raise Malformed(f"a string of {size} bytes in an answer of {len(self._bytes)}")
        text = self._bytes[self._at : end].decode(errors="replace")
        self._at = end
        return text

    def array(self, read: Callable[[], T]) -> list[T]:
        """Return what `read` returns of each member of the next array."""
        return [read() for _ in range(self.int32())]

    def compact_array(self, read: Callable[[], T]) -> list[T]:
        """Return what `read` returns of each member of the next compact array."""
        return [read() for _ in range(self.varint() - 1)]

    def tags(self) -> None:
        """Pass over tagged fields."""
        for _ in range(self.varint()):
            self.varint()
            self._text(self.varint())


_INT8, _INT16, _INT32, _INT64 = (struct.Struct(f">{form}") for form in "bhiq")
_HEADER = struct.Struct(">hhi")

NO_TAGS = b"\x00"
"""No tagged fields follow."""


def int16(number: int) -> bytes:
    """Return an int16."""
    return _INT16.pack(number)


def int32(number: int) -> bytes:
    """Return an int32."""
    return _INT32.pack(number)


def string(text: str) -> bytes:
    """Return a string."""
    encoded = text.encode()
    return _INT16.pack(len(encoded)) + encoded


def varint(number: int) -> bytes:
    """Return an unsigned varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def compact(text: str | None) -> bytes:
    """Return a compact string; null for None."""
    if text is None:
        return b"\x00"
    encoded = text.encode()
    return varint(len(encoded) + 1) + encoded


def array(members: Sequence[bytes]) -> bytes:
    """Return an array of members."""
    return _INT32.pack(len(members)) + b"".join(members)


def compact_array(members: Sequence[bytes]) -> bytes:
    """Return a compact array of members."""
    return varint(len(members) + 1) + b"".join(members)


def frame(api: Api, number: int, client: str, body: Sequence[Buffer]) -> list[Buffer]:
    """Return a whole request: its length, header and body, in parts. The answer bears the same number."""
    header = _HEADER.pack(api.key, api.version, number) + string(client) + (NO_TAGS if api.flexible else b"")
    return [int32(len(header) + sum(map(len, body))) + header, *body]


def opened(api: Api, frame_of_answer: bytes) -> tuple[int, Answer]:
    """Return the number that an answer bears, and its body to be read. Raises Malformed."""
    answer = Answer(frame_of_answer)
    number = answer.int32()
    if api.flexible:
        answer.tags()
    return number, answer
