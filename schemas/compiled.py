"""Readers and writers of our own schemas, written out as Python for each record and compiled once.

fastavro walks a schema for each value and takes about a microsecond a nullable field; a function written for one
record takes a quarter of that and builds the frozen record at once (measured; `tests/unit/schemas/test_compiled.py`
holds both to the same bytes). Only our own records come here: foreign schemas are resolved by fastavro.

What is written, for the two fields of `Fault`-like record `P(rule: string, points: int)`:

    def read(b, p):                                     def write(r, a):
        n = b[p]                                            t = r.rule.encode()
        if n & 129: n, p = read_length(b, p)                n = len(t)
        else: n >>= 1; p += 1                               a(SHORT[n] if n < 2048 else write_long(n))
        v1 = b[p:p + n].decode(); p += n                    a(t)
        ...                                                 ...
        return P(v1, v2), p

What repeats from lead to lead is not read and written each time (`repeated.py`).

A reader is safe on hostile bytes: a text that would reach beyond the end leaves `p` beyond it, so that the next
byte raises IndexError or the caller finds that `p` is not the end. Loops take at least a byte an item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas import varints
from schemas.records import Record
from schemas.repeated import (
    FEW_VALUES,
    REPEATED,
    REPEATED_ALONE,
    Reader,
    Remembered,
    RememberedTexts,
    Writer,
    list_reader,
    list_writer,
)

Schema = Mapping[str, Any]

#: What a compiled reader raises for bytes that are no value of its schema.
BROKEN = (IndexError, ValueError, OverflowError)

_HELPERS = {
    "read_long": varints.read_long,
    "read_length": varints.read_length,
    "read_block": varints.read_block,
    "read_time": varints.read_time,
    "write_long": varints.write_long,
    "write_int": varints.write_int,
    "write_time": varints.write_time,
    "SHORT": varints.SHORT_NUMBERS,
    "DOUBLE": varints.DOUBLE,
    "unpack_double": varints.read_double,
    "Malformed": varints.Malformed,
}


def compile_reader(schema: Schema, types: Mapping[str, type[Record]], only: Sequence[str] = ()) -> Reader:
    """Return `read(bytes, position) -> (record, position after)` for a self-contained record schema.

    With `only`, the fields of that name (which must follow each other) are read and returned as a tuple.
    """
    source = _Source(schema, types)
    fields = _chosen(schema, only)
    names = [source.read(field["type"]) for field in fields]
    made = f"({', '.join(names)},)" if only else f"{source.type_of(schema)}({', '.join(names)})"
    source.line(f"return {made}, p")
    reader: Reader = source.function("read", "b, p")
    return reader


def compile_writer(schema: Schema, types: Mapping[str, type[Record]], only: Sequence[str] = ()) -> Writer:
    """Return `write(record, append)`; with `only`, `write(first, second, ..., append)` for those fields' values."""
    source = _Source(schema, types)
    fields = _chosen(schema, only)
    arguments = [f"x{index}" for index, _ in enumerate(fields)] if only else [f"r.{field['name']}" for field in fields]
    for field, argument in zip(fields, arguments, strict=True):
        source.write_field(field, argument)
    writer: Writer = source.function("write", ", ".join([*(arguments if only else ["r"]), "a"]))
    return writer


def _chosen(schema: Schema, only: Sequence[str]) -> list[Any]:
    fields = [field for field in schema["fields"] if not only or field["name"] in only]
    if only and [field["name"] for field in fields] != list(only):
        raise ValueError(f"{schema['name']} has no fields {', '.join(only)} in that order")
    return fields


