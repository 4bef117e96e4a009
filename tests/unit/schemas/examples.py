"""Values of every record type, from the types alone: by chance from a seed, and one fixed example of each."""

from __future__ import annotations

import math
import random
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from schemas import records
from schemas.avro_files import file_schema, record_names
from schemas.records import Record

TYPES: dict[str, type[Record]] = {name: getattr(records, name) for name in record_names()}

#: Letters of one to four bytes, and those that no text should hold.
_LETTERS = "aZ9 ~é߿€\uffff𝄞\U0010ffff\x00\x7f\n"
#: Lengths at which something changes: nothing, what one byte tells, what is remembered, what two bytes tell.
_LENGTHS = (0, 1, 1, 7, 20, 40, 63, 64, 65, 80, 127, 128, 3000)
_INTS = (0, -1, 1, 63, 64, -64, -65, 2**31 - 1, -(2**31))
_LONGS = (*_INTS, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -0.0, 1.5, 1e-320, -1.7e308, math.inf, -math.inf)


@cache
def _hints(record: type[Record]) -> Mapping[str, Any]:
    hints = typing.get_type_hints(record)
    return {name: hints[name] for name in record.__struct_fields__}


def any_of(record: type[Record], draw: random.Random) -> Any:
    """Return one of all values that the record's schema allows, bounds more often than chance would."""
    schema = _types(record.__name__)
    return record(*(_any(hint, schema[name], draw) for name, hint in _hints(record).items()))


@cache
def _types(name: str) -> Mapping[str, Any]:
    return {field["name"]: field["type"] for field in file_schema(name)["fields"]}


def _any(hint: Any, schema: Any, draw: random.Random) -> Any:
    arguments = typing.get_args(hint)
    if hint is int:
        return _number(draw, *((_INTS, 32) if schema == "int" else (_LONGS, 64)))
    if hint in _LEAVES:
        return _LEAVES[hint](draw)
    if isinstance(hint, types.UnionType):
        return draw.choice((None, _any(arguments[0], schema[1], draw)))
    if typing.get_origin(hint) is tuple:
        return tuple(_any(arguments[0], schema["items"], draw) for _ in range(draw.randint(0, 4)))
    if typing.get_origin(hint) is dict:
        return {any_text(draw): _any(arguments[1], schema["values"], draw) for _ in range(draw.randint(0, 4))}
    return any_of(hint, draw)


def _number(draw: random.Random, bounds: tuple[int, ...], bits: int) -> int:
    """Return a bound, or a number of any length up to so many bits with its sign."""
    return draw.choice((draw.choice(bounds), draw.choice((1, -1)) * draw.getrandbits(draw.randint(1, bits - 1))))


def any_text(draw: random.Random, letters: str = _LETTERS, lengths: Sequence[int] = _LENGTHS) -> str:
    """Return a text of one of these lengths, of one letter or of any."""
    length = draw.choice(lengths)
    return draw.choice(letters) * length if draw.random() < 0.5 else "".join(draw.choices(letters, k=length))


def _any_float(draw: random.Random) -> float:
    return draw.choice((draw.choice(_FLOATS), draw.gauss(0, 1000)))


_LEAVES: Mapping[Any, Callable[[random.Random], Any]] = {
    str: any_text,
    bool: lambda draw: draw.random() < 0.5,
    float: _any_float,
    bytes: lambda draw: draw.randbytes(draw.choice(_LENGTHS)),
}


def filled(record: type[Record], text: str = "Wörd", number: int = 77) -> Any:
    """Return a value with something in each field, nested ones included."""
    return record(*(_filled(hint, f"{text} {name}", number) for name, hint in _hints(record).items()))


def _filled(hint: Any, text: str, number: int) -> Any:
    arguments = typing.get_args(hint)
    leaves: dict[Any, Any] = {str: text, int: number, bool: True, float: number / 8, bytes: text.encode()}
    if hint in leaves:
        return leaves[hint]
    if isinstance(hint, types.UnionType):
        return _filled(arguments[0], text, number)
    if typing.get_origin(hint) is tuple:
        return (_filled(arguments[0], text, number), _filled(arguments[0], text + " again", number + 1))
    if typing.get_origin(hint) is dict:
        return {text: _filled(arguments[1], text, number)}
    return filled(hint, text, number)
