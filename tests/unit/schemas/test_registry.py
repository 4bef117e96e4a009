"""A registry over HTTP: what it answers, what it refuses, and that it can never hold us up for long."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.setting_problems import SettingsProblems
from config.settings import Settings, load_settings
from schemas.avro_files import current_ids, self_contained
from schemas.codec import Codec, frame_of
from schemas.errors import NeedsPerson, Unavailable, UnknownSchema
from schemas.records import LeadReceived, Pause
from schemas.registry import ANSWER_BYTES_MAX, REST_S, UNKNOWN_FOR_S, Registry, open_codec

URL = "http://someone:hunter2@registry.example/apis"


class Time:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def registry(answer: Callable[[httpx.Request], httpx.Response], time: Time | None = None) -> Registry:
    return Registry(URL, transport=httpx.MockTransport(answer), monotonic_s=time or Time())


def found(schema: Any, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"schema": json.dumps(schema), **more})


def test_our_schemas_are_registered_by_record_and_the_answers_ids_are_written() -> None:
    asked: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.path] = json.loads(request.content)
        return httpx.Response(200, json={"id": len(asked)})

    ids = registry(answer).own_ids()
    assert ids == {record: number for number, record in enumerate(current_ids(), 1)}
    assert list(asked) == [f"/apis/subjects/leadflow.{record}/versions" for record in current_ids()]
    assert json.loads(asked["/apis/subjects/leadflow.LeadSold/versions"]["schema"]) == self_contained("LeadSold")
    assert Codec(ids=ids).encode(Pause("supplier", "s", True, -1, 0))[:5] == frame_of(ids["Pause"])


@pytest.mark.parametrize("status", [403, 405])
def test_where_registering_is_not_allowed_our_schemas_are_looked_up(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/versions"):
            return httpx.Response(status)
        return httpx.Response(200, json={"subject": "leadflow.Pause", "id": 9, "version": 1})

    assert registry(answer).own_ids(["Pause"]) == {"Pause": 9}


@pytest.mark.parametrize(
    ("status", "words"), [(409, "not compatible with ours"), (422, "refuses our schema"), (200, "refuses")]
)
def test_a_refusal_needs_a_person_and_shows_no_password(status: int, words: str) -> None:
    with pytest.raises(NeedsPerson, match=words) as caught:
        registry(lambda _: httpx.Response(status, json={"message": "no"})).own_ids(["Pause"])
    assert "hunter2" not in str(caught.value)
    assert "LEADFLOW_SCHEMA_REGISTRY" in str(caught.value)


def test_an_id_is_asked_for_and_its_schema_used() -> None:
    codec = Codec(lookup=registry(lambda _: found(self_contained("Pause"))).lookup)
    pause = Pause("supplier", "s", True, -1, 0)
    assert codec.decode(frame_of(7) + codec.encode(pause)[5:]) == pause


def test_an_unknown_id_is_an_answer_and_is_not_asked_for_again_at_once() -> None:
    time, calls = Time(), []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(404, json={"error_code": 40403, "message": "Schema not found"})

    lookup = registry(answer, time).lookup
    assert [lookup(7), lookup(7)] == [None, None]
    assert calls == ["/apis/schemas/ids/7"]
    time.now_s += UNKNOWN_FOR_S + 1
    assert lookup(7) is None
    assert len(calls) == 2


def silent(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("connection to 10.0.0.1 timed out")


def test_a_registry_that_is_silent_is_unavailable_and_rests_before_it_is_asked_again() -> None:
    time, calls = Time(), []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return silent(request)

    ours = registry(answer, time)
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"registry\.example") as caught:
            ours.lookup(7)
        assert "hunter2" not in str(caught.value)
    assert len(calls) == 1
    time.now_s += REST_S
    with pytest.raises(Unavailable):
        ours.own_ids(["Pause"])
    assert len(calls) == 2


@pytest.mark.parametrize("status", [302, 401, 500, 503])
def test_any_other_answer_to_a_lookup_is_unavailable_never_unknown(status: int) -> None:
    with pytest.raises(Unavailable, match=str(status)):
        registry(lambda _: httpx.Response(status)).lookup(7)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"not json"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b'"' + b"x" * (ANSWER_BYTES_MAX + 1) + b'"'),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"schema": 5}),
        httpx.Response(200, json={"schema": "{", "schemaType": "AVRO"}),
        httpx.Response(200, json={"schema": "message P {}", "schemaType": "PROTOBUF"}),
        httpx.Response(200, json={"schema": "{}", "references": [{"name": "x", "subject": "x", "version": 1}]}),
    ],
)
def test_an_answer_that_is_no_usable_schema_makes_the_record_unknown(answer: httpx.Response) -> None:
    codec = Codec(lookup=registry(lambda _: answer).lookup)
    with pytest.raises(UnknownSchema, match="schema id 7"):
        codec.decode(frame_of(7) + b"x")


# --- the codec of a process --------------------------------------------------------------------------------------


def settings(**values: str) -> Settings:
    return load_settings({f"LEADFLOW_{name.upper()}": value for name, value in values.items()})


def test_without_a_registry_the_committed_ids_are_written() -> None:
    assert open_codec(settings()).ids == current_ids()


def test_with_a_registry_its_ids_are_written_and_unknown_ones_asked_for() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return found(self_contained("Pause"))
        return httpx.Response(200, json={"id": 5})

    codec = open_codec(settings(schema_registry=URL), transport=httpx.MockTransport(answer))
    assert set(codec.ids.values()) == {5}
    assert codec.record_type(frame_of(7) + b"x") is Pause


def test_a_registry_that_comes_up_is_waited_for_and_one_that_does_not_is_given_up() -> None:
    time, calls = Time(), []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return silent(request) if len(calls) < 4 else httpx.Response(200, json={"id": len(calls)})

    def pause(seconds: float) -> None:
        time.now_s += seconds

    given = settings(schema_registry=URL)
    assert open_codec(given, transport=httpx.MockTransport(answer), monotonic_s=time, pause=pause).ids
    with pytest.raises(Unavailable):
        open_codec(given, transport=httpx.MockTransport(silent), monotonic_s=time, pause=pause)


def test_extra_schemas_are_read_from_their_folder(tmp_path: Path) -> None:
    (tmp_path / "42.avsc").write_text(json.dumps({**self_contained("LeadReceived"), "namespace": "com.example"}))
    assert open_codec(settings(schemas_extra=str(tmp_path))).record_type(frame_of(42) + b"x") is LeadReceived
    (tmp_path / "43.avsc").write_text("{}")
    with pytest.raises(SettingsProblems, match=r"LEADFLOW_SCHEMAS_EXTRA .*43\.avsc"):
        open_codec(settings(schemas_extra=str(tmp_path)))
