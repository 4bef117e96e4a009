"""The read-only registry of a worker's web port, in Confluent's form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.avro_files import current_ids, self_contained
from schemas.served import respond

SOLD = current_ids()["LeadSold"]


def get(path: str) -> tuple[int, Any]:
    answer = respond(path)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("name", current_ids())
def test_every_id_is_served(name: str) -> None:
    status, body = get(f"/schemas/ids/{current_ids()[name]}")
    assert (status, json.loads(body["schema"])) == (200, self_contained(name))


def test_subjects_versions_and_the_raw_schema_are_served() -> None:
    assert get("/subjects")[1] == sorted(f"leadflow.{name}" for name in current_ids())
    assert get("/subjects/leadflow.LeadSold/versions") == (200, [1])
    status, latest = get("/subjects/leadflow.LeadSold/versions/latest")
    assert (status, latest["id"], latest["version"]) == (200, SOLD, 1)
    assert get(f"/schemas/ids/{SOLD}/schema") == (200, self_contained("LeadSold"))
    assert get(f"/schemas/ids/{SOLD}/versions") == (200, [{"subject": "leadflow.LeadSold", "version": 1}])
    assert get("/schemas/types/") == (200, ["AVRO"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/schemas/ids/7", 40403),
        ("/schemas/ids/-1", 40403),
        ("/schemas/ids/" + "9" * 500, 40403),
        ("/schemas/ids/x", 40403),
        ("/subjects/leadflow.Nothing/versions", 40401),
        ("/subjects/LeadSold/versions", 40401),
        ("/subjects/leadflow.LeadSold/versions/2", 40402),
        (f"/schemas/ids/{SOLD}/nothing", 404),
        ("/", 404),
        ("", 404),
        ("/../../etc/passwd", 404),
    ],
)
def test_what_is_not_there_is_said_in_confluents_codes(path: str, code: int) -> None:
    status, body = get(path)
    assert (status, body["error_code"]) == (404, code)
