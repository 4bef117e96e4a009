"""What a stage remembers of one partition: its tables in memory, with the pre-images of the open epoch.

Values that came from the changelog stay bytes until they are first asked for, so that a million entries are back in
seconds; a value that is asked for is decoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.errors import PartitionStop, Poison
from schemas.records import Record
from streams.positions import POSITION_TABLE, SEPARATOR

_ABSENT: Any = object()
Decode = Callable[[bytes], Record]


class StoreTable:
    """One partition of one table; implements `streams.stage.Table`. Bytes are values not yet decoded."""

    __slots__ = ("_before", "_decode", "_type", "_values", "name")

    def __init__(self, name: str, record_type: type[Record], decode: Decode) -> None:
        self.name = name
        self._type = record_type
        self._decode = decode
        self._values: dict[str, Any] = {}
        self._before: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return the value, or None. Raises PartitionStop when the changelog's bytes cannot be read."""
        value = self._values.get(key)
        if type(value) is bytes:
            value = self._values[key] = self._decoded(value)
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
            self._before[key] = self._values.get(key, _ABSENT)
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Remove; removing an absent key does nothing."""
        if key in self._values:
            before = self._values.pop(key)
            self._before.setdefault(key, before)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> Iterator[str]:
        """Iterate over a snapshot of the keys."""
        return iter(list(self._values))

    def changes(self) -> Iterator[tuple[str, Record | None]]:
        """Yield each key that the epoch left different from before, with its value (None: removed)."""
        for key, before in self._before.items():
            now = self._values.get(key, _ABSENT)
            if now is not before:
                yield key, None if now is _ABSENT else now

    def undo(self) -> None:
        """Go back to before the epoch."""
        for key, before in self._before.items():
            if before is _ABSENT:
                self._values.pop(key, None)
            else:
                self._values[key] = before
        self._before.clear()

    def keep(self) -> None:
        """Make the epoch's changes final."""
        self._before.clear()

    def load(self, key: str, value: bytes | None) -> None:
        """Set a value as read from the changelog; None removes."""
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value


class Store:
    """All tables of a stage for one partition, and the position records beside them."""

    def __init__(self, tables: Mapping[str, type[Record]], decode: Decode) -> None:
        self.tables = {name: StoreTable(name, record, decode) for name, record in tables.items()}
        #: By source topic: a position record's bytes as the changelog has them, or the offset that this very state,
        #: kept over a revoke, had come to: records of it below the offset that is read on from are not read again.
        self.positions: dict[str, bytes | int] = {}
        self._by_key = {name.encode(): table for name, table in self.tables.items()}

    def load(self, key: bytes, value: bytes | None) -> None:
        """Apply one changelog record; of a table that the stage no longer has, nothing is kept."""
        name, _, rest = key.partition(SEPARATOR)
        table = self._by_key.get(name)
        if table is not None:
            table.load(rest.decode(), value)
        elif not name and rest.startswith(POSITION_TABLE) and value is not None:
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
