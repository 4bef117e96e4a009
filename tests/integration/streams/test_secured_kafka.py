"""TLS and SASL at a real broker: who is let in, who is not and why, by the same options for librdkafka and for us."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from console.cluster.ports import HOST
from console.reading import Address, Reader
from schemas.errors import NeedsPerson
from streams.kafka.client import KafkaClient
from streams.stage import Message, TopicPartition
from tests.integration.streams.conftest import Cluster, join_at_start, transact
from tests.integration.streams.secured_kafka import (
    LIMIT_S,
    SESSION_MS,
    SecuredKafka,
    let_in,
    unsigned_token,
    versions,
)
from tests.support.token_provider import options, serving

SASL_AUTHENTICATE, PRODUCE = 36, 0
TOKEN_LIFE_S = 300


@pytest.fixture(scope="module")
def kafka_secured(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """One broker for all cases."""
    folder = tmp_path_factory.mktemp("secured")
    server = SecuredKafka(folder / "kafka", kafka_jars)
    server.make_certificates(folder / "pki")
    try:
        server.start()
        server.add_scram_users()
        yield server
    finally:
        server.kill()


def librdkafka_is_let_in(port: int, security: dict[str, str]) -> bool:
    """Tell whether librdkafka comes in by the same options; raises KafkaException when it does not."""
    found = AdminClient({"bootstrap.servers": f"{HOST}:{port}", "log_level": 0, **security}).list_topics(timeout=10)
    return bool(found.brokers)


@pytest.mark.parametrize(
    ("mechanism", "lifetime_ms"), [("PLAIN", 0), ("SCRAM-SHA-256", 0), ("SCRAM-SHA-512", SESSION_MS)]
)
def test_the_right_password_opens_for_both(kafka_secured: SecuredKafka, mechanism: str, lifetime_ms: int) -> None:
    security = kafka_secured.secured(mechanism)
    with let_in(kafka_secured.sasl_port, security) as (line, told_ms):
        assert abs(told_ms - lifetime_ms) < 1000
        assert SASL_AUTHENTICATE in versions(line)
        assert PRODUCE in versions(line)
    assert librdkafka_is_let_in(kafka_secured.sasl_port, security)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_wrong_password_is_said_and_not_shown(kafka_secured: SecuredKafka, mechanism: str) -> None:
    for changes in ({"sasl_password": "guess me not"}, {"sasl_username": "nobody"}):
        wrong = kafka_secured.secured(mechanism, **changes)
        with (
            pytest.raises(NeedsPerson, match=f"{mechanism}.*credentials") as caught,
            let_in(kafka_secured.sasl_port, wrong),
        ):
            pass
        assert wrong["sasl.password"] not in str(caught.value)


def test_a_mechanism_that_is_not_offered_is_named_with_those_that_are(kafka_secured: SecuredKafka) -> None:
    offered = "OAUTHBEARER, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    with (
        pytest.raises(NeedsPerson, match=f"GSSAPI.*{offered}"),
        let_in(kafka_secured.sasl_port, kafka_secured.secured("GSSAPI")),
    ):
        pass


def test_a_port_without_sasl_says_so(kafka_secured: SecuredKafka) -> None:
    port = int(kafka_secured.bootstrap.rpartition(":")[2])
    plain = kafka_secured.secured("PLAIN", security_protocol="SASL_PLAINTEXT")
    with pytest.raises(NeedsPerson, match=r"no SASL.*security\.protocol"), let_in(port, plain):
        pass


def test_a_broker_of_another_ca_or_name_is_told_no_password(kafka_secured: SecuredKafka) -> None:
    port, secured = kafka_secured.sasl_port, kafka_secured.secured("PLAIN")
    stranger = secured | {"ssl.ca.location": str(kafka_secured.pki / "stranger" / "ca.pem")}
    with pytest.raises(NeedsPerson, match=r"ssl\.ca\.location"), let_in(port, stranger):
        pass
    with (
        pytest.raises(NeedsPerson, match=r"kafka\.example.*advertised\.listeners"),
        let_in(port, secured, host="kafka.example"),
    ):
        pass
    unchecked = secured | {"ssl.endpoint.identification.algorithm": "none"}
    with let_in(port, unchecked, host="kafka.example") as (line, _):
        assert versions(line)


def test_a_certificate_opens_the_port_that_asks_for_one(kafka_secured: SecuredKafka) -> None:
    port, security = kafka_secured.mutual_port, kafka_secured.mutual()
    with let_in(port, security) as (line, lifetime_ms):
        assert versions(line)
        assert lifetime_ms == 0
    assert librdkafka_is_let_in(port, security)


def test_a_missing_or_foreign_certificate_is_said(kafka_secured: SecuredKafka) -> None:
    none_shown = {name: value for name, value in kafka_secured.mutual().items() if "certificate" not in name}
    none_shown = {name: value for name, value in none_shown.items() if "key" not in name}
    for security in (none_shown, kafka_secured.mutual("stranger")):
        with (
            pytest.raises(NeedsPerson, match=r"ssl\.certificate\.location"),
            let_in(kafka_secured.mutual_port, security) as (line, _),
        ):
            versions(line)


def test_a_token_opens_for_both_as_long_as_it_lives(kafka_secured: SecuredKafka) -> None:
    with serving() as (provider, oauth):
        provider.body = json.dumps(
            {"access_token": unsigned_token(int(time.time()), TOKEN_LIFE_S), "token_type": "Bearer", "expires_in": 300}
        ).encode()
        security = options(oauth["sasl.oauthbearer.token.endpoint.url"]) | {
            "ssl.ca.location": kafka_secured.secured("")["ssl.ca.location"]
        }
        with let_in(kafka_secured.sasl_port, security) as (line, lifetime_ms):
            assert TOKEN_LIFE_S - 30 < lifetime_ms / 1000 <= TOKEN_LIFE_S
            assert versions(line)
        assert librdkafka_is_let_in(kafka_secured.sasl_port, security)
        provider.body = json.dumps({"access_token": unsigned_token(int(time.time()) - 900, TOKEN_LIFE_S)}).encode()
        with (
            pytest.raises(NeedsPerson, match=r"OAUTHBEARER.*invalid_token"),
            let_in(kafka_secured.sasl_port, security),
        ):
            pass


# --- the whole client ------------------------------------------------------------------------------------------------

IN_0 = TopicPartition("in", 0)


@pytest.fixture
def open_door(kafka_secured: SecuredKafka, prefix: str) -> Cluster:
    """The broker as who needs no password sees it, with topics `in` and `out`."""
    found = Cluster(kafka_secured.bootstrap, prefix)
    found.make_topics({"in": 1, "out": 1})
    return found


@contextmanager
def secured_cluster(port: int, prefix: str) -> Iterator[Cluster]:
    """Give the broker behind that port, and close the clients that were made of it."""
    found = Cluster(f"{HOST}:{port}", prefix)
    try:
        yield found
    finally:
        for client in found.clients:
            client.close()


@pytest.mark.parametrize("by", ["PLAIN", "certificate"])
def test_an_epoch_is_read_and_committed_through_a_secured_listener(
    kafka_secured: SecuredKafka, open_door: Cluster, by: str
) -> None:
    certificate = by == "certificate"
    port = kafka_secured.mutual_port if certificate else kafka_secured.sasl_port
    security = kafka_secured.mutual() if certificate else kafka_secured.secured(by)
    with secured_cluster(port, open_door.prefix) as cluster:
        client = cluster.client(security=security)
        join_at_start(client)
        open_door.send("in", [b"a lead"])
        polled = [message.value for message in poll_one(client)]
        transact(client, [b"sold"], {IN_0: 1})
        assert polled == [b"a lead"]
        assert client.committed([IN_0]) == {IN_0: 1}
    assert open_door.seen("out") == [b"sold"]


def poll_one(client: KafkaClient) -> list[Message]:
    """Poll until something came."""
    found: list[Message] = []
    end = time.monotonic() + LIMIT_S
    while not found:
        assert time.monotonic() < end, "no record came"
        found = client.poll(10, 0.05)
    return found


def test_epochs_go_on_when_a_log_in_ends(kafka_secured: SecuredKafka, open_door: Cluster) -> None:
    """A connection that outlives its log-in is closed by the broker, and the name would be taken again."""
    security = kafka_secured.secured("SCRAM-SHA-512")
    with (
        secured_cluster(kafka_secured.sasl_port, open_door.prefix) as cluster,
        let_in(kafka_secured.sasl_port, security) as (outliving, _),
    ):
        client = cluster.client(security=security)
        join_at_start(client)
        end, count = time.monotonic() + 1.3 * SESSION_MS / 1000, 0
        while time.monotonic() < end:
            transact(client, [b"%d" % count], {IN_0: count})
            count += 1
        assert cluster.renewals == ["first"]
        with pytest.raises(ConnectionResetError):
            versions(outliving)
    assert open_door.seen("out") == [b"%d" % number for number in range(count)]


def test_a_worker_without_work_hears_that_its_password_was_changed(
    kafka_secured: SecuredKafka, open_door: Cluster
) -> None:
    """Librdkafka logs in again; what it says of a refusal is told from what it says of a line that broke."""
    kafka_secured.add_scram_users("leaving", "old")
    security = kafka_secured.secured("SCRAM-SHA-512", sasl_username="leaving", sasl_password="old")
    with secured_cluster(kafka_secured.sasl_port, open_door.prefix) as cluster:
        client = cluster.client(security=security)
        join_at_start(client)
        kafka_secured.add_scram_users("leaving", "new")
        with pytest.raises(NeedsPerson, match=r"refuses us.*invalid credentials"):
            poll_one(client)


def test_who_may_not_come_in_is_told_so_by_worker_and_command(kafka_secured: SecuredKafka, open_door: Cluster) -> None:
    """Librdkafka calls it silence."""
    wrong = kafka_secured.secured("SCRAM-SHA-256", sasl_password="wrong")
    with secured_cluster(kafka_secured.sasl_port, open_door.prefix) as cluster:
        with pytest.raises(NeedsPerson, match="credentials"):
            cluster.client(security=wrong)
        with pytest.raises(NeedsPerson, match="credentials"):
            Reader(Address(cluster.bootstrap, cluster.prefix, wrong)).topics()
        right = Reader(Address(cluster.bootstrap, cluster.prefix, kafka_secured.secured("SCRAM-SHA-256")))
        assert right.topics() == {"in": 1, "out": 1}
