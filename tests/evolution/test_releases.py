"""What every release has written is read by this one, and no change of a schema breaks a reader of either side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.avro_files import current_ids, fingerprint, self_contained
from schemas.codec import Codec, schema_id_of
from schemas.compatibility import change_problems
from schemas.slip import Slips
from tests.evolution.freeze import GOLDEN, RELEASED
from tests.unit.schemas.examples import TYPES

CODEC = Codec()
VALUES = sorted(GOLDEN.glob("*/*.hex"))
RELEASES = {path.stem: json.loads(path.read_text()) for path in sorted(RELEASED.glob("*.json"))}
CARRIERS = [path for path in VALUES if path.stem in ("LeadUnique", "LeadScored", "Offer", "Reroute")]
SCHEMAS = [(version, int(number), schema) for version, ids in RELEASES.items() for number, schema in ids.items()]
SCHEMA_NAMES = [f"{version} {schema['name']}" for version, _, schema in SCHEMAS]
ADVICE = (
    "this schema changed since {version}: give {record} a new id in schemas/ids.json "
    "(if {version} is not released yet: python -m tests.evolution.freeze {version})"
)


def value_name(path: Path) -> str:
    return f"{path.parent.name} {path.stem}"


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that was written is found; fields that were added since stand beside it."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(name in found and holds(found[name], value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(holds(*pair) for pair in zip(found, wanted, strict=True))
    return bool(found == wanted)


def test_there_is_a_release_to_compare_with() -> None:
    assert RELEASES
    assert {path.parent.name for path in VALUES} == set(RELEASES)


@pytest.mark.parametrize("path", VALUES, ids=value_name)
def test_bytes_of_a_release_are_still_read(path: Path) -> None:
    record = CODEC.decode(bytes.fromhex(path.read_text()))
    assert type(record).__name__ == path.stem
    wanted = json.loads(path.with_suffix(".json").read_text())
    assert holds(json.loads(json.dumps(msgspec.to_builtins(record))), wanted)


@pytest.mark.parametrize("path", CARRIERS, ids=value_name)
def test_leads_of_a_release_go_through_the_stages_of_this_one(path: Path) -> None:
    """Whoever wrote the body, what is passed on is a lead by our own schema."""
    slips = Slips(CODEC)
    opener = {
        "LeadUnique": slips.open_unique,
        "LeadScored": slips.open_scored,
        "Offer": slips.open_offer,
        "Reroute": slips.open_reroute,
    }[path.stem]
    value = bytes.fromhex(path.read_text())
    body = opener(value)[-1]
    assert isinstance(body, bytes)
    assert slips.lead_of(body) == CODEC.decode(value).lead  # type: ignore[attr-defined]


@pytest.mark.parametrize(("version", "number", "schema"), SCHEMAS, ids=SCHEMA_NAMES)
def test_a_released_id_means_the_same_schema_for_ever(version: str, number: int, schema: dict[str, Any]) -> None:
    owners = [name for name, current in current_ids().items() if current == number]
    for name in owners:
        advice = ADVICE.format(version=version, record=name)
        assert fingerprint(self_contained(name)) == fingerprint(schema), advice
    later = [other for _, same, other in SCHEMAS if same == number]
    assert {fingerprint(other) for other in later} == {fingerprint(schema)}, "an id is never used again"


@pytest.mark.parametrize(("version", "number", "schema"), SCHEMAS, ids=SCHEMA_NAMES)
def test_a_change_since_a_release_breaks_no_reader(version: str, number: int, schema: dict[str, Any]) -> None:
    assert schema["name"] in TYPES, f"{schema['name']} of {version} stands in logs: its record must stay"
    assert change_problems(schema, self_contained(schema["name"])) == []


@pytest.mark.parametrize("path", VALUES, ids=value_name)
def test_golden_bytes_name_a_released_schema(path: Path) -> None:
    number = schema_id_of(bytes.fromhex(path.read_text()))
    assert RELEASES[path.parent.name][str(number)]["name"] == path.stem
