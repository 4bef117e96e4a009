"""Readers of our own schemas, written out as Python for each record and compiled once.

fastavro walks a schema for each value and takes about a microsecond a nullable field; a function written for one
record takes a quarter of that and builds the frozen record at once (measured; `tests/unit/schemas/test_compiled.py`
holds both to the same bytes). Only our own records come here: foreign schemas are resolved by fastavro.

What is written, for the two fields of `Fault`-like record `P(rule: string, points: int)`:

    def read(b, p):
        n = b[p]
        if n & 129: n, p = read_length(b, p); e = p + n
        else: p += 1; e = p + (n >> 1)
        v1 = b[p:e].decode(); p = e
        ...
        return P(v1, v2), p

What repeats from lead to lead is not read each time (`repeated.py`), and there is a shorter way for a record that ends
in plain text (`compiled_text.py`).

A reader is safe on hostile bytes: a text that would reach beyond the end leaves `p` beyond it, so that the next
byte raises IndexError or the caller finds that `p` is not the end. Loops take at least a byte an item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas import varints
from schemas.compiled_source import Schema, Source, branch_of, chosen
from schemas.compiled_text import FIELDS_MIN, TextReader, compile_text_reader, text_at_the_end
from schemas.records import Record
from schemas.repeated import Reader, list_reader

#: Records behind which nothing comes in what is read: the short way needs all bytes from its first text on.
WHOLE = frozenset({"LeadReceived", "Lead"})

#: What a compiled reader raises for bytes that are no value of its schema.
BROKEN = (IndexError, ValueError, OverflowError)

_NAMES = {
    "read_long": varints.read_long,
    "read_length": varints.read_length,
    "read_block": varints.read_block,
    "read_time": varints.read_time,
    "unpack_double": varints.read_double,
    "Malformed": varints.Malformed,
}


def compile_reader(schema: Schema, types: Mapping[str, type[Record]], only: Sequence[str] = ()) -> Reader:
    """Return `read(bytes, position) -> (record, position after)` for a self-contained record schema.

    With `only`, the fields of that name (which must follow each other) are read and returned as a tuple.
    """
    source = _Reading(schema, types, {**_NAMES, "TIMES": {}})
    fields = chosen(schema, only)
    text = text_at_the_end(schema) if schema["name"] in WHOLE and not only else 0
    if text >= FIELDS_MIN:
        before = [source.read(field["type"]) for field in fields[:-text]]
        source.try_text(compile_text_reader(schema, types), before)
        names = [*before, *[source.read(field["type"]) for field in fields[-text:]]]
    else:
        names = [source.read(field["type"]) for field in fields]
    made = f"({', '.join(names)},)" if only else f"{source.type_of(schema)}({', '.join(names)})"
    source.line(f"return {made}, p")
    reader: Reader = source.function("read", "b, p")
    return reader


class _Reading(Source):
    """The lines of a reader: `b` are the bytes, `p` is the position."""

    def type_of(self, schema: Schema) -> str:
        """Return the name by which the record's class is known to the function."""
        self._globals[schema["name"]] = self._types[schema["name"]]
        return str(schema["name"])

    def try_text(self, short: TextReader, before: Sequence[str]) -> None:
        """Add the lines that read the rest of the bytes the short way, if that can be done."""
        self._globals["short"] = short
        self._lines_of("s = b[p:]", "if s.isascii():")
        self._indented(lambda: self._return_text(before))

    def _return_text(self, before: Sequence[str]) -> None:
        self.line(f"r = short({', '.join(['s', 's.decode()', *before])})")
        self.line("if r is not None: return r, len(b)")

    def read(self, schema: Any) -> str:
        """Add the lines that read a value at `p` and move `p` behind it; return the variable that holds it."""
        into = self._fresh("v")
        self._read_into(self._resolved(schema), into)
        return into

    def _read_into(self, schema: Any, into: str) -> None:
        if isinstance(schema, list):
            self._read_nullable(schema, into)
        elif isinstance(schema, str):
            self._read_primitive(schema, into)
        elif schema["type"] == "record":
            names = [self.read(field["type"]) for field in schema["fields"]]
            self.line(f"{into} = {self.type_of(schema)}({', '.join(names)})")
        elif self._repeats(schema):
            self.line(f"{into}, p = {self._list_reader(schema)}(b, p)")
        elif schema["type"] == "array":
            self.line(f"{into} = []")
            self._read_blocks(lambda: self.line(f"{into}.append({self.read(schema['items'])})"))
            self.line(f"{into} = tuple({into})")
        elif schema["type"] == "map":
            self.line(f"{into} = {{}}")
            self._read_blocks(lambda: self._read_entry(schema, into))
        else:
            self._read_time(into)

    def _read_primitive(self, kind: str, into: str) -> None:
        if kind in ("string", "bytes"):
            self._lines_of(
                "n = b[p]", "if n & 129: n, p = read_length(b, p); e = p + n", "else: p += 1; e = p + (n >> 1)"
            )
            self.line(f"{into} = b[p:e]{'.decode()' if kind == 'string' else ''}; p = e")
        elif kind in ("int", "long"):
            self._lines_of(
                f"{into} = b[p]", f"if {into} & 129: {into}, p = read_long(b, p)", f"else: {into} >>= 1; p += 1"
            )
        elif kind == "boolean":
            self._lines_of("n = b[p]; p += 1", "if n > 1: raise Malformed(f'a boolean of {n} at byte {p - 1}')")
            self.line(f"{into} = n == 1")
        elif kind == "double":
            self.line(f"{into} = unpack_double(b, p); p += 8")
        else:
            raise ValueError(f"no reader for Avro type {kind}")

    def _read_time(self, into: str) -> None:
        self._lines_of(
            f"{into} = TIMES.get(b[p:p + {varints.TIME_BYTES}])",
            f"if {into} is None: {into}, p = read_time(b, p, TIMES)",
            f"else: p += {varints.TIME_BYTES}",
        )

    def _read_nullable(self, schema: list[Any], into: str) -> None:
        self._lines_of("n = b[p]; p += 1", "if n == 2:")
        self._indented(lambda: self._read_into(self._resolved(branch_of(schema)), into))
        self._lines_of(f"elif n == 0: {into} = None", "else: raise Malformed(f'branch {n} of a union at byte {p - 1}')")

    def _read_blocks(self, item: Callable[[], None]) -> None:
        count = self._fresh("c")

        def block() -> None:
            self._lines_of(f"if {count} & 129: {count}, p = read_block(b, p)", f"else: {count} >>= 1; p += 1")
            self.line(f"for _ in range({count}):")
            self._indented(item)
            self.line(f"{count} = b[p]")

        self._lines_of(f"{count} = b[p]", f"while {count}:")
        self._indented(block)
        self.line("p += 1")

    def _read_entry(self, schema: Schema, into: str) -> None:
        key = self.read("string")
        self.line(f"{into}[{key}] = {self.read(schema['values'])}")

    def _list_reader(self, schema: Schema) -> str:
        item = self._resolved(schema["items"])
        name = f"read_list_of_{item['name']}"
        self._globals[name] = list_reader(compile_reader(item, self._types))
        return name
