"""Topics and clients of one test on the session's broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka import admin as _admin

from config.kafka import KafkaSettings
from schemas.errors import EpochLost, Unavailable
from streams.kafka.client import KafkaClient
from streams.stage import Message, TopicPartition

admin: Any = _admin  # its type stubs leave out what its page names

WAIT_S = 20.0
CONNECTS = 4
REDOS = 4
PARTITIONS = 2


@dataclass
class Cluster:
    """The session's broker as one test sees it: topics `in` and `out` of its own prefix, and its clients."""

    bootstrap: str
    prefix: str
    renewals: list[str] = field(default_factory=list)
    exits: list[tuple[int, str]] = field(default_factory=list)
    clients: list[KafkaClient] = field(default_factory=list)

    def settings(self, **changes: object) -> KafkaSettings:
        """Return settings of this test; one worker, sessions of 2 s."""
        return KafkaSettings(
            self.bootstrap,
            prefix=self.prefix,
            **{"session_timeout_ms": 2000, "heartbeat_ms": 200, **changes},  # type: ignore[arg-type]
        )

    def client(self, **changes: object) -> KafkaClient:
        """Return a connected client, closed after the test; like a worker it waits for a coordinator that moves."""
        for attempt in range(CONNECTS):
            try:
                client = KafkaClient(
                    self.settings(**changes),
                    renewed=self.renewals.append,
                    die=lambda code, reason: self.exits.append((code, reason)),
                    clock_topic="in",
                )
            except Unavailable:
                if attempt + 1 == CONNECTS:
                    raise
            else:
                self.clients.append(client)
                return client
        raise AssertionError("unreachable")

    def make_topics(self, counts: dict[str, int], **settings: str) -> None:
        """Create topics, LogAppendTime, and wait until they are there."""
        client = admin.AdminClient({"bootstrap.servers": self.bootstrap})
        config = {"message.timestamp.type": "LogAppendTime", **settings}
        topics = [admin.NewTopic(self.prefix + name, count, 1, config=config) for name, count in counts.items()]
        for attempt in range(CONNECTS):
            try:
                for future in client.create_topics(topics).values():
                    future.result(WAIT_S)
            except KafkaException as problem:
                if problem.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS and attempt:
                    break  # the answer to an earlier attempt was lost, not its work
                if attempt + 1 == CONNECTS:
                    raise
            else:
                break
        self._wait_until_led(client, counts)

    def _wait_until_led(self, client: Any, counts: dict[str, int]) -> None:
        """Wait for each leader: a broker tells of a new partition a moment before it writes to it."""
        places = [RawPartition(self.prefix + name, number) for name, count in counts.items() for number in range(count)]
        end = time.monotonic() + WAIT_S
        while places:
            assert time.monotonic() < end, f"nobody leads {places}"
            asked = client.list_offsets({place: admin.OffsetSpec.latest() for place in places})
            places = [place for place, future in asked.items() if future.exception(WAIT_S) is not None]

    def send(self, topic: str, values: list[bytes], partition: int = 0) -> None:
        """Write records as an upstream system does."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
        for value in values:
            producer.produce(self.prefix + topic, value, b"k", partition)
        assert producer.flush(WAIT_S) == 0

    def send_keyed(self, topic: str, records: list[tuple[bytes, bytes]], partition: int) -> None:
        """Write (key, value) records to one partition."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})
        for key, value in records:
            producer.produce(self.prefix + topic, value, key, partition)
        assert producer.flush(WAIT_S) == 0

    def seen(self, topic: str) -> list[bytes]:
        """Return the values that a read-committed stranger finds, in partition and offset order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "stranger",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,  # the end is told by an empty answer, for which a broker waits 500 ms
            }
        )
        name = self.prefix + topic
        count = len(consumer.list_topics(name, WAIT_S).topics[name].partitions)
        consumer.assign([RawPartition(name, number, 0) for number in range(count)])
        found: dict[int, list[bytes]] = {number: [] for number in range(count)}
        ends, until = 0, time.monotonic() + WAIT_S
        while ends < count and time.monotonic() < until:
            for record in consumer.consume(1000, 0.1):
                if record.error() is not None:
                    ends += 1
                else:
                    found[record.partition() or 0].append(record.value() or b"")
        consumer.close()
        return [value for number in range(count) for value in found[number]]


@pytest.fixture
def cluster(kafka: str, prefix: str) -> Iterator[Cluster]:
    """The broker with topics `in` and `out` of two partitions each."""
    found = Cluster(kafka, prefix)
    found.make_topics({"in": PARTITIONS, "out": PARTITIONS})
    yield found
    for client in found.clients:
        client.close()


def until(client: KafkaClient, holds: Callable[[], bool], timeout_s: float = WAIT_S) -> list[Message]:
    """Poll until the condition holds; returns what was polled meanwhile."""
    polled: list[Message] = []
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "the condition did not come true in time"
        polled += client.poll(1000, 0.05)
    return polled


def join(client: KafkaClient, topics: tuple[str, ...] = ("in",)) -> list[TopicPartition]:
    """Subscribe and wait for an assignment; nothing is started."""
    given: list[TopicPartition] = []

    def on_assign(partitions: list[TopicPartition]) -> None:
        given[:] = partitions

    client.subscribe(topics, on_assign, lambda partitions, lost: given.clear())
    until(client, lambda: bool(given))
    return given


def join_at_start(client: KafkaClient) -> list[TopicPartition]:
    """Join and start all partitions at offset 0."""
    given = join(client)
    client.start(dict.fromkeys(given, 0))
    return given


def transact(client: KafkaClient, values: list[bytes], offsets: dict[TopicPartition, int]) -> None:
    """Commit one epoch that writes `values` to `out`; one that is lost is redone, as engines do."""
    for _ in range(REDOS):
        client.begin()
        for value in values:
            client.produce(client.place([("out", value, value, None, (), None)]))
        try:
            client.flush()
        except EpochLost:  # the leader of a topic that was just made may not know of it yet
            client.abort()
        else:
            client.send_offsets(offsets, client.group_metadata())
            client.commit()
            return
    raise AssertionError("every attempt was lost")
