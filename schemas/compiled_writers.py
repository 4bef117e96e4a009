"""Writers of our own schemas, written out as Python for each record and compiled once.

A record is one join of its pieces; what repeats from lead to lead is a piece that is ready (`repeated.py`), numbers
and lengths are looked up. What is written, for a record `P(rule: string, points: int, note: null or string)`:

    def write(r):
        return join((TEXTS[r.rule], INTS[r.points],
                     NULL if (t1 := r.note) is None else SOME[len(t1 := t1.encode())], t1 or NONE))

`tests/unit/schemas/test_compiled.py` compares each with fastavro, byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import varints
from schemas.compiled_source import Schema, Source, branch_of, chosen
from schemas.records import Record
from schemas.repeated import (
    FEW_ENTRIES,
    FEW_VALUES,
    REPEATED_ALONE,
    RUNS,
    SHARED_ENTRIES,
    RememberedEntries,
    RememberedTexts,
    Writer,
    entries_writer,
    entry_bytes,
    items_writer,
    list_writer,
    named_writer,
    remembered,
    shared_writer,
)

_FEW_ENTRIES = entries_writer(RememberedEntries().__getitem__)

_NAMES = {
    "join": b"".join,
    "DOUBLE": varints.DOUBLE.pack,
    "INTS": varints.numbers(varints.write_int),
    "LONGS": varints.numbers(varints.write_long),
    "LENGTHS": varints.numbers(varints.write_length),
    "SOME": varints.numbers(lambda length: b"\2" + varints.write_length(length)),
    "NULL": b"\0",
    "NONE": b"",
    "few_entries": _FEW_ENTRIES,
    "shared_entries": shared_writer(_FEW_ENTRIES),
    "entries": entries_writer(entry_bytes),
}

_TEXTS_BY_TEXT = {"type": "map", "values": "string"}


_NOTHING: Mapping[str, Schema] = {}


def compile_writer(
    schema: Schema,
    types: Mapping[str, type[Record]],
    only: Sequence[str] = (),
    known: Mapping[str, Schema] = _NOTHING,
) -> Writer:
    """Return `write(record) -> bytes`; with `only`, `write(first, second, ...) -> bytes` for those fields' values.

    `known` are records that the schema may name although it does not define them.
    """
    source = _Writing(schema, types, {**_NAMES, "TIMES": varints.times(), "TEXTS": RememberedTexts()})
    source.know(known)
    fields = chosen(schema, only)
    arguments = [f"x{index}" for index, _ in enumerate(fields)] if only else [f"r.{field['name']}" for field in fields]
    value_of = {field["name"]: argument for field, argument in zip(fields, arguments, strict=True)}
    runs = {run[0]: run for run in RUNS.get(schema["name"], ()) if not only}
    together = {name for run in runs.values() for name in run[1:]}
    for field in fields:
        name = field["name"]
        if name in runs:
            write_run = compile_writer(schema, types, runs[name], known)
            source.write_run(name, write_run, [value_of[each] for each in runs[name]])
        elif name not in together:
            source.write_field(field, value_of[name])
    source.finish()
    writer: Writer = source.function("write", ", ".join(arguments if only else ["r"]))
    return writer


def _text(text: str) -> bytes:
    encoded = text.encode()
    return varints.write_length(len(encoded)) + encoded


def _bytes(value: bytes) -> bytes:
    return varints.write_length(len(value)) + value


_PRIMITIVES: Mapping[str, Writer] = {
    "string": _text,
    "bytes": _bytes,
    "int": varints.write_int,
    "long": varints.write_long,
}


class _Writing(Source):
    """The lines of a writer: pieces are collected and joined where a loop or a choice begins, and at the end."""

    def __init__(self, schema: Schema, types: Mapping[str, type[Record]], names: Mapping[str, Any]) -> None:
        super().__init__(schema, types, names)
        self._pieces: list[str] = []

    def write_field(self, field: Schema, value: str) -> None:
        """Add a field's value; a text of few values is remembered."""
        if field["type"] == "string" and field["name"] in FEW_VALUES:
            self._pieces.append(f"TEXTS[{value}]")
        elif field["name"] in FEW_ENTRIES and field["type"] == _TEXTS_BY_TEXT:
            writer = "shared_entries" if field["name"] in SHARED_ENTRIES else "few_entries"
            self._pieces.append(f"{writer}({value})")
        else:
            self._write(field["type"], value)

    def write_run(self, name: str, write: Writer, values: Sequence[str]) -> None:
        """Add fields that repeat together, by one look for all of them."""
        known = f"run_of_{name}"
        self._globals[known] = remembered(lambda run: write(*run))
        self._pieces.append(f"{known}[{', '.join(values)}]")

    def flush(self) -> None:
        """Add the line that appends the pieces collected so far."""
        if self._pieces:
            self.line(f"a({self._joined()})")

    def finish(self) -> None:
        """Add the line that returns all of it: in one join, if nothing had to be appended before."""
        if not self._lines:
            self.line(f"return {self._joined()}")
            return
        self.flush()
        self._lines.insert(0, "    parts = []; a = parts.append")
        self.line("return join(parts)")

    def _joined(self) -> str:
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else f"join(({', '.join(pieces)}))"

    def _write(self, schema: Any, value: str) -> None:
        schema = self._resolved(schema)
        if isinstance(schema, list):
            self._write_nullable(schema, value)
        elif isinstance(schema, str):
            self._write_primitive(schema, value)
        elif schema.get("name") in REPEATED_ALONE:
            name = f"bytes_of_{schema['name']}"
            self._globals[name] = remembered(compile_writer(schema, self._types))
            self._pieces.append(f"{name}[{value}]")
        elif schema["type"] == "record":
            self._write_record(schema, value)
        elif self._repeats(schema):
            self._pieces.append(f"{self._list_writer(schema)}({value})")
        elif schema["type"] == "array":
            self._pieces.append(f"{self._items_writer(schema)}({value})")
        elif schema == _TEXTS_BY_TEXT:
            self._pieces.append(f"entries({value})")
        elif schema["type"] == "map":
            self._pieces.append(f"{self._entries_writer(schema)}({value})")
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

    def _record_writer(self, schema: Schema) -> Writer:
        """Return the writer of a record inside of this one, which may name what was defined before it."""
        return compile_writer(schema, self._types, known=self._schemas)

    def _items_writer(self, schema: Schema) -> str:
        """Return the name of what writes an array whose items do not repeat."""
        item = self._resolved(schema["items"])
        name = f"items_of_{item if isinstance(item, str) else item['name']}"
        write_item = _PRIMITIVES[item] if isinstance(item, str) else self._record_writer(item)
        self._globals[name] = items_writer(write_item)
        return name

    def _entries_writer(self, schema: Schema) -> str:
        """Return the name of what writes a map of anything but texts."""
        name = f"entries_of_{schema['values']}"
        self._globals[name] = named_writer(_PRIMITIVES[schema["values"]])
        return name

    def _list_writer(self, schema: Schema) -> str:
        item = self._resolved(schema["items"])
        name = f"list_of_{item['name']}"
        self._globals[name] = list_writer(compile_writer(item, self._types))
        return name
