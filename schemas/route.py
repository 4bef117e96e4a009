"""A ranked route that is read only as far as somebody asks, and passed on as the bytes that it came in.

A route holds up to fifty candidates, and an owner looks at one or two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final, overload

from schemas.codec import own_reader, own_writer
from schemas.compiled_readers import BROKEN
from schemas.errors import Undecodable
from schemas.records import Candidate
from schemas.repeated import remembered
from schemas.varints import read_block, write_count, write_length

_READ: Final = own_reader("Candidate")


class Route(Sequence[Candidate]):
    """The candidates of one list in Avro's form, `written` with its end mark; equal to any sequence of the same.

    `known`, if the bytes need not be asked: how many there are, the first, and the position behind it. Looking at a
    candidate raises Undecodable when the bytes are no list of candidates.
    """

    __slots__ = ("_at", "_count", "_seen", "written")

    def __init__(self, written: bytes, known: tuple[int, Candidate, int] | None = None) -> None:
        self.written = written
        self._seen: list[Candidate] = []
        if known is None:
            self._count, self._at = read_block(written, 0)
        else:
            self._count, first, self._at = known
            self._seen.append(first)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        """Return one candidate, having read those before it; or some, having read all."""
        if index == 0 and self._seen:  # most often
            return self._seen[0]
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
            candidate, self._at = _READ(self.written, self._at)
        except BROKEN:
            raise Undecodable(f"candidate {len(self._seen)} of a route of {self._count} cannot be read") from None
        self._seen.append(candidate)


class Pool:
    """Candidates with their bytes at hand, from which routes are put together in any order. Immutable."""

    __slots__ = ("_written", "candidates")

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        self._written = [_WRITTEN[candidate] for candidate in candidates]

    def route(self, order: Sequence[int]) -> Route:
        """Return the route of these candidates, named by their places in the pool; at least one."""
        written, first = self._written, order[0]
        block = b"".join(itemgetter(*order)(written)) if len(order) > 1 else written[first]
        head = write_count(len(order)) + write_length(len(block))
        known = (len(order), self.candidates[first], len(head) + len(written[first]))
        return Route(b"".join((head, block, b"\0")), known)


def route_of(candidates: Sequence[Candidate]) -> Route:
    """Return the route of these candidates, in their order: itself, if it is one."""
    if isinstance(candidates, Route):
        return candidates
    return Pool(candidates).route(range(len(candidates))) if candidates else Route(b"\0")


#: The bytes of candidates: there are as many as the lines of all price lists.
_WRITTEN: Final = remembered(own_writer("Candidate"))
