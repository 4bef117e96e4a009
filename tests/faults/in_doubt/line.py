"""A client that reaches its broker through a proxy alone, and a stranger beside it who sees what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from config.kafka import KafkaSettings
from console.faults.proxy import Proxy
from streams.kafka.client import KafkaClient
from streams.kafka.producer import KafkaProducer
from streams.stage import TopicPartition
from tests.integration.streams.conftest import Cluster, join_at_start

#: That the producer's epoch is an old one: INVALID_PRODUCER_EPOCH says it, and PRODUCER_FENCED since EndTxn version 2.
REFUSED = (47, 90)
IN_0 = TopicPartition("in", 0)
OUT_0 = TopicPartition("out", 0)


class Unruly(KafkaProducer):
    """A producer that forgets every reason to take its name again."""

    _stale = property(lambda self: None, lambda self, cause: None)


@dataclass
class Line:
    """Makes clients behind the proxy."""

    proxy: Proxy
    cluster: Cluster
    exits: list[tuple[int, str]] = field(default_factory=list)

    def client(self, *, rules: bool, **changes: Any) -> KafkaClient:
        """Return a joined client."""
        settings = KafkaSettings(f"127.0.0.1:{self.proxy.port}", prefix=self.cluster.prefix, **changes)
        client = KafkaClient(settings, die=lambda code, reason: self.exits.append((code, reason)))
        self.cluster.clients.append(client)
        if not rules:
            client._producer.__class__ = Unruly
        join_at_start(client)
        return client


def produce(client: KafkaClient, value: bytes, partition: int) -> None:
    """Write one record to `out` and wait for it."""
    client.produce(client.place([("out", value, b"k", partition, (), None)]))
    client.flush()


def epoch(client: KafkaClient, value: bytes, offset: int) -> None:
    """Commit one whole epoch of one record."""
    client.begin()
    produce(client, value, 0)
    client.send_offsets({IN_0: offset}, client.group_metadata())
    client.commit()


def end_of(line: Line, client: KafkaClient) -> tuple[list[bytes], int | None]:
    """Return what a stranger reads and where the group stands."""
    return sorted(line.cluster.seen("out")), client.committed([IN_0])[IN_0]
