"""The Avro files say what the records say, with a word and a unit on every field."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema

from schemas import records
from schemas.avro_files import (
    current_ids,
    file_schema,
    fingerprint,
    nested_records,
    personal_fields,
    plain,
    record_names,
    self_contained,
)
from schemas.records import Record
from schemas.topics import catalogue

ALL = tuple(
    kind
    for kind in vars(records).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record
)
NAMES = [kind.__name__ for kind in ALL]
NUMBERS = {"int", "long", "double"}


def primitives(schema: Any) -> Iterator[str]:
    """Yield the names of types in a field's type; a nested record explains its own fields."""
    if isinstance(schema, str):
        yield schema
    elif isinstance(schema, list):
        for branch in schema:
            yield from primitives(branch)
    else:
        yield from primitives(schema.get("items", schema.get("values", schema["type"])))


def is_time(name: str) -> bool:
    return name.endswith(("_at", "_by")) or name == "at"


def expected_type(hint: Any, schema: Any, name: str) -> bool:
    arguments = typing.get_args(hint)
    if hint is int:
        time = {"type": "long", "logicalType": "timestamp-millis"}
        return schema == time if is_time(name) else schema in ("int", "long")
    if isinstance(hint, types.UnionType):
        return schema[0] == "null" and expected_type(arguments[0], schema[1], name)
    if typing.get_origin(hint) is tuple:
        return schema["type"] == "array" and expected_type(arguments[0], schema["items"], name)
    if typing.get_origin(hint) is dict:
        return schema["type"] == "map" and expected_type(arguments[1], schema["values"], name)
    names = {str: "string", bool: "boolean", float: "double", bytes: "bytes"}
    return bool(schema == names.get(hint, f"leadflow.{hint.__name__}"))


def test_each_record_has_a_file_and_each_file_a_record() -> None:
    assert sorted(NAMES) == list(record_names())


@pytest.mark.parametrize("kind", ALL, ids=NAMES)
def test_a_file_has_the_fields_of_its_record_in_order_with_their_types(kind: type[Record]) -> None:
    schema = file_schema(kind.__name__)
    assert (schema["namespace"], schema["name"], schema["type"]) == ("leadflow", kind.__name__, "record")
    assert tuple(field["name"] for field in schema["fields"]) == kind.__struct_fields__
    hints = typing.get_type_hints(kind)
    wrong = [f["name"] for f in schema["fields"] if not expected_type(hints[f["name"]], f["type"], f["name"])]
    assert wrong == []


@pytest.mark.parametrize("kind", ALL, ids=NAMES)
def test_a_file_has_the_defaults_of_its_record(kind: type[Record]) -> None:
    wanted = {}
    for info in msgspec.structs.fields(kind):
        if info.default is not msgspec.NODEFAULT:
            wanted[info.name] = list(info.default) if isinstance(info.default, tuple) else info.default
        elif info.default_factory is not msgspec.NODEFAULT:
            wanted[info.name] = info.default_factory()
    found = {field["name"]: field["default"] for field in file_schema(kind.__name__)["fields"] if "default" in field}
    assert found == wanted


@pytest.mark.parametrize("record", NAMES)
def test_every_field_is_explained_with_a_unit_where_it_is_a_number(record: str) -> None:
    for field in file_schema(record)["fields"]:
        name, doc = field["name"], field["doc"]
        assert doc[0].isupper() or doc.startswith(("pause", "supplier")), f"{name}: a sentence"
        assert doc.endswith("."), f"{name}: a sentence"
        numeric = bool(NUMBERS & set(primitives(field["type"])))
        assert ("Unit: " in doc) == numeric, name
        if is_time(name):
            assert doc.endswith("Unit: ms since 1970, UTC."), name
        if name.endswith("_minor"):
            assert "minor units" in doc, name


@pytest.mark.parametrize("record", NAMES)
def test_a_self_contained_schema_is_valid_avro_and_names_nothing_outside(record: str) -> None:
    parse_schema(self_contained(record))
    assert "logicalType" not in str(plain(self_contained(record)))
    assert fingerprint(self_contained(record)) == fingerprint(plain(self_contained(record))), "the bytes are the same"


def test_committed_ids_are_unique_and_clash_with_no_registry() -> None:
    ids = current_ids()
    assert set(ids) <= set(NAMES)
    assert len(set(ids.values())) == len(ids)
    assert min(ids.values()) == 1_000_000


def test_every_record_of_a_topic_has_an_id() -> None:
    assert {kind.__name__ for spec in catalogue() for kind in spec.records} <= set(current_ids())


# --- personal data -------------------------------------------------------------------------------------------


def personal_paths(schema: Any, path: str = "") -> Iterator[str]:
    for record in nested_records(schema):
        for field in record["fields"]:
            if field.get("personal"):
                yield f"{record['name']}.{field['name']}"


def test_the_person_is_marked() -> None:
    assert personal_fields("Lead") == set(records.Lead.__struct_fields__)
    assert personal_fields("Slip") == {"private"}
    assert personal_fields("DeadLetter") == {"key", "value", "headers"}
    received = set(records.LeadReceived.__struct_fields__)
    assert received - personal_fields("LeadReceived") == {
        "supplier_lead_id", "campaign_id", "supplier_id", "submitted_at", "test", "sub_ids",
    }  # fmt: skip


def test_no_person_stands_in_a_topic_that_is_kept_for_ever() -> None:
    kept = [(spec.name, kind.__name__) for spec in catalogue() if not spec.personal for kind in spec.records]
    assert len(kept) > 5
    assert [(topic, kind) for topic, kind in kept if list(personal_paths(self_contained(kind)))] == []


def test_a_topic_with_a_person_forgets() -> None:
    personal = {spec.name: spec.keeping for spec in catalogue() if spec.personal}
    assert len(personal) > 5
    assert {name: keeping for name, keeping in personal.items() if keeping != "personal"} == {}


def test_the_lead_stands_last_so_that_it_can_be_spliced() -> None:
    for kind in (records.LeadUnique, records.LeadScored, records.Offer, records.Reroute, records.BuyerLead):
        assert kind.__struct_fields__[-1] == "lead"
        assert kind.__struct_fields__[0] in ("slip", "lead_id")


def test_a_buyer_gets_these_fields_and_no_others() -> None:
    schema = self_contained("BuyerLead")
    assert [field["name"] for field in schema["fields"]] == [
        "lead_id", "sale_id", "sold_at", "price_minor", "currency", "test", "lead",
    ]  # fmt: skip
    assert [record["name"] for record in nested_records(schema)] == ["BuyerLead", "Lead"]
    assert [field["name"] for field in schema["fields"][-1]["type"]["fields"]] == [
        "first_name", "last_name", "email", "phone", "address", "city", "state", "postal_code", "fields",
    ]  # fmt: skip
