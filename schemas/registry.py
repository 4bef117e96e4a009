"""A real schema registry (Confluent's REST API), when LEADFLOW_SCHEMA_REGISTRY is set.

At start our schemas are registered, or looked up where registering is not allowed, and the registry's ids are the
ones we write with; the bytes are otherwise the same as with the committed ids. An id that nobody knows is asked for
once. Unreachable is `Unavailable` (what needs it waits); "no such id" is an answer. All waits and sizes have limits.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from config.setting_problems import Problem, SettingsProblems
from config.settings import Settings
from config.settings_shown import without_password
from schemas.avro_files import NAMESPACE, current_ids, self_contained
from schemas.codec import Codec
from schemas.errors import NeedsPerson, Unavailable
from schemas.writers import SCHEMA_BYTES_MAX, SchemaRefused, extra_schemas

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
#: An answer holds a schema as a JSON string, which escapes at most double its size.
ANSWER_BYTES_MAX = 2 * SCHEMA_BYTES_MAX
#: How long an unknown id stays unknown before it is asked for again, and how many are remembered.
UNKNOWN_FOR_S = 60.0
UNKNOWN_MAX = 10_000
#: After no answer, how long nobody asks again: a stage that waits must not hold up its worker with time-outs.
REST_S = 1.0
#: How long a worker that starts waits for its registry.
START_WAIT_S = 60.0


def open_codec(
    settings: Settings,
    *,
    transport: httpx.BaseTransport | None = None,
    monotonic_s: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Codec:
    """Return the codec that the settings ask for: extra schemas, a registry or none.

    Waits for a registry that is away, at most START_WAIT_S; then raises Unavailable. Raises SettingsProblems for
    extra schemas that cannot be used, NeedsPerson for a registry that refuses ours.
    """
    extra = _extra(settings)
    if not settings.schema_registry:
        return Codec(extra=extra)
    timeout_s = settings.registry_timeout_ms / 1000
    registry = Registry(settings.schema_registry, timeout_s, transport=transport, monotonic_s=monotonic_s)
    give_up_at_s = monotonic_s() + START_WAIT_S
    while True:
        try:
            return Codec(registry.own_ids(), extra, registry.lookup)
        except Unavailable as away:
            if monotonic_s() > give_up_at_s:
                raise
            log.warning("waiting: %s", away)
            pause(REST_S)


def _extra(settings: Settings) -> dict[int, dict[str, Any]]:
    if settings.schemas_extra is None:
        return {}
    try:
        return extra_schemas(settings.schemas_extra)
    except SchemaRefused as refused:
        right = "schemas named LeadReceived whose values Avro can read as ours"
        raise SettingsProblems([Problem("LEADFLOW_SCHEMAS_EXTRA", f"holds {refused}", right)]) from None


class Registry:
    """One registry. Methods raise Unavailable when it does not answer, NeedsPerson when it refuses us."""

    def __init__(
        self,
        url: str,
        timeout_s: float = 2.0,
        *,
        transport: httpx.BaseTransport | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpx  # 90 ms of a worker's start, and most workers have no registry

        self._http_errors = (httpx.HTTPError, httpx.InvalidURL)
        self._shown = without_password(url)
        self._client = httpx.Client(
            base_url=url, timeout=timeout_s, transport=transport, headers={"Accept": f"{MEDIA_TYPE}, application/json"}
        )
        self._monotonic_s = monotonic_s
        self._unknown: dict[int, float] = {}
        self._silent_until_s = 0.0

    def own_ids(self, records: Iterable[str] | None = None) -> dict[str, int]:
        """Register our schemas and return the registry's id of each record; subject `leadflow.<Record>`."""
        return {record: self._own_id(record) for record in (records if records is not None else current_ids())}

    def lookup(self, schema_id: int) -> Mapping[str, Any] | None:
        """Return the schema behind an id, None if the registry does not know it (remembered for a minute)."""
        now = self._monotonic_s()
        if self._unknown.get(schema_id, 0.0) > now:
            return None
        status, answer = self._ask("GET", f"/schemas/ids/{schema_id}")
        if status == HTTPStatus.NOT_FOUND:
            self._remember_unknown(schema_id, now)
            return None
        if status != HTTPStatus.OK:
            raise Unavailable(f"schema registry {self._shown} answers {status} when asked for schema id {schema_id}")
        return _schema_in(answer)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _own_id(self, record: str) -> int:
        subject = f"{NAMESPACE}.{record}"
        body = {"schemaType": "AVRO", "schema": json.dumps(self_contained(record))}
        status, answer = self._ask("POST", f"/subjects/{subject}/versions", body)
        if status in (HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED):
            status, answer = self._ask("POST", f"/subjects/{subject}", body)
        number = answer.get("id")
        if status == HTTPStatus.OK and isinstance(number, int) and 0 <= number < 2**32:
            return number
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"schema registry {self._shown} answers {status} for subject {subject}")
        why = (
            "its schemas there are not compatible with ours"
            if status == HTTPStatus.CONFLICT
            else "it refuses our schema"
        )
        raise NeedsPerson(
            f"schema registry {self._shown} answers {status} for subject {subject}: {why}; "
            "compare the subject's versions with schemas/avro, or unset LEADFLOW_SCHEMA_REGISTRY"
        )

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Return (status, JSON object); {} for an answer that is none."""
        if self._monotonic_s() < self._silent_until_s:
            raise Unavailable(f"schema registry {self._shown} did not answer just now")
        try:
            with self._client.stream(method, path, json=body) as response:
                return response.status_code, _json_in(response)
        except self._http_errors as error:
            self._silent_until_s = self._monotonic_s() + REST_S
            raise Unavailable(f"schema registry {self._shown} does not answer ({type(error).__name__})") from None

    def _remember_unknown(self, schema_id: int, now: float) -> None:
        if len(self._unknown) >= UNKNOWN_MAX:
            self._unknown.clear()
        self._unknown[schema_id] = now + UNKNOWN_FOR_S


def _json_in(response: httpx.Response) -> dict[str, Any]:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _schema_in(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an answer; one that we cannot use is returned empty and refused by name further on."""
    text = answer.get("schema")
    if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references") or not isinstance(text, str):
        return {}
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return schema if isinstance(schema, dict) else {}
