"""A producer of ours before scripted brokers, with the steps of an epoch as the engine takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.kafka import KafkaSettings
from streams.client import GroupMetadata, Output
from streams.kafka.producer import Cause, KafkaProducer
from streams.watchdog import Watchdog
from tests.support.scripted_cluster import ScriptedCluster, violations

MEMBER = GroupMetadata(7, "member-1")
OFFSETS = {("p.in", 0): 5}


def record(topic: str, value: bytes = b"value", key: bytes = b"key") -> Output:
    """Return a record to be produced."""
    return (topic, value, key, None, (), None)


class Producing:
    """One producer, and what it told."""

    def __init__(self, cluster: ScriptedCluster, **changes: Any) -> None:
        self.cluster = cluster
        self.renewals: list[Cause] = []
        self.exits: list[tuple[int, str]] = []
        self.died = threading.Event()
        self.watchdog = Watchdog(self._die)
        settings = KafkaSettings(cluster.bootstrap, prefix="p.", **{"deadline_ms": 1500, **changes})
        self.producer = KafkaProducer(settings, self.watchdog, self.renewals.append)

    def _die(self, code: int, reason: str) -> None:
        self.exits.append((code, reason))
        self.died.set()

    @property
    def armed(self) -> bool:
        """Whether the watchdog would end the process."""
        return self.watchdog._deadline != float("inf")

    def flush(self, *places: tuple[str, int]) -> dict[tuple[str, int], tuple[int, int]]:
        """Write a record to each place, and wait until they are appended."""
        for topic, partition in places or [("out", 0)]:
            self.producer.produce(topic, partition, [record(topic)])
        return self.producer.flush()

    def write(self, *places: tuple[str, int]) -> None:
        """Write a record to each place, and the offsets."""
        self.flush(*places)
        self.producer.send_offsets(OFFSETS, MEMBER)

    def until_commit(self, *places: tuple[str, int]) -> None:
        """Take all steps of an epoch but the last one."""
        self.producer.begin()
        self.write(*places)

    def epoch(self, *places: tuple[str, int]) -> None:
        """Commit a whole epoch."""
        self.until_commit(*places)
        self.producer.commit()

    def close(self) -> None:
        """Close; no thread is left."""
        self.producer.close()
        self.watchdog.close()


@contextmanager
def producing(nodes: int = 1, **changes: Any) -> Iterator[Producing]:
    """Yield a producer before so many brokers. All that they heard must follow the rule when the test is through."""
    with ScriptedCluster(nodes) as cluster:
        line = Producing(cluster, **changes)
        try:
            yield line
        finally:
            line.close()
        assert list(violations(cluster.asked)) == []
