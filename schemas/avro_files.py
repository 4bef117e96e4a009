"""The committed Avro files as data: `avro/<Record>.avsc`, one record a file, nested records by name.

Everything here is pure and read once. `self_contained` is what travels to others (registry, HTTP, fastavro);
`plain` is the same without logical types, because leadflow itself handles times as whole milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.schema import parse_schema, to_parsing_canonical_form

NAMESPACE = "leadflow"

Schema = dict[str, Any]


@cache
def file_schema(record: str) -> Schema:
    """Return the schema of a record as its file says; nested records stand there as full names."""
    return _json(f"avro/{record}.avsc")


@cache
def record_names() -> tuple[str, ...]:
    """Return the names of all records that have a file, sorted."""
    folder = files("schemas").joinpath("avro")
    return tuple(sorted(entry.name.removesuffix(".avsc") for entry in folder.iterdir() if entry.name.endswith(".avsc")))


@cache
def self_contained(record: str) -> Schema:
    """Return the schema of a record with each nested record written out where it first stands."""
    schema: Schema = _written_out(f"{NAMESPACE}.{record}", set())
    return schema


@cache
def current_ids() -> dict[str, int]:
    """Return the committed id of each record that travels or is remembered on its own (`ids.json`)."""
    return {str(name): int(number) for name, number in _json("ids.json").items()}


def personal_fields(record: str) -> frozenset[str]:
    """Return the names of a record's fields that are marked personal in its file."""
    return frozenset(field["name"] for field in file_schema(record)["fields"] if field.get("personal"))


def plain(schema: Any) -> Any:
    """Return the schema without logical types: a timestamp is read and written as the long that it is."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    return schema


def fingerprint(schema: Any) -> str:
    """Return the SHA-256 of the schema's canonical form, hex: equal means that the same bytes mean the same."""
    return str(avro_fingerprint(to_parsing_canonical_form(parse_schema(schema)), "SHA-256"))


def nested_records(schema: Any) -> Iterator[Schema]:
    """Yield the schema's records, itself included, each where it is written out."""
    if isinstance(schema, list):
        for branch in schema:
            yield from nested_records(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            yield schema
            for field in schema["fields"]:
                yield from nested_records(field["type"])
        else:
            yield from nested_records(schema.get("items", schema.get("values")))


def _written_out(schema: Any, seen: set[str]) -> Any:
    """Return `schema` with each first mention of one of our records replaced by its definition."""
    if isinstance(schema, str):
        own, _, name = schema.rpartition(".")
        if own != NAMESPACE or schema in seen:
            return schema
        seen.add(schema)
        return _with_fields(file_schema(name), seen)
    if isinstance(schema, list):
        return [_written_out(branch, seen) for branch in schema]
    return {key: _written_out(value, seen) if key in ("items", "values") else value for key, value in schema.items()}


def _with_fields(schema: Mapping[str, Any], seen: set[str]) -> Schema:
    fields = [{**field, "type": _written_out(field["type"], seen)} for field in schema["fields"]]
    return {**schema, "fields": fields}


def _json(path: str) -> Schema:
    content: Schema = json.loads(files("schemas").joinpath(path).read_text(encoding="utf-8"))
    return content
