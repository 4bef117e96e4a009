"""Tokens of OAUTHBEARER from a real endpoint on this machine: what is asked, what is refused, what is never said."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from schemas.errors import NeedsPerson, Unavailable
from streams.kafka import oauth as kafka_oauth
from streams.kafka.oauth import first_message
from streams.kafka.sasl import authenticate
from tests.support.certificates import Authority
from tests.support.token_provider import SECRET, options, serving
from tests.unit.streams.sasl_answers import Broker, handshake, step


def test_a_token_is_asked_for_by_id_and_secret_and_shown_with_its_extensions() -> None:
    with serving() as (provider, security):
        more = {"sasl.oauthbearer.scope": "kafka write", "sasl.oauthbearer.extensions": "cluster=a, pool=b=c"}
        assert first_message({**security, **more}) == b"n,,\x01auth=Bearer abc.def-1\x01cluster=a\x01pool=b=c\x01\x01"
        assert first_message(security) == b"n,,\x01auth=Bearer abc.def-1\x01\x01"
    (headers, form), (_, short) = provider.asked
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"leadflow:{SECRET}".encode()).decode()
    assert form == "grant_type=client_credentials&scope=kafka+write"
    assert short == "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"error": "invalid_client", "error_description": "open sesame"}', NeedsPerson, "401, invalid_client"),
        (400, b'{"error": "open sesame"}', NeedsPerson, r"\(400\)"),
        (404, b"<html>", NeedsPerson, "404"),
        (200, b"<html>", NeedsPerson, "no token"),
        (200, b"[]", NeedsPerson, "no token"),
        (200, b'{"access_token": 5}', NeedsPerson, "no token"),
        (200, b'{"access_token": "a\\u0001b=c"}', NeedsPerson, "no token"),
        (302, b"", NeedsPerson, "302"),
        (408, b"", Unavailable, "408"),
        (429, b"", Unavailable, "429"),
        (503, b"", Unavailable, "503"),
        (200, b"x" * 100_000, Unavailable, "too much"),
    ],
)
def test_what_a_provider_says_is_told_without_our_secret(
    status: int, body: bytes, kind: type[Exception], words: str
) -> None:
    with serving() as (provider, security):
        provider.status, provider.body = status, body
        with pytest.raises(kind, match=words) as caught:
            first_message(security)
    assert SECRET not in str(caught.value)


def test_a_provider_that_does_not_answer_is_waited_for_by_trying_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"token\.endpoint\.url does not answer"):
        first_message(options("http://127.0.0.1:1/token"))
    monkeypatch.setattr(kafka_oauth, "TIMEOUT_S", 0.0)
    with serving() as (_, security), pytest.raises(Unavailable):
        first_message(security)


def test_a_provider_is_believed_by_its_certificate_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    with serving(authority.sign("provider", names="IP:127.0.0.1")) as (_, security):
        trusted = {**security, "https.ca.location": str(authority.certificate)}
        assert first_message(trusted).startswith(b"n,,\x01auth=Bearer ")
        with pytest.raises(NeedsPerson, match=r"not to be trusted.*https\.ca\.location"):
            first_message(security)


def test_a_broker_that_refuses_a_token_is_answered_before_it_is_believed() -> None:
    with serving() as (_, security):
        good = Broker([handshake(), step(lifetime_ms=60_000)])
        assert authenticate(good, security, "b:1") == 60_000
        bad = Broker([handshake(), step(b'{"status":"invalid_token"}'), step(error=58, told="{invalid_token}")])
        with pytest.raises(NeedsPerson, match="invalid_token"):
            authenticate(bad, security, "b:1")
        assert bad.asked[-1] == (36, 1, b"\0\0\0\1\1")
