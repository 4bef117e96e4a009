"""What a stage remembers of one partition: its tables in memory, with the pre-images of the open epoch.

Values that came from the changelog stay bytes until they are first asked for, so that a million entries are back in
seconds; a value that is asked for is decoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas.errors import PartitionStop, Poison
from schemas.records import Record
from streams.positions import POSITION_TABLE, SEPARATOR

_ABSENT: Any = object()
Decode = Callable[[bytes], Record]


class StoreTable:
    """One partition of one table; implements `streams.stage.Table`. Bytes are values not yet decoded."""

    __slots__ = ("_before", "_decode", "_type", "name", "values")

    def __init__(self, name: str, record_type: type[Record], decode: Decode) -> None:
        self.name = name
        self._type = record_type
        self._decode = decode
        #: What is there, bytes or records; the store loads into it.
        self.values: dict[str, Any] = {}
        self._before: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return the value, or None. Raises PartitionStop when the changelog's bytes cannot be read."""
        value = self.values.get(key)
        if type(value) is bytes:
            value = self.values[key] = self._decoded(value)
        return value

    def _decoded(self, value: bytes) -> Record:
        """Decode a value of the changelog. That it cannot be read is no fault of the record that asks for it."""
        try:
            return self._decode(value)
        except Poison as error:
            raise PartitionStop(f"table {self.name} holds a value that cannot be read: {error}") from error

    def put(self, key: str, value: Record) -> None:
        """Set; the first change of an epoch keeps the value before it."""
        if type(value) is not self._type:
            raise TypeError(f"table {self.name} holds {self._type.__name__}, not {type(value).__name__}")
        if key not in self._before:
            self._before[key] = self.values.get(key, _ABSENT)
        self.values[key] = value

    def delete(self, key: str) -> None:
        """Remove; removing an absent key does nothing."""
        if key in self.values:
            before = self.values.pop(key)
            self._before.setdefault(key, before)

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def keys(self) -> Iterator[str]:
        """Iterate over a snapshot of the keys."""
        return iter(list(self.values))

    def changes(self) -> Iterator[tuple[str, Record | None]]:
        """Yield each key that the epoch left different from before, with its value (None: removed)."""
        for key, before in self._before.items():
            now = self.values.get(key, _ABSENT)
            if now is not before:
                yield key, None if now is _ABSENT else now

    def undo(self) -> None:
        """Go back to before the epoch."""
        for key, before in self._before.items():
            if before is _ABSENT:
                self.values.pop(key, None)
            else:
                self.values[key] = before
        self._before.clear()

    def keep(self) -> None:
        """Make the epoch's changes final."""
        self._before.clear()


class Store:
    """All tables of a stage for one partition, and the position records beside them."""

    def __init__(self, tables: Mapping[str, type[Record]], decode: Decode) -> None:
        self.tables = {name: StoreTable(name, record, decode) for name, record in tables.items()}
        #: By source topic: a position record's bytes as the changelog has them, or the offset that this very state,
        #: kept over a revoke, had come to: records of it below the offset that is read on from are not read again.
        self.positions: dict[str, bytes | int] = {}
        self._loaded = {name.encode(): table.values for name, table in self.tables.items()}

    def load(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Apply changelog records, in their order; of a table that the stage no longer has, nothing is kept.

        One loop without calls of ours: a million entries are to be back in two seconds.
        """
        find = self._loaded.get
        for key, value in records:
            if key is None:
                continue
            name, _, rest = key.partition(SEPARATOR)
            if (values := find(name)) is not None:
                if value is not None:
                    values[rest.decode()] = value
                else:
                    values.pop(rest.decode(), None)
            elif not name and value is not None and rest.startswith(POSITION_TABLE):
                self.positions[rest[len(POSITION_TABLE) :].decode()] = value

    def undo(self) -> None:
        """Go back to before the epoch."""
        for table in self.tables.values():
            table.undo()

    def keep(self) -> None:
        """Make the epoch's changes final."""
        for table in self.tables.values():
            table.keep()

    def entries(self) -> int:
        """Return how many entries all tables hold."""
        return sum(map(len, self.tables.values()))
