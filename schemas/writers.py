"""Schemas that others write with, and earlier releases of ours: which of them are accepted, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException

from schemas.avro_files import plain, self_contained
from schemas.compatibility import hazards, resolution_problems
from schemas.errors import LeadflowError
from schemas.records import Record
from schemas.varints import Malformed

#: A schema file larger than this is no schema of a record.
SCHEMA_BYTES_MAX = 256 * 1024
#: Files in one folder of extra schemas.
FILES_MAX = 1000


class SchemaRefused(LeadflowError):
    """A foreign schema does not resolve to one of our records, or is unsafe to read with. Names every problem."""


@cache
def released_schemas() -> dict[int, dict[str, Any]]:
    """Return the schemas of all earlier releases by id: what was written once can be read for ever."""
    found: dict[int, dict[str, Any]] = {}
    folder = files("schemas").joinpath("released")
    if not folder.is_dir():
        return found
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".json"):
            released = json.loads(entry.read_text(encoding="utf-8"))
            found.update({int(number): schema for number, schema in released.items()})
    return found


def extra_schemas(folder: Path) -> dict[int, dict[str, Any]]:
    """Read LEADFLOW_SCHEMAS_EXTRA: `<id>.avsc` files of upstream teams. Raises SchemaRefused with all problems."""
    found: dict[int, dict[str, Any]] = {}
    problems: list[str] = []
    paths = sorted(folder.glob("*.avsc"))
    if len(paths) > FILES_MAX:
        raise SchemaRefused(f"{folder} has {len(paths)} *.avsc files, the most is {FILES_MAX}")
    for path in paths:
        try:
            schema = _file_schema(path)
            check_writer(schema, "LeadReceived")
            if found.setdefault(int(path.stem), schema) is not schema:
                raise ValueError(f"another file has the id {int(path.stem)} as well")
        except (SchemaRefused, ValueError, OSError) as error:
            problems.append(f"{path.name}: {error}")
    if problems:
        raise SchemaRefused("; ".join(problems))
    return found


def check_writer(schema: Any, record: str) -> None:
    """Raise SchemaRefused unless all values of `schema` can be read as our record, and safely."""
    try:
        problems = [*hazards(schema), *resolution_problems(schema, self_contained(record))]
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SchemaRefused(f"no valid Avro schema ({type(error).__name__})") from None
    if problems:
        raise SchemaRefused(f"does not resolve to {record}: " + "; ".join(problems))


class ForeignReader:
    """Reads values of one foreign schema as a record of ours, resolved by Avro's rules. Raises SchemaRefused."""

    def __init__(self, schema: Mapping[str, Any], types: Mapping[str, type[Record]]) -> None:
        name = str(schema.get("name", "")).rpartition(".")[2]
        if name not in types:
            raise SchemaRefused(f"is named {name or 'nothing'}, which is no record of leadflow")
        check_writer(schema, name)
        self.record_type = types[name]
        self._writer = parse_schema(plain(schema))
        self._reader = parse_schema(plain(self_contained(name)))

    def __call__(self, value: bytes, position: int) -> tuple[Record, int]:
        """Return (record, position after it). Raises Malformed: fastavro has many errors for bad bytes."""
        source = BytesIO(value)
        source.seek(position)
        try:
            record = msgspec.convert(schemaless_reader(source, self._writer, self._reader), self.record_type)
        except Exception as error:
            raise Malformed(f"unreadable by the schema that it names ({type(error).__name__})") from None
        return record, source.tell()


def _file_schema(path: Path) -> dict[str, Any]:
    if not (path.stem.isascii() and path.stem.isdigit() and int(path.stem) < 2**32):
        raise ValueError("its name is not a schema id, such as 42.avsc")
    if path.stat().st_size > SCHEMA_BYTES_MAX:
        raise ValueError(f"larger than {SCHEMA_BYTES_MAX} bytes")
    schema = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(schema, dict):
        raise ValueError("not a JSON object")
    return schema
