"""Reads a CSV file row by row: encoding and delimiter found or given, every bad row named by its line.

A file is read as a stream, so its size does not matter. A row that cannot be read never takes its neighbours with
it: a quote that is opened and not closed costs its own line alone.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from charset_normalizer import from_bytes

from schemas.errors import LeadflowError

#: Bytes looked at to find encoding and delimiter: enough for some hundred rows, read in a millisecond.
SAMPLE_BYTES = 256 * 1024
#: A row is at most what `leads.received` takes as a record; a longer line is no lead.
LINE_CHARS_MAX = 64 * 1024
#: A quoted value may hold line ends (addresses do), but not more than this; beyond, the quote was never closed.
ROW_LINES_MAX = 20
#: Rows of the sample that vote on the delimiter.
VOTING_ROWS = 50
DELIMITERS = (",", ";", "\t", "|")
#: What American spreadsheets save, when it is not Unicode; others are to be named by --encoding.
LEGACY_ENCODINGS = ["cp1252", "mac_roman"]
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileProblem(LeadflowError):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is written: a Python codec's name and one delimiting character."""

    encoding: str
    delimiter: str

    def __str__(self) -> str:
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        return f"{self.encoding}, columns separated by {names.get(self.delimiter, repr(self.delimiter))}"


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """A row that could be read: the line it begins at (the header is line 1), one value a column."""

    line: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be read; `reason` never quotes it."""

    line: int
    reason: str


def detect(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Format:
    """Find how the file is written; what is given is taken as given.

    Raises:
        FileProblem: the file is missing, empty, a pipe, no text, or not in the encoding that was given.
    """
    sample = _sample(path)
    encoding = _known(encoding) if encoding else detect_encoding(sample)
    try:
        text = codecs.getincrementaldecoder(encoding)("surrogateescape").decode(sample)
    except UnicodeError:
        raise FileProblem(f"{path} is not written in {encoding}; leave --encoding out to have it found") from None
    if "\x00" in text:
        raise FileProblem(
            f"{path} holds zero bytes, so it is not a text file: save the sheet as CSV and import that;"
            " if it is UTF-16 without a mark, say --encoding utf-16-le"
        )
    return Format(encoding, delimiter or detect_delimiter(text))


def _sample(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise FileProblem(f"{path} is a pipe or a device; a file is read twice: save it as a file and import that")
    try:
        with path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror or error}") from None
    if not sample.strip():
        raise FileProblem(f"{path} is empty; the first line must name the columns")
    return sample


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)  # unlike a look-up it refuses codecs that make no text, such as base64
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError):
        raise FileProblem(f"unknown encoding {encoding!r}; common ones: utf-8, cp1252, latin-1, utf-16") from None


def detect_encoding(sample: bytes) -> str:
    """Name the encoding of a sample: by its mark, as UTF-8 when it is valid, else the likeliest legacy one."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        guess = from_bytes(sample, cp_isolation=LEGACY_ENCODINGS).best()
        return guess.encoding if guess else "cp1252"
    return "utf-8"


def detect_delimiter(text: str) -> str:
    """Return the delimiter that gives the most rows of the header's width, the wider one on a tie; else a comma."""
    lines = text.splitlines()[: VOTING_ROWS * 2]
    best, best_votes = ",", (0.0, 1)
    for delimiter in DELIMITERS:
        widths = _widths(lines, delimiter)
        if not widths or widths[0] < 2:
            continue
        votes = (Counter(widths)[widths[0]] / len(widths), widths[0])
        if votes > best_votes:
            best, best_votes = delimiter, votes
    return best


def _widths(lines: list[str], delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                widths.append(len(row))
            if len(widths) == VOTING_ROWS:
                break
    except csv.Error:
        pass  # what was read until then may vote
    return widths


def read_header(path: Path, form: Format) -> tuple[str, ...]:
    """Return the names of the columns, each unique: a second `email` becomes `email (2)`, an empty one `column 4`.

    Raises:
        FileProblem: the first line holds values instead of names, or cannot be read.
    """
    first = next(_records(path, form), None)
    if first is None or isinstance(first, Unreadable):
        raise FileProblem(f"the first line of {path} must name the columns: {first.reason if first else 'it is empty'}")
    if any("@" in value for value in first.values):
        raise FileProblem(f"the first line of {path} holds a lead, not column names; add a line that names the columns")
    return _unique_names(first.values)


def _unique_names(values: tuple[str, ...]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    names = []
    for index, value in enumerate(values, start=1):
        name = value.strip() or f"column {index}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)


def read_rows(path: Path, form: Format, columns: int) -> Iterator[Row | Unreadable]:
    """Yield every row below the header in the file's order; empty lines are passed over."""
    records = _records(path, form)
    next(records, None)
    for record in records:
        if isinstance(record, Row) and len(record.values) != columns:
            yield Unreadable(record.line, f"{columns} columns expected, {len(record.values)} found")
        else:
            yield record


def _records(path: Path, form: Format) -> Iterator[Row | Unreadable]:
    with path.open("r", encoding=form.encoding, errors="surrogateescape", newline="") as file:
        lines = _Lines(file)
        while (text := lines.take()) is not None:
            line = lines.number
            if len(text) >= LINE_CHARS_MAX:
                lines.skip_rest_of_line(text)
                yield Unreadable(line, f"the line is longer than {LINE_CHARS_MAX // 1024} KiB")
            elif text.strip():
                yield _record(lines, line, text, form)


def _record(lines: _Lines, line: int, text: str, form: Format) -> Row | Unreadable:
    """Parse one row that begins with `text`; takes further lines while a quote is open, and gives them back."""
    taken = [text]
    while True:
        try:
            values = next(csv.reader(taken, delimiter=form.delimiter, strict=True))
        except csv.Error as error:
            if not _quote_is_open(error):
                lines.give_back(taken[1:])
                return Unreadable(line, f"not CSV: {error}")
        else:
            if not all(_decoded(part) for part in taken):
                return Unreadable(line, f"bytes that are not {form.encoding}")
            return Row(line, tuple(values))
        following = lines.take() if len(taken) < ROW_LINES_MAX else None
        if following is None:
            lines.give_back(taken[1:])
            return Unreadable(line, "a quote is opened and not closed")
        taken.append(following)


def _quote_is_open(error: csv.Error) -> bool:
    return "unexpected end of data" in str(error)


def _decoded(text: str) -> bool:
    return not any("\udc80" <= sign <= "\udcff" for sign in text) if not text.isascii() else True


class _Lines:
    """Physical lines with their numbers, some of which may be given back."""

    def __init__(self, file: IO[str]) -> None:
        self.number = 0
        self._file = file
        self._returned: deque[str] = deque()

    def take(self) -> str | None:
        """Return the next line with its line end, at most `LINE_CHARS_MAX` characters of it; None at the end."""
        text = self._returned.popleft() if self._returned else self._file.readline(LINE_CHARS_MAX)
        self.number += bool(text)
        return text or None

    def give_back(self, texts: list[str]) -> None:
        """Put lines back in front, in their order."""
        self._returned.extendleft(reversed(texts))
        self.number -= len(texts)

    def skip_rest_of_line(self, text: str) -> None:
        """Go on to the next line end, in bounded bites."""
        while text and not text.endswith(("\n", "\r")):
            text = self._file.readline(LINE_CHARS_MAX)
