"""Numbers, strings, arrays and frames of Kafka's protocol, held against aiokafka's; and answers that are not whole."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol import types
from aiokafka.protocol.api import RequestHeader_v1, RequestHeader_v2

from streams.kafka import bytes as kafka_bytes
from streams.kafka.bytes import Answer, Api, ConnectionLost, Malformed, frame, opened
from tests.support.chance import any_text, draws

VARINTS = (0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, (1 << 32) - 1)
TEXTS = ("", "a", "leads.sold", "é" * 100, "\U0001f300" * 50, "x" * 32_767)
Reader = Callable[[Answer], object]


def left(answer: Answer) -> int:
    """Return how many bytes are not read."""
    return len(answer.rest())


@pytest.mark.parametrize("number", VARINTS)
def test_a_varint_is_written_and_read_as_aiokafka_does(number: int) -> None:
    written = types.UnsignedVarInt32.encode(number)
    assert kafka_bytes.varint(number) == written
    answer = Answer(written)
    assert (answer.varint(), left(answer)) == (number, 0)


@pytest.mark.parametrize("text", TEXTS)
def test_a_string_is_written_and_read_as_aiokafka_does(text: str) -> None:
    plain, compact = types.String("utf-8").encode(text), types.CompactString("utf-8").encode(text)
    assert (kafka_bytes.string(text), kafka_bytes.compact(text)) == (plain, compact)
    answer = Answer(plain + compact)
    assert (answer.string(), answer.compact(), left(answer)) == (text, text, 0)


def test_null_is_written_for_none_and_read_as_empty() -> None:
    assert kafka_bytes.compact(None) == types.CompactString("utf-8").encode(None)
    answer = Answer(types.String("utf-8").encode(None) + types.CompactString("utf-8").encode(None))
    assert (answer.string(), answer.compact(), left(answer)) == ("", "", 0)


@pytest.mark.parametrize(
    ("kind", "read", "numbers"),
    [
        (types.Int8, Answer.int8, (0, 1, -1, 127, -128)),
        (types.Int16, Answer.int16, (0, 1, -1, 32_767, -32_768)),
        (types.Int32, Answer.int32, (0, 1, -1, (1 << 31) - 1, -(1 << 31))),
        (types.Int64, Answer.int64, (0, 1, -1, (1 << 63) - 1, -(1 << 63))),
    ],
)
def test_a_number_is_read_as_aiokafka_writes_it(
    kind: Any, read: Callable[[Answer], int], numbers: tuple[int, ...]
) -> None:
    answer = Answer(b"".join(kind.encode(number) for number in numbers))
    assert ([read(answer) for _ in numbers], left(answer)) == (list(numbers), 0)


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 300])
def test_an_array_is_written_and_read_as_aiokafka_does(count: int) -> None:
    members = list(range(count))
    plain, compact = types.Array(types.Int32).encode(members), types.CompactArray(types.Int32).encode(members)
    own = [kafka_bytes.int32(member) for member in members]
    assert (kafka_bytes.array(own), kafka_bytes.compact_array(own)) == (plain, compact)
    answer = Answer(plain + compact)
    assert (answer.array(answer.int32), answer.compact_array(answer.int32), left(answer)) == (members, members, 0)


def test_an_array_that_is_null_has_no_members() -> None:
    answer = Answer(types.Array(types.Int32).encode(None) + types.CompactArray(types.Int32).encode(None))
    assert (answer.array(answer.int32), answer.compact_array(answer.int32), left(answer)) == ([], [], 0)


def test_tagged_fields_are_passed_over() -> None:
    """Two fields, tags 0 and 300, of three bytes and of none."""
    answer = Answer(b"\x02" + b"\x00\x03abc" + b"\xac\x02\x00" + b"next")
    answer.tags()
    assert answer.rest() == b"next"


# --- what is not whole ----------------------------------------------------------------------------------------------

SHORT: dict[str, tuple[bytes, Reader]] = {
    "int8": (b"\x01", Answer.int8),
    "int16": (b"\x01\x02", Answer.int16),
    "int32": (b"\x01\x02\x03\x04", Answer.int32),
    "int64": (bytes(range(8)), Answer.int64),
    "varint": (b"\xff\xff\xff\xff\x0f", Answer.varint),
    "string": (kafka_bytes.string("string"), Answer.string),
    "compact": (kafka_bytes.compact("compact" * 30), Answer.compact),
    "array": (kafka_bytes.array([b"\0\1"] * 3), lambda answer: answer.array(answer.int16)),
    "compact array": (kafka_bytes.compact_array([b"\0\1"] * 200), lambda answer: answer.compact_array(answer.int16)),
    "tags": (b"\x02\x00\x03abc\x01\x00", Answer.tags),
}


@pytest.mark.parametrize("kind", SHORT)
def test_what_ends_too_early_is_malformed(kind: str) -> None:
    whole, read = SHORT[kind]
    read(Answer(whole))
    for size in range(len(whole)):
        with pytest.raises(Malformed):
            read(Answer(whole[:size]))


HUGE = struct.pack(">i", (1 << 31) - 1)


@pytest.mark.parametrize(
    ("claim", "read"),
    [
        (HUGE + b"\0" * 9, lambda answer: answer.array(answer.int32)),
        (b"\xff\xff\xff\xff\x0f" + b"\0" * 9, lambda answer: answer.compact_array(answer.int32)),
        (b"\xff\xff\xff\xff\x0f" + b"\0" * 9, Answer.tags),
        (b"\xff\xff\xff\xff\x0f" + b"\0" * 9, Answer.compact),
        (b"\x7f\xff" + b"\0" * 9, Answer.string),
    ],
)
def test_what_says_more_than_it_has_is_malformed_before_it_costs_anything(claim: bytes, read: Reader) -> None:
    with pytest.raises(Malformed):
        read(Answer(claim))


def test_a_varint_without_an_end_is_malformed() -> None:
    with pytest.raises(Malformed, match="32 bits"):
        Answer(b"\xff" * 100).varint()


def test_a_malformed_answer_is_a_lost_one() -> None:
    """Whoever handles a lost answer handles it: what was asked may have been done."""
    assert issubclass(Malformed, ConnectionLost)


def test_bytes_that_are_no_text_are_read_without_an_error() -> None:
    assert Answer(b"\x00\x02\xff\xfe").string() == "\ufffd\ufffd"


# --- frames ---------------------------------------------------------------------------------------------------------

PLAIN, FLEXIBLE = Api("EndTxn", 26, 2), Api("InitProducerId", 22, 4, flexible=True)


def test_a_frame_is_as_long_as_it_says_and_its_header_is_aiokafkas() -> None:
    for _, draw in draws(100):
        api, number, client = draw.choice((PLAIN, FLEXIBLE)), draw.randrange(1 << 31), any_text(draw, 40)
        parts = [draw.randbytes(draw.randrange(50)) for _ in range(draw.randrange(5))]
        sent = b"".join(frame(api, number, client, parts))
        kind = type("Request", (), {"API_KEY": api.key, "API_VERSION": api.version})()
        header = (RequestHeader_v2 if api.flexible else RequestHeader_v1)(kind, number, client).encode()
        assert sent == struct.pack(">i", len(sent) - 4) + header + b"".join(parts)


def test_an_answer_is_opened_by_its_header() -> None:
    number, answer = opened(PLAIN, types.Int32.encode(7) + b"body")
    assert (number, answer.rest()) == (7, b"body")
    number, answer = opened(FLEXIBLE, types.Int32.encode(8) + b"\x01\x05\x02ab" + b"body")
    assert (number, answer.rest()) == (8, b"body")


def test_an_answer_that_ends_in_its_header_is_malformed() -> None:
    for whole, api in ((b"\0\0\0\7", PLAIN), (b"\0\0\0\7\x01\x05\x02ab", FLEXIBLE)):
        for size in range(len(whole)):
            with pytest.raises(Malformed):
                opened(api, whole[:size])


def test_text_of_all_kinds_comes_back_as_it_was() -> None:
    for seed, draw in draws(200):
        text = any_text(draw, 30)
        stream = BytesIO(kafka_bytes.compact(text) + kafka_bytes.string(text))
        assert types.CompactString("utf-8").decode(stream) == text, seed
        assert types.String("utf-8").decode(stream) == text, seed
