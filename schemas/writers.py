"""Schemas that others write with, and earlier releases of ours: which of them are accepted, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader

from schemas.avro_files import plain, self_contained
from schemas.records import Record


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


class ForeignReader:
    """Reads values of one foreign schema as a record of ours, resolved by Avro's rules."""

    def __init__(self, number: int, schema: Mapping[str, Any], types: Mapping[str, type[Record]]) -> None:
        name = str(schema["name"]).rpartition(".")[2]
        own = name if name in types else "LeadReceived"
        self.record_type = types[own]
        self._writer = parse_schema(plain({**schema, "namespace": "leadflow", "name": own}))
        self._reader = parse_schema(plain(self_contained(own)))

    def __call__(self, value: bytes, position: int) -> tuple[Record, int]:
        """Return (record, position after it)."""
        source = BytesIO(value)
        source.seek(position)
        datum = schemaless_reader(source, self._writer, self._reader)
        return msgspec.convert(datum, self.record_type), source.tell()
