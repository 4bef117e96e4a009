"""A ranked route that is read only as far as somebody asks, and passed on as the bytes that it came in.

A route holds up to fifty candidates, and an owner looks at one or two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from schemas.compiled import BROKEN
from schemas.errors import Undecodable
from schemas.records import Candidate
from schemas.repeated import Reader
from schemas.varints import read_block


class Route(Sequence[Candidate]):
    """The candidates of one list in Avro's form, `written` with its end mark; equal to any sequence of the same.

    `seen` are all of them, if they are known. Looking at a candidate raises Undecodable when the bytes are no list of
    candidates.
    """

    __slots__ = ("_at", "_count", "_read", "_seen", "written")

    def __init__(self, written: bytes, read_candidate: Reader, seen: Sequence[Candidate] = ()) -> None:
        self.written = written
        self._read = read_candidate
        self._count, self._at = (len(seen), 0) if seen else read_block(written, 0)
        self._seen = list(seen)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        """Return one candidate, having read those before it; or some, having read all."""
        if isinstance(index, slice):
            return tuple(self)[index]
        wanted = index + self._count if index < 0 else index
        if not 0 <= wanted < self._count:
            raise IndexError(f"no candidate {index} in a route of {self._count}")
        while len(self._seen) <= wanted:
            self._read_next()
        return self._seen[wanted]

    def __iter__(self) -> Iterator[Candidate]:
        return (self[index] for index in range(self._count))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Route):
            return self.written == other.written
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Route({', '.join(candidate.contract_id for candidate in self)})"

    def _read_next(self) -> None:
        try:
            candidate, self._at = self._read(self.written, self._at)
        except BROKEN:
            raise Undecodable(f"candidate {len(self._seen)} of a route of {self._count} cannot be read") from None
        self._seen.append(candidate)
