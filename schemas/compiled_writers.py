"""Writers of our own schemas, written out as Python for each record and compiled once.

A record is one join of its pieces; what repeats from lead to lead is a piece that is ready (`repeated.py`), numbers
and lengths are looked up. What is written, for a record `P(rule: string, points: int, note: null or string)`:

    def write(r, a):
        a(join((TEXTS[r.rule], INTS[r.points],
                NULL if (t1 := r.note) is None else SOME[len(t1 := t1.encode())], t1 or NONE)))

`tests/unit/schemas/test_compiled.py` compares each with fastavro, byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas import varints
from schemas.compiled_source import Schema, Source, branch_of, chosen
from schemas.records import Record
from schemas.repeated import (
    FEW_ENTRIES,
    FEW_VALUES,
    REPEATED_ALONE,
    Remembered,
    RememberedTexts,
    Writer,
    entries_writer,
    list_writer,
)

_NAMES = {
    "join": b"".join,
    "DOUBLE": varints.DOUBLE.pack,
    "INTS": varints.Numbers(varints.write_int),
    "LONGS": varints.Numbers(varints.write_long),
    "LENGTHS": varints.Numbers(varints.write_length),
    "SOME": varints.Numbers(lambda length: b"\2" + varints.write_length(length)),
    "NULL": b"\0",
    "NONE": b"",
    "entries": entries_writer(),
}

_TEXTS_BY_TEXT = {"type": "map", "values": "string"}


def compile_writer(schema: Schema, types: Mapping[str, type[Record]], only: Sequence[str] = ()) -> Writer:
    """Return `write(record, append)`; with `only`, `write(first, second, ..., append)` for those fields' values."""
    source = _Writing(schema, types, {**_NAMES, "TIMES": varints.Times(), "TEXTS": RememberedTexts()})
    fields = chosen(schema, only)
    arguments = [f"x{index}" for index, _ in enumerate(fields)] if only else [f"r.{field['name']}" for field in fields]
    for field, argument in zip(fields, arguments, strict=True):
        source.write_field(field, argument)
    source.flush()
    writer: Writer = source.function("write", ", ".join([*(arguments if only else ["r"]), "a"]))
    return writer


class _Writing(Source):
    """The lines of a writer: pieces are collected and joined where a loop or a choice begins, and at the end."""

    def __init__(self, schema: Schema, types: Mapping[str, type[Record]], names: Mapping[str, Any]) -> None:
        super().__init__(schema, types, names)
        self._pieces: list[str] = []

    def write_field(self, field: Schema, value: str) -> None:
        """Add a field's value; a text of few values is remembered."""
        if field["type"] == "string" and field["name"] in FEW_VALUES:
            self._pieces.append(f"TEXTS[{value}]")
        elif field["name"] in FEW_ENTRIES and self._resolved(field["type"]) == _TEXTS_BY_TEXT:
            self._pieces.append(f"entries({value})")
        else:
            self._write(field["type"], value)

    def flush(self) -> None:
        """Add the line that appends the pieces collected so far."""
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            self.line(f"a({pieces[0]})")
        elif pieces:
            self.line(f"a(join(({', '.join(pieces)})))")

    def _write(self, schema: Any, value: str) -> None:
        schema = self._resolved(schema)
        if isinstance(schema, list):
            self._write_nullable(schema, value)
        elif isinstance(schema, str):
            self._write_primitive(schema, value)
        elif schema.get("name") in REPEATED_ALONE:
            name = f"bytes_of_{schema['name']}"
            self._globals[name] = Remembered(compile_writer(schema, self._types))
            self._pieces.append(f"{name}[{value}]")
        elif schema["type"] == "record":
            self._write_record(schema, value)
        elif self._repeats(schema):
            self._pieces.append(f"{self._list_writer(schema)}({value})")
        elif schema["type"] == "array":
            self._write_items(value, "item", lambda item: self._write(schema["items"], item))
        elif schema["type"] == "map":
            self._write_items(value, "entry", lambda entry: self._write_entry(schema, entry))
        else:
            self._pieces.append(f"TIMES[{value}]")

    def _write_record(self, schema: Schema, value: str) -> None:
        whole = self._fresh("r")
        self.flush()
        self.line(f"{whole} = {value}")
        for field in schema["fields"]:
            self.write_field(field, f"{whole}.{field['name']}")

    def _write_primitive(self, kind: str, value: str) -> None:
        text = self._fresh("t")
        pieces = {
            "string": (f"LENGTHS[len({text} := {value}.encode())]", text),
            "bytes": (f"LENGTHS[len({text} := {value})]", text),
            "int": (f"INTS[{value}]",),
            "long": (f"LONGS[{value}]",),
            "boolean": (f"b'\\1' if {value} else b'\\0'",),
            "double": (f"DOUBLE({value})",),
        }
        if kind not in pieces:
            raise ValueError(f"no writer for Avro type {kind}")
        self._pieces += pieces[kind]

    def _write_nullable(self, schema: list[Any], value: str) -> None:
        branch = self._resolved(branch_of(schema))
        held = self._fresh("t")
        if branch == "string":
            self._pieces += (
                f"NULL if ({held} := {value}) is None else SOME[len({held} := {held}.encode())]",
                f"{held} or NONE",
            )
            return
        self.flush()
        self._lines_of(f"{held} = {value}", f"if {held} is None: a(NULL)", "else:")

        def present() -> None:
            self._pieces.append(r"b'\2'")
            self._write(branch, held)
            self.flush()

        self._indented(present)

    def _write_items(self, value: str, kind: str, write: Callable[[str], None]) -> None:
        held, item = self._fresh("h"), self._fresh(kind)

        def present() -> None:
            self.line(f"a(LONGS[len({held})])")
            self.line(f"for {item} in {held}{'.items()' if kind == 'entry' else ''}:")
            self._indented(each)

        def each() -> None:
            write(item)
            self.flush()

        self.flush()
        self._lines_of(f"{held} = {value}", f"if {held}:")
        self._indented(present)
        self._pieces.append(r"b'\0'")

    def _write_entry(self, schema: Schema, entry: str) -> None:
        key, value = self._fresh("k"), self._fresh("w")
        self.line(f"{key}, {value} = {entry}")
        self._pieces.append(f"TEXTS[{key}]")
        self._write(schema["values"], value)

    def _list_writer(self, schema: Schema) -> str:
        item = self._resolved(schema["items"])
        name = f"list_of_{item['name']}"
        self._globals[name] = list_writer(compile_writer(item, self._types))
        return name
