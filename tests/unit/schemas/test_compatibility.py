"""Avro's rules of resolution, each problem named with its place."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.avro_files import record_names, self_contained
from schemas.compatibility import change_problems, hazards, resolution_problems


def record(*fields: dict[str, Any], name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "x.y", "fields": list(fields), **more}


def field(kind: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 4}


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("int", "long"), ("int", "double"), ("long", "float"), ("float", "double"), ("string", "bytes"),
        ("bytes", "string"),
        ("string", ["null", "string"]), (["null", "int"], ["null", "long"]), (["string"], "string"),
        ({"type": "string"}, "string"), ("long", MILLIS), (MILLIS, "long"), (MILLIS, MILLIS),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}),
        ({"type": "map", "values": "int"}, {"type": "map", "values": ["null", "long"]}),
        (ENUM, {**ENUM, "symbols": ["B", "A", "C"]}), (ENUM, {**ENUM, "symbols": ["A"], "default": "A"}),
        (FIXED, FIXED),
        (record(field("int", "a"), name="In"), record(field("long", "a"), name="In")),
    ],
)  # fmt: skip
def test_these_resolve(writer: Any, reader: Any) -> None:
    assert resolution_problems(record(field(writer)), record(field(reader))) == []


@pytest.mark.parametrize(
    ("writer", "reader", "problem"),
    [
        ("long", "int", "f is long, and read as int"),
        ("string", "long", "f is string, and read as long"),
        ("double", "float", "f is double, and read as float"),
        (["null", "string"], "string", "f is null, and read as string"),
        ("boolean", ["null", "string"], "f is boolean, and read as null or string"),
        (MICROS, MILLIS, "f is in timestamp-micros, and read as timestamp-millis"),
        (MICROS, ["null", MILLIS], "f is in timestamp-micros, and read as timestamp-millis"),
        ("string", {"type": "array", "items": "string"}, "f is string, and read as array"),
        ({"type": "array", "items": "string"}, {"type": "array", "items": "int"}, "f[] is string, and read as int"),
        ({"type": "map", "values": "string"}, {"type": "map", "values": "int"}, "f{} is string, and read as int"),
        (ENUM, {**ENUM, "symbols": ["A"]}, "f has symbols that are not known: B"),
        (ENUM, {**ENUM, "name": "G"}, "f is named E, and read as G"),
        (FIXED, {**FIXED, "size": 5}, "f has 4 bytes, and is read as 5"),
        (record(name="In"), record(field("int", "a"), name="In"), "f.a is not written, and has no default"),
    ],
)  # fmt: skip
def test_these_do_not(writer: Any, reader: Any, problem: str) -> None:
    assert resolution_problems(record(field(writer)), record(field(reader))) == [problem]


def test_fields_are_matched_by_name_or_alias_in_any_order_and_others_are_skipped() -> None:
    writer = record(field("int", "b"), field("string", "extra"), field("int", "old"))
    reader = record(field("long", "new", aliases=["old"]), field("long", "b"), field("int", "more", default=0))
    assert resolution_problems(writer, reader) == []


def test_records_are_matched_by_their_last_name_or_an_alias() -> None:
    writer = {**record(field("int")), "namespace": "com.example"}
    assert resolution_problems(writer, record(field("int"))) == []
    assert resolution_problems(writer, record(field("int"), name="S")) == ["the value is named R, and read as S"]
    assert resolution_problems(writer, record(field("int"), name="S", aliases=["com.example.R"])) == []


def test_all_problems_are_named_at_once() -> None:
    writer = record(field("string", "a"), field("int", "b"))
    reader = record(field("int", "a"), field("long", "b"), field("int", "c"))
    assert resolution_problems(writer, reader) == [
        "a is string, and read as int",
        "c is not written, and has no default",
    ]


def test_a_change_is_checked_in_both_directions() -> None:
    old, new = record(field("int", "a")), record(field("long", "a"), field("int", "b"))
    assert change_problems(old, new) == [
        "new readers, old records: b is not written, and has no default",
        "old readers, new records: a is long, and read as int",
    ]
    assert change_problems(old, record(field("int", "a"), field("int", "b", default=0))) == []


@pytest.mark.parametrize("name", record_names())
def test_every_schema_of_ours_is_compatible_with_itself_and_safe(name: str) -> None:
    assert change_problems(self_contained(name), self_contained(name)) == []
    assert hazards(self_contained(name)) == []


def nested(depth: int) -> Any:
    schema: Any = "int"
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (record(field(["null", "x.y.R"])), "f is recursive: R holds itself"),
        (record(field({"type": "array", "items": "null"})), "f is an array of items that take no bytes"),
        (record(field({"type": "array", "items": record(name="Empty")})), "f is an array of items that take no bytes"),
        (record(field(nested(40))), "nested more than 32 deep"),
    ],
)
def test_schemas_that_hostile_bytes_could_use_are_named(schema: Any, problem: str) -> None:
    assert problem in " ".join(hazards(schema))
