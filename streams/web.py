"""What a worker's web port answers, on Faust's web server, GET only:

    /metrics                              Prometheus' text form
    /health/live                          200 while the event loop turns
    /health/ready                         200, or 503 with the reasons in words
    /schemas/ids/{id}                     a schema in Confluent's REST shape; `?subject=` is taken and ignored
    /subjects                             the subjects that have a schema
    /subjects/{subject}/versions/latest   id, version and schema of one

Nobody registers here: the ids are the committed ones, so that standard tools decode our topics without a registry.
A topic that carries one kind of record has the subject `<topic>-value`, prefix included; each record type has
`leadflow.<Record>`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.avro_files import NAMESPACE, current_ids, self_contained
from schemas.topics import catalogue, spec_of
from schemas.writers import released_schemas
from streams.state import EngineState

if TYPE_CHECKING:
    from streams.app import LeadflowApp

SCHEMA_TYPE = "application/vnd.schemaregistry.v1+json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SCHEMA_MISSING = 40403
SUBJECT_MISSING = 40401
VERSION = 1
"""A subject's only version here: older releases are found by id."""

Json = dict[str, Any]


class SchemaShelf:
    """The schemas that this release knows, as JSON text by id and by subject.

    `ids` are those that the worker writes with, `extra` further writer schemas by id.
    """

    def __init__(
        self,
        prefix: str = "",
        ids: Mapping[str, int] | None = None,
        extra: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        self._prefix = prefix
        self._ids = dict(current_ids() if ids is None else ids)
        own = {number: self_contained(name) for name, number in self._ids.items()}
        self._texts = {n: json.dumps(schema) for n, schema in {**released_schemas(), **(extra or {}), **own}.items()}

    def text(self, number: int) -> str | None:
        """Return the schema of an id, or None."""
        return self._texts.get(number)

    def subjects(self) -> list[str]:
        """Return all subjects; buyers' topics answer as well, but are not listed: they are named by the plan."""
        single = [spec for spec in catalogue() if len(spec.records) == 1 and spec.records[0].__name__ in self._ids]
        topics = [f"{self._prefix}{spec.name}-value" for spec in single]
        return sorted([*topics, *(f"{NAMESPACE}.{name}" for name in self._ids)])

    def latest(self, subject: str) -> Json | None:
        """Return subject, version, id and schema, or None."""
        number = self._ids.get(self._record(subject) or "")
        if number is None:
            return None
        return {"subject": subject, "version": VERSION, "id": number, "schema": self._texts[number]}

    def _record(self, subject: str) -> str | None:
        """Return the name of the record that a subject is about."""
        if subject.startswith(f"{NAMESPACE}."):
            return subject.removeprefix(f"{NAMESPACE}.")
        topic = subject.removeprefix(self._prefix).removesuffix("-value")
        spec = spec_of(topic) if subject == f"{self._prefix}{topic}-value" else None
        return spec.records[0].__name__ if spec is not None and len(spec.records) == 1 else None


@dataclass(frozen=True)
class Pages:
    """Where the answers come from."""

    state: Callable[[], EngineState]
    metrics: Callable[[], bytes] = lambda: b""
    schemas: SchemaShelf = field(default_factory=SchemaShelf)


def readiness(state: EngineState) -> tuple[int, Json]:
    """Return status and body of /health/ready: what stops, rests or is still being restored, without any person."""
    body = {
        "ready": state.ready,
        "reasons": list(state.not_ready),
        "partitions": len(state.owned),
        "running": len(state.running),
        "stopped": {f"{stage}-{number}": reason for (stage, number), reason in state.stopped.items()},
        "resting": dict(state.resting),
    }
    return (200 if state.ready else 503), body


def schema_by_id(shelf: SchemaShelf, asked: str) -> tuple[int, Json]:
    """Return status and body of /schemas/ids/{id}."""
    text = shelf.text(int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 11 else None
    if text is None:
        return 404, {"error_code": SCHEMA_MISSING, "message": f"Schema {asked} not found"}
    return 200, {"schema": text}


def latest_of(shelf: SchemaShelf, subject: str) -> tuple[int, Json]:
    """Return status and body of /subjects/{subject}/versions/latest."""
    found = shelf.latest(subject)
    if found is None:
        return 404, {"error_code": SUBJECT_MISSING, "message": f"Subject '{subject}' not found."}
    return 200, found


def serve(app: LeadflowApp, pages: Pages) -> None:
    """Add the pages to the app's web server."""

    @app.page("/metrics", name="metrics")
    async def metrics(web: Any, request: Any) -> Any:
        return web.bytes(pages.metrics(), headers={"Content-Type": METRICS_TYPE})

    @app.page("/health/live", name="live")
    async def live(web: Any, request: Any) -> Any:
        return web.json({"live": True})

    @app.page("/health/ready", name="ready")
    async def ready(web: Any, request: Any) -> Any:
        status, body = readiness(pages.state())
        return web.json(body, status=status)

    @app.page("/schemas/ids/{schema_id}", name="schema")
    async def schema(web: Any, request: Any, schema_id: str) -> Any:
        status, body = schema_by_id(pages.schemas, schema_id)
        return web.json(body, status=status, content_type=SCHEMA_TYPE)

    @app.page("/subjects", name="subjects")
    async def subjects(web: Any, request: Any) -> Any:
        return web.json(pages.schemas.subjects(), content_type=SCHEMA_TYPE)

    @app.page("/subjects/{subject}/versions/latest", name="latest")
    async def latest(web: Any, request: Any, subject: str) -> Any:
        status, body = latest_of(pages.schemas, subject)
        return web.json(body, status=status, content_type=SCHEMA_TYPE)
