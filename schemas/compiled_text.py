"""The short way to read a record that ends in text: what a lead mostly is, if all of it is ASCII.

Bytes below 128 throughout mean that every text is shorter than 64 characters, that every length is one byte, and that
the texts may be cut from the whole, decoded once. `compiled_readers.py` writes the long way for everything else, and
whatever looks odd here is left to it: so both accept the same bytes, and errors are told in one place.

What is written, for the end of a record `P(..., city: null or string)`, with `s` the bytes from there on and `t` the
same as text:

    def read(s, t, v1):
        q = 0
        try:
            n = s[q]
            if n == 2: q += 2; e = q + SIZE[s[q - 1]]; v2 = t[q:e]; q = e
            elif n: return None
            else: v2 = None; q += 1
        except IndexError: return None
        return None if q != len(s) else P(v1, v2)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.compiled_source import Schema, Source
from schemas.records import Record
from schemas.repeated import RememberedPairs

#: Fewer fields of text at the end are not worth a second way to read them.
FIELDS_MIN = 4

#: Beyond the end of whatever is read.
_BEYOND = 1 << 40

#: What a byte says of a length or a count: it is zig-zagged, so an odd one is negative, and no way to go on.
_SIZE = tuple(_BEYOND if byte & 1 else byte >> 1 for byte in range(128))

#: Returns the record that these bytes, the same as text, and the fields before them make; None: read it the long way.
TextReader = Callable[..., Record | None]

_NULLABLE = ["null", "string"]
_TEXTS = {"type": "array", "items": "string"}
_TEXTS_BY_TEXT = {"type": "map", "values": "string"}


def text_at_the_end(schema: Schema) -> int:
    """Return how many of the record's last fields hold only text, texts or a boolean."""
    count = 0
    for field in reversed(schema["fields"]):
        if field["type"] not in ("string", "boolean", _NULLABLE, _TEXTS, _TEXTS_BY_TEXT):
            break
        count += 1
    return count


def compile_text_reader(schema: Schema, types: Mapping[str, type[Record]]) -> TextReader:
    """Return `read(bytes, text, values of the fields before) -> record or None` for a record that ends in text."""
    fields = schema["fields"]
    before = len(fields) - text_at_the_end(schema)
    source = _Reading(schema, types, {"PAIRS": RememberedPairs(), "SIZE": _SIZE, "make": types[schema["name"]]})
    return source.reader([field["type"] for field in fields[before:]], [f"v{number}" for number in range(before)])


class _Reading(Source):
    """The lines of a reader: `q` is the position in both `s` and `t`."""

    def reader(self, kinds: Sequence[Any], before: Sequence[str]) -> TextReader:
        """Add the lines for fields of these types and return the function."""
        values = [f"w{number}" for number, _ in enumerate(kinds)]
        self._lines_of("q = 0", "try:")
        for kind, into in zip(kinds, values, strict=True):
            self._indented(lambda kind=kind, into=into: self._read(kind, into))  # type: ignore[misc]
        self.line("except IndexError: return None")
        self.line(f"return None if q != len(s) else make({', '.join([*before, *values])})")
        read: TextReader = self.function("read", ", ".join(["s", "t", *before]))
        return read

    def _read(self, kind: Any, into: str) -> None:
        if kind == _NULLABLE:
            self._lines_of(
                "n = s[q]",
                f"if n == 2: q += 2; e = q + SIZE[s[q - 1]]; {into} = t[q:e]; q = e",
                "elif n: return None",
                f"else: {into} = None; q += 1",
            )
        elif kind == "boolean":
            self._lines_of("n = s[q]; q += 1", "if n > 1: return None", f"{into} = n == 1")
        elif kind == "string":
            self.line(f"q += 1; e = q + SIZE[s[q - 1]]; {into} = t[q:e]; q = e")
        elif kind == _TEXTS:
            self.line(f"{into} = []")
            self._blocks(f"q += 1; e = q + SIZE[s[q - 1]]; {into}.append(t[q:e]); q = e")
            self.line(f"{into} = tuple({into})")
        else:
            self.line(f"{into} = {{}}")
            self._blocks(
                "e = q + SIZE[s[q]] + 1; e += SIZE[s[e]] + 1",
                f"k, x = PAIRS[t[q:e]]; {into}[k] = x; q = e",
            )

    def _blocks(self, *item: str) -> None:
        self._lines_of("c = s[q]; q += 1", "while c:")
        self._indented(lambda: self._block(item))

    def _block(self, item: Sequence[str]) -> None:
        self.line("for _ in range(SIZE[c]):")
        self._indented(lambda: self._lines_of(*item))
        self.line("c = s[q]; q += 1")