class _Source:
    """The lines of one function and the names that it may use."""

    def __init__(self, schema: Schema, types: Mapping[str, type[Record]]) -> None:
        self._types = types
        self._schemas: dict[str, Schema] = {}
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._globals: dict[str, Any] = {**_HELPERS, "TIMES": {}, "STAMPS": {}, "TEXTS": RememberedTexts()}
        self._collect(schema)

    def function(self, name: str, arguments: str) -> Any:
        """Compile the lines collected so far into a function."""
        text = "\n".join([f"def {name}({arguments}):", *self._lines])
        exec(compile(text, f"<{name} of {', '.join(self._schemas)}>", "exec"), self._globals)  # noqa: S102 - our own lines
        return self._globals[name]

    def line(self, text: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + text)

    def type_of(self, schema: Schema) -> str:
        """Return the name by which the record's class is known to the function."""
        self._globals[schema["name"]] = self._types[schema["name"]]
        return str(schema["name"])

    def read(self, schema: Any) -> str:
        """Add the lines that read a value at `p` and move `p` behind it; return the variable that holds it."""
        into = self._fresh("v")
        self._read_into(self._resolved(schema), into)
        return into

    def write_field(self, field: Schema, value: str) -> None:
        """Add the lines that append the bytes of a field's value; a text of few values is remembered."""
        if field["type"] == "string" and field["name"] in FEW_VALUES:
            self.line(f"a(TEXTS[{value}])")
        else:
            self.write(field["type"], value)

    def write(self, schema: Any, value: str) -> None:
        """Add the lines that append the bytes of `value`, an expression."""
        schema = self._resolved(schema)
        if isinstance(schema, list):
            self._write_nullable(schema, value)
        elif isinstance(schema, str):
            self._write_primitive(schema, value)
        elif schema.get("name") in REPEATED_ALONE:
            name = f"bytes_of_{schema['name']}"
            self._globals[name] = Remembered(compile_writer(schema, self._types))
            self.line(f"a({name}[{value}])")
        elif schema["type"] == "record":
            whole = self._fresh("r")
            self.line(f"{whole} = {value}")
            for field in schema["fields"]:
                self.write_field(field, f"{whole}.{field['name']}")
        elif self._repeats(schema):
            self.line(f"{self._list_writer(schema)}({value}, a)")
        elif schema["type"] == "array":
            self._write_items(value, "item", lambda item: self.write(schema["items"], item))
        elif schema["type"] == "map":
            self._write_items(value, "entry", lambda entry: self._write_entry(schema, entry))
        else:
            self._write_time(value)

    # --- reading -------------------------------------------------------------------------------------------

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
        self._indented(lambda: self._read_into(self._resolved(_branch(schema)), into))
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

    # --- writing -------------------------------------------------------------------------------------------

    def _write_primitive(self, kind: str, value: str) -> None:
        if kind in ("string", "bytes"):
            self._lines_of(f"t = {value}{'.encode()' if kind == 'string' else ''}", "n = len(t)")
            self._lines_of(f"a(SHORT[n] if n < {varints.SHORT} else write_long(n))", "a(t)")
        elif kind in ("int", "long"):
            self._lines_of(f"n = {value}", f"a(SHORT[n] if 0 <= n < {varints.SHORT} else write_{kind}(n))")
        elif kind == "boolean":
            self.line(f"a(b'\\1' if {value} else b'\\0')")
        elif kind == "double":
            self.line(f"a(DOUBLE.pack({value}))")
        else:
            raise ValueError(f"no writer for Avro type {kind}")

    def _write_time(self, value: str) -> None:
        self._lines_of(f"n = {value}", "a(STAMPS.get(n) or write_time(n, STAMPS))")

    def _write_nullable(self, schema: list[Any], value: str) -> None:
        branch = self._resolved(_branch(schema))
        held = self._fresh("u")
        self._lines_of(f"{held} = {value}", f"if {held} is None: a(b'\\0')", "else:")

        def present() -> None:
            self.line("a(b'\\2')")
            self.write(branch, held)

        self._indented(present)

    def _write_items(self, value: str, kind: str, write: Callable[[str], None]) -> None:
        held, item = self._fresh("h"), self._fresh(kind)

        def present() -> None:
            self.line(f"n = len({held}); a(SHORT[n] if n < {varints.SHORT} else write_long(n))")
            self.line(f"for {item} in {held}{'.items()' if kind == 'entry' else ''}:")
            self._indented(lambda: write(item))

        self._lines_of(f"{held} = {value}", f"if {held}:")
        self._indented(present)
        self.line("a(b'\\0')")

    def _write_entry(self, schema: Schema, entry: str) -> None:
        key, value = self._fresh("k"), self._fresh("w")
        self.line(f"{key}, {value} = {entry}")
        self.line(f"a(TEXTS[{key}])")
        self.write(schema["values"], value)

    # --- lists that repeat -----------------------------------------------------------------------------------

    def _repeats(self, schema: Schema) -> bool:
        if schema["type"] != "array":
            return False
        item = self._resolved(schema["items"])
        return isinstance(item, dict) and item.get("name") in REPEATED

    def _list_reader(self, schema: Schema) -> str:
        item = self._resolved(schema["items"])
        name = f"read_list_of_{item['name']}"
        self._globals[name] = list_reader(compile_reader(item, self._types))
        return name

    def _list_writer(self, schema: Schema) -> str:
        item = self._resolved(schema["items"])
        name = f"write_list_of_{item['name']}"
        self._globals[name] = list_writer(compile_writer(item, self._types))
        return name

    # --- lines and names -----------------------------------------------------------------------------------

    def _lines_of(self, *texts: str) -> None:
        for text in texts:
            self.line(text)

    def _indented(self, add: Callable[[], object]) -> None:
        self._depth += 1
        add()
        self._depth -= 1

    def _fresh(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def _resolved(self, schema: Any) -> Any:
        """Return the definition behind a name, and a primitive without its wrapping."""
        if isinstance(schema, str):
            return self._schemas.get(schema, schema)
        if isinstance(schema, dict) and schema["type"] not in ("record", "array", "map"):
            return schema if schema.get("logicalType") == "timestamp-millis" else schema["type"]
        return schema

    def _collect(self, schema: Any) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._collect(branch)
        elif isinstance(schema, dict):
            if schema["type"] == "record":
                self._schemas[f"leadflow.{schema['name']}"] = schema
                for field in schema["fields"]:
                    self._collect(field["type"])
            self._collect(schema.get("items", schema.get("values")))


def _branch(union: list[Any]) -> Any:
    """Return the other branch of ["null", X], the only union that our schemas use."""
    if len(union) != 2 or union[0] != "null":
        raise ValueError('our schemas use no unions but ["null", X]')
    return union[1]
