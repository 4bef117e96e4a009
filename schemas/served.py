"""Our schemas as a read-only registry: what a worker's web port answers to the GETs that consumers' tools make.

Confluent's deserializers, kcat, Connect and the like need `GET /schemas/ids/<id>` and little else. Pure: a path in,
a status and a JSON value out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.avro_files import NAMESPACE, current_ids, self_contained
from schemas.registry import MEDIA_TYPE
from schemas.writers import released_schemas

#: The routes that `respond` knows, for a web server that wants them one by one.
ROUTES = (
    "/subjects",
    "/subjects/{subject}/versions",
    "/subjects/{subject}/versions/{version}",
    "/schemas/types",
    "/schemas/ids/{id}",
    "/schemas/ids/{id}/schema",
    "/schemas/ids/{id}/versions",
)

OK, NOT_FOUND = 200, 404
VERSION = 1


class Answer(NamedTuple):
    """An HTTP answer; `body` is JSON."""

    status: int
    body: bytes
    content_type: str = MEDIA_TYPE


def respond(path: str, ids: Mapping[str, int] | None = None) -> Answer:
    """Answer a GET. `ids` are those that the worker writes with (default: the committed ones)."""
    own = dict(ids if ids is not None else current_ids())
    match path.rstrip("/").split("/")[1:]:
        case ["subjects"]:
            return _answer(sorted(f"{NAMESPACE}.{record}" for record in own))
        case ["schemas", "types"]:
            return _answer(["AVRO"])
        case ["subjects", subject, "versions", *rest]:
            return _subject(subject, rest, own)
        case ["schemas", "ids", number, *rest]:
            return _by_id(number, rest, own)
    return _missing(404, "HTTP 404 Not Found")


def _subject(subject: str, rest: list[str], own: Mapping[str, int]) -> Answer:
    record = subject.removeprefix(f"{NAMESPACE}.")
    if subject == record or record not in own:
        return _missing(40401, f"Subject '{subject[:100]}' not found.")
    if not rest:
        return _answer([VERSION])
    if len(rest) == 1 and rest[0] in ("latest", "-1", str(VERSION)):
        return _answer(
            {"subject": subject, "version": VERSION, "id": own[record], "schema": json.dumps(self_contained(record))}
        )
    return _missing(40402, "Version not found.")


def _by_id(number: str, rest: list[str], own: Mapping[str, int]) -> Answer:
    schema, record = _schema_of(number, own)
    if schema is None:
        return _missing(40403, "Schema not found")
    if not rest:
        return _answer({"schema": json.dumps(schema)})
    if rest == ["schema"]:
        return _answer(schema)
    if rest == ["versions"]:
        return _answer([{"subject": f"{NAMESPACE}.{record}", "version": VERSION}] if record else [])
    return _missing(404, "HTTP 404 Not Found")


def _schema_of(number: str, own: Mapping[str, int]) -> tuple[Mapping[str, Any] | None, str | None]:
    """Return the schema behind an id of ours or of an earlier release, and the record if it is a current one."""
    if not (number.isascii() and number.isdigit() and len(number) <= len(str(2**32))):
        return None, None
    wanted = int(number)
    for names in (own, current_ids()):
        for record, known in names.items():
            if known == wanted:
                return self_contained(record), record
    return released_schemas().get(wanted), None


def _answer(content: Any) -> Answer:
    return Answer(OK, json.dumps(content).encode())


def _missing(code: int, message: str) -> Answer:
    return Answer(NOT_FOUND, json.dumps({"error_code": code, "message": message}).encode())
