"""Schemas of upstream teams: accepted when they resolve to LeadReceived, refused with every reason."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_writer

from schemas.avro_files import self_contained
from schemas.codec import Codec, frame_of
from schemas.errors import UnknownSchema
from schemas.records import LeadReceived
from schemas.writers import FILES_MAX, SCHEMA_BYTES_MAX, SchemaRefused, check_writer, extra_schemas

LEAN: dict[str, Any] = {
    "type": "record",
    "name": "LeadReceived",
    "namespace": "com.example.forms",
    "fields": [
        {"name": "campaign_id", "type": "string"},
        {"name": "supplier_lead_id", "type": "string"},
        {"name": "visits", "type": {"type": "array", "items": {"type": "record", "name": "Visit", "fields": [
            {"name": "page", "type": "string"}, {"name": "seconds", "type": "float"}]}}},
        {"name": "supplier_id", "type": "string"},
        {"name": "submitted_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "email", "type": "string"},
    ],
}  # fmt: skip

DATUM = {
    "campaign_id": "solar-us",
    "supplier_lead_id": "A-1",
    "visits": [{"page": "/", "seconds": 1.5}],
    "supplier_id": "acme-forms",
    "submitted_at": 1_780_000_000_000,
    "email": "jo@example.com",
}


def put(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_schema_of_another_team_is_read_as_our_record(tmp_path: Path) -> None:
    put(tmp_path, "42.avsc", LEAN)
    out = BytesIO()
    schemaless_writer(out, LEAN, DATUM)
    codec = Codec(extra=extra_schemas(tmp_path))
    value = frame_of(42) + out.getvalue()
    assert codec.decode(value) == LeadReceived(
        "A-1", "solar-us", "acme-forms", 1_780_000_000_000, email="jo@example.com"
    )
    assert codec.record_type(value) is LeadReceived
    assert not codec.is_own(value)


def test_a_folder_is_refused_with_all_that_is_wrong_in_it(tmp_path: Path) -> None:
    put(tmp_path, "41.avsc", LEAN)
    put(tmp_path, "lead.avsc", LEAN)
    put(tmp_path, "43.avsc", "{")
    put(tmp_path, "44.avsc", {**LEAN, "name": "Lead"})
    put(tmp_path, "45.avsc", {**LEAN, "fields": LEAN["fields"][:4]})
    put(tmp_path, "46.avsc", {"type": "nonsense"})
    put(tmp_path, "47.avsc", "[]")
    put(tmp_path, "48.avsc", " " * (SCHEMA_BYTES_MAX + 1))
    put(tmp_path, "notes.txt", "not looked at")
    with pytest.raises(SchemaRefused) as caught:
        extra_schemas(tmp_path)
    said = str(caught.value)
    assert "41.avsc" not in said
    assert "lead.avsc: its name is not a schema id" in said
    assert "43.avsc: " in said
    assert "44.avsc: does not resolve to LeadReceived: the value is named Lead" in said
    assert "45.avsc: does not resolve to LeadReceived: submitted_at is not written, and has no default" in said
    assert "46.avsc: no valid Avro schema" in said
    assert "47.avsc: not a JSON object" in said
    assert "48.avsc: larger than" in said


def test_a_lead_in_microseconds_is_refused_rather_than_sold_in_the_year_58000() -> None:
    micros = {**LEAN, "fields": [dict(each) for each in LEAN["fields"]]}
    micros["fields"][4]["type"] = {"type": "long", "logicalType": "timestamp-micros"}
    with pytest.raises(SchemaRefused, match="submitted_at is in timestamp-micros"):
        check_writer(micros, "LeadReceived")


@pytest.mark.parametrize(
    "schema", [{}, {"name": "LeadReceived"}, {"type": "record", "name": "X y", "fields": 3}, {"type": 1}]
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaRefused):
        check_writer(schema, "LeadReceived")


@pytest.mark.parametrize("schema", [{}, {**LEAN, "name": "Elsewhere"}, {**self_contained("Pause"), "fields": []}])
def test_a_schema_from_a_registry_that_is_not_ours_makes_its_records_unknown(schema: Any) -> None:
    with pytest.raises(UnknownSchema, match="schema id 7"):
        Codec(lookup=lambda _: schema).decode(frame_of(7) + b"x")


def test_a_folder_says_each_id_once_and_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    schema = json.dumps(self_contained("LeadReceived"))
    for name in ("42.avsc", "042.avsc"):
        (tmp_path / name).write_text(schema)
    with pytest.raises(SchemaRefused, match=r"42\.avsc: another file has the id 42 as well"):
        extra_schemas(tmp_path)
    for number in range(FILES_MAX):
        (tmp_path / f"{number}.avsc").touch()
    with pytest.raises(SchemaRefused, match=r"has 1001 .*the most is 1000"):
        extra_schemas(tmp_path)
