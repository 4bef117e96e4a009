"""Why Kafka is silent: whether a connection of our own is let in, and what is waited for instead of ending."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from schemas.errors import NeedsPerson
from streams.kafka.errors import as_consumer_error
from streams.kafka.login import raise_if_refused
from tests.support.kafka_layouts import API_VERSIONS, SASL_AUTHENTICATE, SASL_HANDSHAKE
from tests.support.scripted_broker import Asked, Peer, Reply, closes, keeps_silent, resets, says
from tests.support.scripted_cluster import ScriptedCluster
from tests.support.token_provider import serving

LIMIT_S = 10.0
NOBODY = ("127.0.0.1", 1)
UNSUPPORTED_VERSION = 35
REFUSED = says(58, "who are you?", b"", 0)
SECURITY = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "leadflow",
    "sasl.password": "open sesame",
}


def test_a_refusal_is_told_whoever_else_is_away() -> None:
    with ScriptedCluster() as cluster:
        cluster.script(SASL_AUTHENTICATE, REFUSED)
        with pytest.raises(NeedsPerson, match="who are you"):
            raise_if_refused([NOBODY, *cluster.addresses], SECURITY)


def test_silence_is_no_refusal_and_another_broker_is_asked() -> None:
    raise_if_refused([NOBODY], SECURITY)
    with ScriptedCluster(2) as cluster:
        cluster.script(SASL_HANDSHAKE, closes)
        raise_if_refused(cluster.addresses, SECURITY)
        assert [asked.node for asked in cluster.asked if asked.key == API_VERSIONS] == [1]


def test_a_broker_without_a_log_in_is_not_even_asked() -> None:
    with ScriptedCluster() as cluster:
        raise_if_refused(cluster.addresses, {})
        assert cluster.asked == []


def test_a_provider_of_tokens_that_fails_is_waited_for_by_the_consumer() -> None:
    """Librdkafka says it under the code of refused credentials."""
    heard: list[KafkaError] = []
    with serving() as (provider, security):
        provider.body = b"<html>try again later"  # a 503 it asks again for longer than a test may wait
        own: dict[str, Any] = {"bootstrap.servers": "127.0.0.1:1", "error_cb": heard.append, "log_level": 0}
        client = AdminClient(own | security)
        until = time.monotonic() + LIMIT_S
        while not any(error.code() == KafkaError._AUTHENTICATION for error in heard):
            assert time.monotonic() < until, "librdkafka says nothing of its provider"
            client.poll(0.05)
    assert [as_consumer_error(error) for error in heard] == [None] * len(heard)


def oldest_versions(peer: Peer, asked: Asked) -> None:
    """Answer librdkafka, which begins with a version of this question that no script speaks."""
    says(UNSUPPORTED_VERSION if asked.version else 0, [(API_VERSIONS, 0, 0), (SASL_HANDSHAKE, 0, 1)])(peer, asked)


def heard_of_log_ins(key: int, reply: Reply) -> list[KafkaError]:
    """Return what librdkafka tells of log-ins whose request of this kind is answered so."""
    heard: list[KafkaError] = []
    with ScriptedCluster() as cluster:
        cluster.always(API_VERSIONS, oldest_versions)
        cluster.always(key, reply)
        own: dict[str, Any] = {"bootstrap.servers": cluster.bootstrap, "error_cb": heard.append, "log_level": 0}
        client = AdminClient(own | {"socket.timeout.ms": 200} | SECURITY)
        until = time.monotonic() + LIMIT_S
        while not any(error.code() == KafkaError._AUTHENTICATION for error in heard):
            assert time.monotonic() < until, f"librdkafka says nothing of its log-in: {heard}"
            client.poll(0.05)
    return heard


@pytest.mark.parametrize("how", [closes, resets, keeps_silent])
def test_a_line_that_breaks_in_a_log_in_is_waited_for_by_the_consumer(how: Reply) -> None:
    """Librdkafka says it under the code of refused credentials: a worker would end with 78, and stay away."""
    assert {as_consumer_error(error) for error in heard_of_log_ins(SASL_HANDSHAKE, how)} == {None}


def test_a_log_in_that_is_refused_ends_the_worker() -> None:
    heard = heard_of_log_ins(SASL_HANDSHAKE, says(33, ["GSSAPI"]))
    meanings = [as_consumer_error(error) for error in heard if error.code() == KafkaError._AUTHENTICATION]
    assert meanings
    assert all(isinstance(meaning, NeedsPerson) for meaning in meanings)
