"""Sends the rows of a file as received leads; what cannot be sent goes to a rejects file with its line and reason."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from console.importing.mapping import ColumnMap, Origin, RowProblem, lead_of
from console.importing.reading import FileProblem, Row, Unreadable
from console.producing import Outgoing
from schemas.codec import Codec
from schemas.topics import RECEIVED, RECEIVED_BYTES_MAX


class Takes(Protocol):
    """What takes records: a `Sender`, or a list in a test."""

    def send(self, record: Outgoing) -> None:
        """Take one record."""
        ...


@dataclass(slots=True)
class Tally:
    """How many rows were handed over and how many could not be."""

    handed_over: int = 0
    rejected: int = 0


class Rejects:
    """The rejects file: `line,reason` for each row that could not be read, never the row itself. Made when needed.

    `source` is the file of the leads. Raises FileProblem when both are the same file.
    """

    def __init__(self, path: Path, source: Path) -> None:
        if path.exists() and path.samefile(source):
            raise FileProblem(f"--rejects: {path} is the file of the leads itself; name another place")
        self.path = path
        self._stack = ExitStack()
        self._write: Callable[[Iterable[object]], object] | None = None

    def add(self, line: int, reason: str) -> None:
        """Note one row. Raises FileProblem when the file cannot be written."""
        self.begin()((line, reason))

    def begin(self) -> Callable[[Iterable[object]], object]:
        """Make the file unless it is there, and return what writes a row of it. Raises FileProblem."""
        if self._write is None:
            try:
                file = self._stack.enter_context(self.path.open("w", encoding="utf-8", newline=""))
            except OSError as error:
                what = f"cannot write {self.path}: {error.strerror}; name another place with --rejects"
                raise FileProblem(what) from None
            self._write = csv.writer(file).writerow
            self._write(("line", "reason"))
        return self._write

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def send(
    rows: Iterable[Row | Unreadable],
    columns: ColumnMap,
    origin: Origin,
    codec: Codec,
    to: Takes,
    rejects: Rejects,
    now_ms: Callable[[], int],
    tally: Tally,
) -> Iterator[int]:
    """Send row by row, keep the tally, and yield each row's line, so that the caller sets the pace.

    Sending a file again sends the same identities again: what was received is then a repeat, and nothing is sold
    twice. Stopping half-way is safe therefore.

    Raises:
        NotTaken: Kafka refused records; the tally says how many were handed over, some may not have arrived.
    """
    for row in rows:
        try:
            to.send(_record(row, columns, origin, codec, now_ms()))
        except RowProblem as problem:
            tally.rejected += 1
            rejects.add(row.line, str(problem))
        else:
            tally.handed_over += 1
        yield row.line


def _record(row: Row | Unreadable, columns: ColumnMap, origin: Origin, codec: Codec, now_ms: int) -> Outgoing:
    if isinstance(row, Unreadable):
        raise RowProblem(row.reason)
    lead = lead_of(columns.values(row.values), origin, now_ms)
    value = codec.encode(lead)
    if len(value) > RECEIVED_BYTES_MAX:
        raise RowProblem(f"the lead has {len(value):,} bytes, the most is {RECEIVED_BYTES_MAX:,}")
    return Outgoing(RECEIVED, lead.supplier_lead_id, value)
