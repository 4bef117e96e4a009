"""Late requests of one transaction in the next: what keeps them out, and that it must be there.

Each case holds one request of an epoch, breaks its connection, and delivers it in the middle of a later epoch. Because
the name was taken in between, the broker refuses it (its producer epoch is an old one) and the output is exact.
With that left out the same run breaks: else this test could not fail.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.kafka import KafkaSettings
from console.faults.brokers import ProxiedKafka
from console.faults.proxy import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    INIT_PRODUCER_ID,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Break,
    Proxy,
    Trap,
    aborts,
    commits,
    end_txn_error,
    offset_commit_error,
)
from schemas.errors import EpochLost
from streams.kafka_client import KafkaClient
from streams.kafka_producer import KafkaProducer
from streams.stage import TopicPartition
from tests.integration.streams.conftest import Cluster, join_at_start

#: That the producer's epoch is an old one: INVALID_PRODUCER_EPOCH says it, and PRODUCER_FENCED since EndTxn version 2.
REFUSED = (47, 90)
TRANSACTIONAL = {PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT}
IN_0 = TopicPartition("in", 0)

numbers = itertools.count()


class Unruly(KafkaProducer):
    """A producer that forgets every reason to take its name again."""

    _stale = property(lambda self: None, lambda self, cause: None)


@dataclass
class Line:
    """A client that reaches the broker through the proxy alone, and a stranger beside it who sees the truth."""

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


@pytest.fixture(scope="module")
def broker(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """The broker of this module, warm."""
    server = ProxiedKafka(tmp_path_factory.mktemp("proxied"), kafka_jars)
    server.start()
    server.warm_up()
    yield server
    server.kill()


@pytest.fixture
def line(broker: ProxiedKafka) -> Iterator[Line]:
    """A fresh proxy and fresh topics."""
    proxy = Proxy(broker.proxy_port, broker.proxied_port)
    proxy.start()
    cluster = Cluster(broker.bootstrap, f"late{next(numbers)}.")
    cluster.make_topics({"in": 1, "out": 2})
    yield Line(proxy, cluster)
    proxy.stop()
    for client in cluster.clients:
        client.close()


def produce(client: KafkaClient, value: bytes, partition: int) -> None:
    """Write one record to `out` and wait for it."""
    client.produce(client.place([("out", value, b"k", partition, ())]))
    client.flush()


def epoch(client: KafkaClient, value: bytes, offset: int) -> None:
    """Commit one whole epoch of one record."""
    client.begin()
    produce(client, value, 0)
    client.send_offsets({IN_0: offset}, client.group_metadata())
    client.commit()


def late_commit(line: Line, client: KafkaClient) -> int:
    """Epoch 2 loses its EndTxn; epoch 3 gets it, is aborted, and redone."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(END_TXN, "reset", commits)
    epoch(client, b"2", 2)
    client.begin()
    produce(client, b"3", 0)
    code = end_txn_error(line.proxy.deliver(trap))
    abort_after(client, lambda: produce(client, b"never", 1))
    epoch(client, b"3", 3)
    return code


def abort_after(client: KafkaClient, step: Callable[[], None]) -> None:
    """Take the step and abort; a torn transaction may refuse the step."""
    try:
        step()
    finally:
        client.abort()


def late_abort(line: Line, client: KafkaClient, trap: Trap) -> int:
    """Epoch 2 is aborted and its EndTxn lost; the redone epoch gets it before it touches another partition."""
    epoch(client, b"1", 1)
    line.proxy.trap = trap
    client.begin()
    produce(client, b"never", 0)
    client.abort()
    client.begin()
    produce(client, b"2", 0)
    code = end_txn_error(line.proxy.deliver(trap))
    produce(client, b"3", 1)
    client.send_offsets({IN_0: 3}, client.group_metadata())
    client.commit()
    return code


def late_offsets(line: Line, client: KafkaClient) -> int:
    """Epoch 2 loses its TxnOffsetCommit and is redone; epoch 3 gets it behind its own."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(TXN_OFFSET_COMMIT, "reset")
    with pytest.raises(EpochLost, match="TxnOffsetCommit"):
        epoch(client, b"2", 2)
    client.abort()
    epoch(client, b"2", 2)
    client.begin()
    produce(client, b"3", 0)
    client.send_offsets({IN_0: 3}, client.group_metadata())
    code = offset_commit_error(line.proxy.deliver(trap))
    client.commit()
    return code


def end_of(line: Line, client: KafkaClient) -> tuple[list[bytes], int | None]:
    """Return what a stranger reads and where the group stands."""
    return sorted(line.cluster.seen("out")), client.committed([IN_0])[IN_0]


EXACT = ([b"1", b"2", b"3"], 3)

CASES: dict[str, Callable[[Line, KafkaClient], int]] = {
    "commit, reset": late_commit,
    "abort, reset": lambda line, client: late_abort(line, client, line.proxy.hold(END_TXN, "reset", aborts)),
    "abort, stall": lambda line, client: late_abort(line, client, line.proxy.hold(END_TXN, "stall", aborts)),
    "offsets, reset": late_offsets,
}


@pytest.mark.parametrize("case", CASES)
def test_with_the_rules_a_late_request_is_refused_and_nothing_is_torn(line: Line, case: str) -> None:
    client = line.client(rules=True)
    assert CASES[case](line, client) in REFUSED
    assert end_of(line, client) == EXACT
    assert line.exits == []


@pytest.mark.parametrize("case", CASES)
def test_without_the_rules_the_same_late_request_breaks_something(line: Line, case: str) -> None:
    client = line.client(rules=False)
    assert CASES[case](line, client) == 0
    assert end_of(line, client) != EXACT


@pytest.mark.parametrize("api", sorted(TRANSACTIONAL))
@pytest.mark.parametrize("how", ["reset", "stall"])
def test_nothing_is_sent_again_before_the_name_is_taken_again(line: Line, api: int, how: Break) -> None:
    client = line.client(rules=True, deadline_ms=1500)
    epoch(client, b"1", 1)
    trap = line.proxy.hold(api, how)
    with pytest.raises(EpochLost):
        epoch(client, b"2", 2)
    client.abort()
    epoch(client, b"2", 2)
    behind = line.proxy.behind(trap)
    assert not TRANSACTIONAL.intersection(behind[: behind.index(INIT_PRODUCER_ID)])
    assert end_of(line, client) == ([b"1", b"2"], 2)
