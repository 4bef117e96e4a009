"""The seam, once in memory and once on the session's Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.seam import KafkaSeam, MemorySeam, Seam
from tests.integration.streams.conftest import Cluster


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def seam(request: pytest.FixtureRequest) -> Iterator[Seam]:
    """A cluster with the topics `in` and `out`, two partitions each."""
    if request.param == "memory":
        memory = MemorySeam()
        memory.make_topics(**{"in": 2, "out": 2})
        yield memory
        return
    cluster = Cluster(request.getfixturevalue("kafka"), request.getfixturevalue("prefix"))
    cluster.make_topics({"in": 2, "out": 2})
    yield KafkaSeam(cluster)
    for client in cluster.clients:
        client.close()
