"""The name is taken while the worker is still being loaded: by the same rules, and by one producer alone."""

from __future__ import annotations

import pytest

from config.kafka import KafkaSettings
from schemas.errors import Unavailable
from streams.kafka import producer as kafka_producer
from streams.kafka.client import KafkaClient
from streams.kafka.name_taking import NameTaking
from streams.stage import TopicPartition
from tests.integration.streams.conftest import Cluster, join_at_start, transact

IN_0 = TopicPartition("in", 0)


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    cluster.make_topics({"in": 2, "out": 2})
    return cluster


def taken(cluster: Cluster, taking: NameTaking) -> KafkaClient:
    client = KafkaClient(cluster.settings(), renewed=cluster.renewals.append, taking=taking)
    cluster.clients.append(client)
    return client


def test_what_a_dead_worker_left_open_is_aborted_before_the_client_is_there(cluster: Cluster) -> None:
    dead = cluster.client()
    join_at_start(dead)
    dead.begin()
    dead.produce(dead.place([("out", b"left open", b"k", 0, (), None)]))
    dead.flush()
    client = taken(cluster, NameTaking(cluster.settings()))
    join_at_start(client)
    transact(client, [b"next"], {IN_0: 1})
    assert cluster.seen("out") == [b"next"]


def test_the_client_goes_on_with_the_producer_that_has_the_name(cluster: Cluster) -> None:
    client = taken(cluster, NameTaking(cluster.settings()))
    join_at_start(client)
    transact(client, [b"a"], {IN_0: 1})
    assert cluster.renewals == ["first"]


def test_an_attempt_that_failed_is_made_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as shorter:
        shorter.setattr(kafka_producer, "INIT_TIMEOUT_S", 0.2)
        taking = NameTaking(KafkaSettings("127.0.0.1:1"))
        for _ in range(2):
            with pytest.raises(Unavailable):
                taking.finish(cluster.renewals.append)
    taking.close()
    assert cluster.renewals == []
