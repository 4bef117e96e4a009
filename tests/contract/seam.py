"""One face for two worlds: the broker in memory and the session's Kafka, as the contract suite needs them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import TopicPartition as RawPartition

from streams.client import Client
from streams.clock import ManualClock
from streams.kafka.client import KafkaClient
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.stage import Message, TopicPartition
from tests.integration.streams.conftest import Cluster, admin

PATIENCE_S = 60.0


class Seam(ABC):
    """A cluster and its clients. `turn` lets time pass for what waits outside of a client's own calls."""

    #: Nothing that is there to be fetched takes longer than this many quiet polls.
    quiet_polls: int = 6

    @abstractmethod
    def client(self, name: str = "w1", *, static: bool = False) -> Client:
        """Return a connected client; closed after the test."""

    @abstractmethod
    def kill(self, client: Client) -> None:
        """Silence a client as a death does: no heartbeats, no farewell, its transaction left open."""

    @abstractmethod
    def make_topics(self, **counts: int) -> None:
        """Create topics."""

    @abstractmethod
    def send(self, topic: str, *values: bytes, partition: int = 0) -> None:
        """Write records as an upstream system does, key `k`."""

    @abstractmethod
    def cut(self, topic: str, partition: int, start: int) -> None:
        """Delete what lies below `start`, as retention does."""

    @abstractmethod
    def turn(self) -> None:
        """Let a little time pass."""

    def until(self, *clients: Client, holds: Callable[[], bool]) -> list[Message]:
        """Poll the clients in turn until the condition holds; returns what they returned."""
        polled: list[Message] = []
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, "the condition did not come true in time"
            for client in clients:
                polled += client.poll(1000, 0.02)
            self.turn()
        return polled

    def take(self, client: Client, count: int) -> list[Message]:
        """Poll until so many records came, then see that no more come."""
        found = self._take(client, count)
        for _ in range(self.quiet_polls):
            found += client.poll(1000, 0.05)
            self.turn()
        return found

    def _take(self, client: Client, count: int) -> list[Message]:
        found: list[Message] = []
        end = time.monotonic() + PATIENCE_S
        while len(found) < count:
            assert time.monotonic() < end, f"{len(found)} records came instead of {count}"
            found += client.poll(1000, 0.05)
            self.turn()
        return found

    def seen(self, topic: str, partitions: int = 2) -> list[bytes]:
        """Return the committed values of a topic, partition by partition, with a reader of its own."""
        with self.reader() as reader:
            places = [TopicPartition(topic, number) for number in range(partitions)]
            bounds = reader.log_bounds(places)
            return [
                message.value or b""
                for place in places
                for chunk in reader.read(place, *bounds[place], lambda: False)
                for message in chunk
            ]

    @contextmanager
    def reader(self) -> Iterator[Client]:
        """A client that is no member and has a name of its own."""
        yield self.client("reader")

    def join(self, client: Client, *topics: str) -> Joined:
        """Subscribe and poll until something is assigned; nothing is started."""
        joined = Joined(client)
        joined.subscribe(*topics)
        self.until(client, holds=lambda: bool(joined.owned))
        return joined

    def join_at_start(self, client: Client, *topics: str) -> Joined:
        """Join and start every partition at 0."""
        joined = self.join(client, *topics)
        client.start(dict.fromkeys(joined.owned, 0))
        return joined


@dataclass
class Joined:
    """What a client's callbacks have told."""

    client: Client
    owned: set[TopicPartition] = field(default_factory=set)
    revoked: list[tuple[frozenset[TopicPartition], bool]] = field(default_factory=list)

    def subscribe(self, *topics: str) -> None:
        """Join the group with the next poll."""
        self.client.subscribe(topics or ("in",), self.owned.update, self._revoke)

    def _revoke(self, partitions: list[TopicPartition], lost: bool) -> None:
        self.owned.difference_update(partitions)
        self.revoked.append((frozenset(partitions), lost))


class MemorySeam(Seam):
    """The broker in memory; 50 ms pass with each turn."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_700_000_000_000)
        self.broker = MemoryBroker(self.clock, session_ms=2000)

    def client(self, name: str = "w1", *, static: bool = False) -> Client:
        return MemoryClient(self.broker, name=name, static=static)

    def kill(self, client: Client) -> None:
        assert isinstance(client, MemoryClient)
        client.alive = False

    def make_topics(self, **counts: int) -> None:
        for topic, count in counts.items():
            self.broker.create_topic(topic, count)

    def send(self, topic: str, *values: bytes, partition: int = 0) -> None:
        for value in values:
            self.broker.send(topic, value, b"k", partition)

    def cut(self, topic: str, partition: int, start: int) -> None:
        self.broker.log(TopicPartition(topic, partition)).cut(start)

    def turn(self) -> None:
        self.clock.advance(50)


class KafkaSeam(Seam):
    """The session's Kafka under the test's own prefix."""

    quiet_polls = 10

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def client(self, name: str = "w1", *, static: bool = False) -> Client:
        # a static member's session must not end on a busy machine: its successor takes its place at once anyway
        return self.cluster.client(name=name, static=static, session_timeout_ms=10_000 if static else 2000)

    def kill(self, client: Client) -> None:
        """Close librdkafka's consumer alone: a static one says no farewell then, and the producer stays as it is."""
        assert isinstance(client, KafkaClient)
        client._consumer._handle.close()

    def make_topics(self, **counts: int) -> None:
        self.cluster.make_topics(counts)

    def send(self, topic: str, *values: bytes, partition: int = 0) -> None:
        self.cluster.send(topic, list(values), partition)

    def cut(self, topic: str, partition: int, start: int) -> None:
        client = admin.AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        raw = RawPartition(self.cluster.prefix + topic, partition, start)
        for future in client.delete_records([raw]).values():
            future.result(PATIENCE_S)

    def turn(self) -> None:
        """Time passes by itself."""
