"""The short ways of plain text: to read a record that ends in text, and to write a lead, if all of it is ASCII.

Bytes below 128 throughout mean that every text is shorter than 64 characters, that every length is one byte, and that
the texts may be cut from the whole, decoded once, or put together and encoded once. `compiled_readers.py` and
`compiled_writers.py` have the long way for everything else, and whatever looks odd here is left to them: so both accept
and write the same bytes, and errors are told in one place.

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
from functools import partial
from typing import Any

from schemas.compiled_source import Schema, Source
from schemas.records import Record
from schemas.repeated import REMEMBERED_MAX, remembered_pairs

#: Fewer fields of text at the end are not worth a second way to read them.
FIELDS_MIN = 4

#: Beyond the end of whatever is read.
_BEYOND = 1 << 40

#: What a byte says of a length or a count: it is zig-zagged, so an odd one is negative, and no way to go on.
_SIZE = tuple(_BEYOND if byte & 1 else byte >> 1 for byte in range(128))

#: Returns the record that these bytes, the same as text, and the fields before them make; None: read it the long way.
TextReader = Callable[..., Record | None]

#: Returns the bytes of a Lead with these values, or None: write it the long way.
LeadWriter = Callable[[Mapping[str, str]], bytes | None]

#: Texts below this length have a length of one byte below 128.
_PLAIN = 64
_NOT_PLAIN = "\x80"

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
    source = _Reading(schema, types, {"PAIRS": remembered_pairs(), "SIZE": _SIZE, "make": types[schema["name"]]})
    return source.reader([field["type"] for field in fields[before:]], [f"v{number}" for number in range(before)])


def compile_lead_writer(columns: Sequence[str], mapped: Sequence[str]) -> LeadWriter:
    """Return `write(values) -> bytes of a Lead or None`: None, if it is not plain text.

    `columns` are all fields of a Lead but its map, `mapped` those that the map may hold, in their order. A value is
    never empty; one that is missing is left out.
    """
    known = {name: _Entries(name) for name in mapped}

    def some(values: Mapping[str, str]) -> str:
        entries = [known[name][values[name]] for name in mapped if name in values]
        return "".join((_size(len(entries)), *entries, "\0" if entries else ""))

    names: dict[str, Any] = {
        "join": "".join,
        "SIZED": _Sizes((length, "\2" + _size(length)) for length in range(_PLAIN)),
        "COUNT": _size(len(mapped)),
        "END": "\0" if mapped else "",
        "some": some,
    }
    names |= {f"entry{number}": known[name] for number, name in enumerate(mapped)}
    pieces = [
        piece for column in columns for piece in (f"SIZED[len(x)] if (x := get({column!r})) else '\\0'", "x or ''")
    ]
    entries = "".join(f"entry{number}[values[{name!r}]], " for number, name in enumerate(mapped))
    lines = (
        "def write(values):",
        "    get = values.get",
        f"    try: entries = join((COUNT, {entries}END))",
        "    except KeyError: entries = some(values)",
        f"    text = join(({', '.join(pieces)}, entries))",
        "    return text.encode() if text.isascii() else None",
    )
    exec(compile("\n".join(lines), "<write of Lead>", "exec"), names)  # noqa: S102 - our own lines
    write: LeadWriter = names["write"]
    return write


def _size(number: int) -> str:
    """Return a length or a count as text; from 64 on it is no plain text, whatever the byte."""
    return chr(2 * number) if number < _PLAIN else _NOT_PLAIN


class _Sizes(dict[int, str]):
    """What stands before a text that is there, by its length."""

    def __missing__(self, length: int) -> str:
        return _NOT_PLAIN


class _Entries(dict[str, str]):
    """The entries of one key of a map, by value, as text. Bounded; unlike a `Memo` it keeps the short ones only."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = _size(len(key)) + key

    def __missing__(self, value: str) -> str:
        entry = f"{self._key}{_size(len(value))}{value}"
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        if len(value) < _PLAIN:
            self[value] = entry
        return entry


class _Reading(Source):
    """The lines of a reader: `q` is the position in both `s` and `t`."""

    def reader(self, kinds: Sequence[Any], before: Sequence[str]) -> TextReader:
        """Add the lines for fields of these types and return the function."""
        values = [f"w{number}" for number, _ in enumerate(kinds)]
        self._lines_of("q = 0", "try:")
        for kind, into in zip(kinds, values, strict=True):
            self._indented(partial(self._read, kind, into))
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
