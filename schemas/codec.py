"""Records to bytes and back: Avro behind Confluent's framing (0x00, then the schema's id in four bytes, big-endian).

Our own current schemas go through compiled readers and writers (`compiled_readers.py`, `compiled_writers.py`). A value
written with any other schema that resolves to one of ours (an earlier release, an upstream team's) is resolved by
fastavro, by Avro's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from schemas import records
from schemas.avro_files import current_ids, fingerprint, record_names, self_contained
from schemas.compiled_readers import BROKEN, compile_reader
from schemas.compiled_writers import compile_writer
from schemas.errors import Undecodable, UnknownSchema
from schemas.records import LeadReceived, Record
from schemas.repeated import Reader, Writer
from schemas.topics import PLAN_BYTES_MAX, RECEIVED_BYTES_MAX
from schemas.varints import Malformed
from schemas.writers import ForeignReader, SchemaRefused, released_schemas

R = TypeVar("R", bound=Record)

FRAME_BYTES = 5

#: Largest values that are read: what upstream systems send is held to less than what we write ourselves.
_BYTES_MAX = {LeadReceived: RECEIVED_BYTES_MAX}

#: The class of each record that has an Avro file, by name.
TYPES: Mapping[str, type[Record]] = {name: getattr(records, name) for name in record_names()}

#: Asked for the schema behind an id that no list knows. None: nobody knows it. Raises Unavailable.
Lookup = Callable[[int], Mapping[str, Any] | None]


@cache
def own_reader(record: str) -> Reader:
    """Return the compiled reader of one of our current schemas."""
    return compile_reader(self_contained(record), TYPES)


@cache
def own_writer(record: str) -> Writer:
    """Return the compiled writer of one of our current schemas."""
    return compile_writer(self_contained(record), TYPES)


@cache
def _names_by_fingerprint() -> dict[str, str]:
    return {fingerprint(self_contained(name)): name for name in current_ids()}


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
    Values written with committed ids or by an earlier release are read whatever `ids` are.
    """

    def __init__(
        self,
        ids: Mapping[str, int] | None = None,
        extra: Mapping[int, Mapping[str, Any]] | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self.ids: Mapping[str, int] = dict(ids if ids is not None else current_ids())
        self._lookup = lookup
        self._writers = {TYPES[name]: (frame_of(number), own_writer(name)) for name, number in self.ids.items()}
        self._own = {number: name for names in (current_ids(), self.ids) for name, number in names.items()}
        self.extra: Mapping[int, Mapping[str, Any]] = dict(extra or {})
        self._foreign: dict[int, Mapping[str, Any]] = {**released_schemas(), **self.extra}
        self._types: dict[bytes, type[Record]] = {}
        self._readers: dict[bytes, Reader] = {}

    def encode(self, record: Record) -> bytes:
        """Return the framed bytes. Raises TypeError for a record that never travels alone or does not fit."""
        writer = self._writers.get(type(record))
        if writer is None:
            raise TypeError(
                f"{type(record).__name__} has no id in schemas/ids.json: it only travels inside other records"
            )
        frame, write = writer
        try:
            return frame + write(record)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise TypeError(f"a {type(record).__name__} that does not fit its schema: {_misfit(record)}") from None

    def decode(self, value: bytes) -> Record:
        """Return the record, as the current schema has it. Raises Undecodable, UnknownSchema, Unavailable."""
        reader = self._readers.get(value[:FRAME_BYTES]) or self._learn(value)
        try:
            record, end = reader(value, FRAME_BYTES)
        except BROKEN as error:
            raise self.broken(value, error) from None
        if end != len(value):
            raise self.broken(value, Malformed(f"it ends at byte {end} of {len(value)}"))
        limit = _BYTES_MAX.get(type(record), PLAN_BYTES_MAX)
        if end > limit:
            raise self.broken(value, Malformed(f"the limit is {limit} bytes"))
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
        kind = self._types.get(value[:FRAME_BYTES])
        if kind is None:
            self._learn(value)
            kind = self._types[value[:FRAME_BYTES]]
        return kind

    def is_own(self, value: bytes) -> bool:
        """Whether the value was written with the very schema that we write with (equal fingerprints)."""
        kind = self.record_type(value)
        return self._readers[value[:FRAME_BYTES]] is own_reader(kind.__name__)

    def broken(self, value: bytes, error: Exception) -> Undecodable:
        """Return the error for bytes that are not a record of the schema they name; it quotes none of them."""
        kind = self.record_type(value).__name__
        return Undecodable(f"not a {kind} (schema id {schema_id_of(value)}, {len(value)} bytes): {_in_words(error)}")

    def _learn(self, value: bytes) -> Reader:
        """Find the reader for a schema id that is met for the first time."""
        number = schema_id_of(value)
        if number in self._own:
            return self._add(number, own_reader(self._own[number]), TYPES[self._own[number]])
        schema = self._foreign.get(number)
        if schema is None and self._lookup is not None:
            schema = self._lookup(number)
        if schema is None:
            asked = "the registry" if self._lookup else "LEADFLOW_SCHEMAS_EXTRA, and no LEADFLOW_SCHEMA_REGISTRY is set"
            raise UnknownSchema(f"schema id {number} is neither ours nor known to {asked}")
        try:
            return self._accept(number, schema)
        except SchemaRefused as refused:
            raise UnknownSchema(f"schema id {number} {refused}") from None

    def _accept(self, number: int, schema: Mapping[str, Any]) -> Reader:
        """Take a foreign schema: by our own reader if it is ours in all but id, else by a resolving one."""
        foreign = ForeignReader(schema, TYPES)
        own = _names_by_fingerprint().get(fingerprint(schema))
        return self._add(number, own_reader(own) if own else foreign, foreign.record_type)

    def _add(self, number: int, reader: Reader, kind: type[Record]) -> Reader:
        self._types[frame_of(number)] = kind
        self._readers[frame_of(number)] = reader
        return reader


def _misfit(record: Record) -> str:
    """Name the first field whose value is of the wrong type or beyond its range, without the value."""
    schema = self_contained(type(record).__name__)
    for field in record.__struct_fields__:
        value = getattr(record, field)
        try:
            compile_writer(schema, TYPES, [field])(value)
        except UnicodeError:
            return f"field {field} is not valid Unicode text"
        except OverflowError:
            return f"field {field} is beyond its range"
        except (AttributeError, TypeError, ValueError):
            return f"field {field} cannot be a {type(value).__name__}"
    return "its fields changed while it was written"


def _in_words(error: Exception) -> str:
    if isinstance(error, Malformed):
        return str(error)
    if isinstance(error, IndexError):
        return "it ends too early"
    return "a text that is not UTF-8" if isinstance(error, UnicodeError) else f"unreadable ({type(error).__name__})"
