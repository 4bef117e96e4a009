"""A partition loses its only leader between a commit and its end there: Kafka passes over it, and we end it later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import admin as _admin

from config.kafka import KafkaSettings
from console.faults.brokers import OneOfThree, three_brokers
from schemas.errors import Unavailable
from streams.kafka import wire
from streams.kafka.producer import KafkaProducer
from streams.watchdog import Watchdog
from tests.integration.streams.conftest import Cluster

admin: Any = _admin  # its type stubs leave out what its page names

WAIT_S = 30.0
NAMES = 40
TOPIC, PREFIX = "p.out", "p."
LONELY, SAFE = 0, 1
"""Partitions: one whose only copy is on the second broker, one whose only copy is on the first."""


@pytest.fixture
def brokers(kafka_jars: tuple[Path, ...], tmp_path: Path) -> Iterator[tuple[OneOfThree, ...]]:
    """Three of them; what coordinates is on all three."""
    with three_brokers(tmp_path, kafka_jars) as started:
        yield started


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, f"it did not come to {what}"
        time.sleep(0.05)


@pytest.fixture
def connected() -> Iterator[Callable[[str, str], KafkaProducer]]:
    """Makes producers that have taken their names; all are closed after the test."""
    watchdog = Watchdog(lambda code, reason: None)
    made: list[KafkaProducer] = []

    def make(bootstrap: str, name: str) -> KafkaProducer:
        producer = KafkaProducer(KafkaSettings(bootstrap, prefix=PREFIX, name=name), watchdog, lambda cause: None)
        made.append(producer)

        def has_it() -> bool:
            try:
                producer.connect()
            except Unavailable:
                return False
            return True

        until(has_it, f"{name} being taken")
        return producer

    yield make
    for producer in made:
        producer.close()
    watchdog.close()


def transact(producer: KafkaProducer, value: bytes, then: Callable[[], None] = lambda: None) -> None:
    """Commit a transaction of one record in each partition; `then` happens before the commit."""
    producer.begin()
    for number in (LONELY, SAFE):
        producer.produce(TOPIC, number, [(TOPIC, value, b"k", number, (), None)])
    producer.flush()
    then()
    producer.commit()


def test_what_was_committed_while_a_leader_died_is_committed_there_once_it_is_back(
    brokers: tuple[OneOfThree, ...], connected: Callable[[str, str], KafkaProducer]
) -> None:
    bootstrap = ",".join(broker.bootstrap for broker in brokers)
    asking = admin.AdminClient({"bootstrap.servers": bootstrap})
    topic = admin.NewTopic(
        TOPIC, num_partitions=2, replication_factor=-1, replica_assignment=[[2], [1]], config={"min.insync.replicas": 1}
    )
    asking.create_topics([topic])[TOPIC].result(WAIT_S)

    def leader() -> int:
        return int(asking.list_topics(TOPIC, WAIT_S).topics[TOPIC].partitions[LONELY].leader)

    def coordinates(producer: KafkaProducer) -> str:
        host, port = producer._brokers.coordinator(producer._name, wire.OF_TRANSACTION, time.monotonic() + WAIT_S)
        return f"{host}:{port}"

    names = (f"w{number}" for number in range(NAMES))
    producers = (connected(bootstrap, name) for name in names)
    first = next(producer for producer in producers if coordinates(producer) != brokers[1].bootstrap)
    transact(first, b"1")
    transact(first, b"2", brokers[1].suspend)
    brokers[1].kill()
    until(lambda: leader() == -1, "a partition without a leader")
    first.close()
    logs = [broker.log_file for broker in (brokers[0], brokers[2])]
    until(lambda: any("likely deleted already" in log.read_text() for log in logs), "a partition that is passed over")

    brokers[1].start()
    until(lambda: leader() == 2, "a leader")
    transact(connected(bootstrap, first._settings.name), b"3")
    stranger = Cluster(bootstrap, PREFIX)
    until(lambda: len(stranger.seen("out")) == 6, f"all records, but {stranger.seen('out')}")
