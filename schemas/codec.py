"""Records to bytes and back: Avro behind Confluent's framing (0x00, then the schema's id in four bytes, big-endian).

Our own current schemas go through compiled readers and writers (`compiled.py`). A value written with any other
schema that resolves to one of ours (an earlier release, an upstream team's) is resolved by fastavro, by Avro's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from schemas import records
from schemas.avro_files import current_ids, fingerprint, record_names, self_contained
from schemas.compiled import compile_reader, compile_writer
from schemas.errors import LeadflowError, Undecodable, UnknownSchema
from schemas.records import Record
from schemas.writers import ForeignReader, released_schemas

R = TypeVar("R", bound=Record)

FRAME_BYTES = 5
#: Nothing that leadflow reads is larger: records of internal.plan are the largest, at 8 MiB.
VALUE_BYTES_MAX = 8 * 1024 * 1024

#: The class of each record that has an Avro file, by name.
TYPES: Mapping[str, type[Record]] = {name: getattr(records, name) for name in record_names()}

#: What reading hostile bytes can raise; none of it may pass for a mistake of ours.
_BROKEN = (IndexError, ValueError, OverflowError, EOFError, KeyError, TypeError, MemoryError, RecursionError)

#: Asked for the schema behind an id that no list knows. None: nobody knows it. Raises Unavailable.
Lookup = Callable[[int], Mapping[str, Any] | None]


def frame_of(schema_id: int) -> bytes:
    """Return the five bytes in front of a value written with this schema."""
    return b"\x00" + schema_id.to_bytes(4, "big")


def schema_id_of(value: bytes) -> int:
    """Return the id of the schema that a value was written with. Raises Undecodable when there is no framing."""
    if len(value) < FRAME_BYTES or value[0] != 0:
        raise Undecodable(f"no Confluent framing (0x00 and a 4-byte schema id) in a value of {len(value)} bytes")
    return int.from_bytes(value[1:FRAME_BYTES], "big")


class Codec:
    """Encodes and decodes records; one a process, safe to use from several threads.

    `ids` are the ids to write with (default: the committed ones; with a registry, the registry's), `extra` further
    writer schemas by id (JSON form, each resolves to LeadReceived), `lookup` the last resort for an unknown id.
    """

    def __init__(
        self,
        ids: Mapping[str, int] | None = None,
        extra: Mapping[int, Mapping[str, Any]] | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self.ids: Mapping[str, int] = dict(ids if ids is not None else current_ids())
        self._lookup = lookup
        self._frames = {TYPES[name]: frame_of(number) for name, number in self.ids.items()}
        self._writers = {TYPES[name]: compile_writer(self_contained(name), TYPES) for name in self.ids}
        self._own = {name: compile_reader(self_contained(name), TYPES) for name in self.ids}
        self._types = {frame_of(number): TYPES[name] for name, number in self.ids.items()}
        self._readers: dict[bytes, Callable[[bytes, int], tuple[Any, int]]] = {
            frame_of(number): self._own[name] for name, number in self.ids.items()
        }
        self._names_by_fingerprint = {fingerprint(self_contained(name)): name for name in self.ids}
        for number, schema in {**released_schemas(), **(extra or {})}.items():
            if frame_of(number) not in self._readers:
                self._add(number, schema)

    def encode(self, record: Record) -> bytes:
        """Return the framed bytes. Raises TypeError for a record that never travels alone or does not fit."""
        kind = type(record)
        writer = self._writers.get(kind)
        if writer is None:
            raise TypeError(f"{kind.__name__} has no id in schemas/ids.json: it only travels inside other records")
        parts = [self._frames[kind]]
        try:
            writer(record, parts.append)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise TypeError(f"a {kind.__name__} that does not fit its schema: {_misfit(record)}") from None
        return b"".join(parts)

    def decode(self, value: bytes) -> Record:
        """Return the record, as the current schema has it. Raises Undecodable, UnknownSchema, Unavailable."""
        reader = self._readers.get(value[:FRAME_BYTES]) or self._learn(value)
        if len(value) > VALUE_BYTES_MAX:
            raise Undecodable(f"a value of {len(value)} bytes; the largest is {VALUE_BYTES_MAX}")
        try:
            record, end = reader(value, FRAME_BYTES)
        except LeadflowError:
            raise
        except _BROKEN as error:
            raise self.broken(value, error) from None
        if end != len(value):
            raise self.broken(value, ValueError(f"it ends at byte {end} of {len(value)}"))
        decoded: Record = record
        return decoded

    def decode_as(self, value: bytes, expected: type[R]) -> R:
        """Return the record if it is of the expected type. Raises Undecodable otherwise, and as `decode`."""
        record = self.decode(value)
        if not isinstance(record, expected):
            raise Undecodable(f"a {type(record).__name__} where a {expected.__name__} is expected")
        return record

    def record_type(self, value: bytes) -> type[Record]:
        """Return the record type by the schema's id alone. Raises Undecodable, UnknownSchema, Unavailable."""
        if value[:FRAME_BYTES] not in self._types:
            self._learn(value)
        return self._types[value[:FRAME_BYTES]]

    def is_own(self, value: bytes) -> bool:
        """Whether the value was written with the very schema that we write with (equal fingerprints)."""
        frame = value[:FRAME_BYTES]
        if frame not in self._readers:
            self._learn(value)
        return self._readers[frame] is self._own.get(self._types[frame].__name__)

    def broken(self, value: bytes, error: Exception) -> Undecodable:
        """Return the error for bytes that are not a record of the schema they name; it quotes none of them."""
        kind = self._types[value[:FRAME_BYTES]].__name__
        why = str(error) if isinstance(error, ValueError) and not isinstance(error, UnicodeError) else _in_words(error)
        return Undecodable(f"not a {kind} (schema id {schema_id_of(value)}, {len(value)} bytes): {why}")

    def _learn(self, value: bytes) -> Callable[[bytes, int], tuple[Any, int]]:
        """Find out about a schema that is met for the first time."""
        number = schema_id_of(value)
        schema = self._lookup(number) if self._lookup else None
        if schema is None:
            raise UnknownSchema(
                f"schema id {number} is neither ours nor in LEADFLOW_SCHEMAS_EXTRA"
                + (" nor in the registry" if self._lookup else "; no registry is set (LEADFLOW_SCHEMA_REGISTRY)")
            )
        return self._add(number, schema)

    def _add(self, number: int, schema: Mapping[str, Any]) -> Callable[[bytes, int], tuple[Any, int]]:
        """Accept a schema by its id: our own compiled reader if it is ours in all but id, else a resolving one."""
        frame = frame_of(number)
        own = self._names_by_fingerprint.get(fingerprint(schema))
        foreign = None if own else ForeignReader(number, schema, TYPES)
        self._types[frame] = TYPES[own] if own else foreign.record_type  # type: ignore[union-attr]
        self._readers[frame] = self._own[own] if own else foreign  # type: ignore[assignment]
        return self._readers[frame]


def _misfit(record: Record) -> str:
    """Name the first field whose value is of the wrong type or beyond its range, without the value."""
    for field in record.__struct_fields__:
        try:
            compile_writer(self_contained(type(record).__name__), TYPES, [field])(
                getattr(record, field), bytearray().extend
            )
        except UnicodeError:
            return f"field {field} is not valid Unicode text"
        except (AttributeError, TypeError, ValueError):
            return f"field {field} cannot be a {type(getattr(record, field)).__name__}"
        except OverflowError:
            return f"field {field} is beyond its range"
    return "its fields changed while it was written"


def _in_words(error: Exception) -> str:
    if isinstance(error, IndexError | EOFError):
        return "it ends too early"
    if isinstance(error, UnicodeError):
        return "a text that is not UTF-8"
    return f"unreadable ({type(error).__name__})"
