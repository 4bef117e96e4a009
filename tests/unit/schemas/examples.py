"""Values of every record type: by hypothesis from the types alone, and one fixed example of each from a seed."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from schemas import records
from schemas.avro_files import file_schema, record_names
from schemas.records import Record

TYPES: dict[str, type[Record]] = {name: getattr(records, name) for name in record_names()}

_TEXT = st.text(st.characters(codec="utf-8"), max_size=80)
#: Its length matters (what is short is remembered, the length takes one byte or two); each letter of its own is a draw.
_LONG_TEXT = st.builds(lambda letter, length: letter * length, st.sampled_from("abé"), st.integers(60, 3000))
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT | _LONG_TEXT,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=100),
}
_INT = st.integers(-(2**31), 2**31 - 1)
_LONG = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3000), st.integers(1_600_000_000_000, 2**42))


@cache
def _hints(record: type[Record]) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


@cache
def any_of(record: type[Record]) -> st.SearchStrategy[Record]:
    """Return a strategy of all values that the record's schema allows."""
    hints = _hints(record)
    schema = {field["name"]: field["type"] for field in file_schema(record.__name__)["fields"]}
    return st.builds(record, **{name: _values(hints[name], schema[name]) for name in record.__struct_fields__})


def _values(hint: Any, schema: Any) -> st.SearchStrategy[Any]:
    arguments = typing.get_args(hint)
    if hint is int:
        return _INT if schema == "int" else _LONG
    if hint in _LEAVES:
        return _LEAVES[hint]
    if isinstance(hint, types.UnionType):
        return st.none() | _values(arguments[0], schema[1])
    if typing.get_origin(hint) is tuple:
        return st.lists(_values(arguments[0], schema["items"]), max_size=4).map(tuple)
    if typing.get_origin(hint) is dict:
        return st.dictionaries(_TEXT, _values(arguments[1], schema["values"]), max_size=4)
    return any_of(hint)


def filled(record: type[Record], text: str = "Wörd", number: int = 77) -> Any:
    """Return a value with something in each field, nested ones included."""
    hints = _hints(record)
    return record(*(_filled(hints[name], f"{text} {name}", number) for name in record.__struct_fields__))


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
