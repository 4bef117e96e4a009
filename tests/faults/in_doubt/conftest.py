"""A broker behind a proxy, and a line to it with fresh topics."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from console.cluster.kafka_settings import BRIEF, Profile
from console.faults.brokers import ProxiedKafka
from console.faults.proxy import Proxy
from tests.faults.in_doubt.line import Line
from tests.integration.streams.conftest import Cluster

numbers = itertools.count()


@contextmanager
def running(folder: Path, jars: tuple[Path, ...], profile: Profile = BRIEF) -> Iterator[ProxiedKafka]:
    """A warm broker."""
    server = ProxiedKafka(folder, jars, profile=profile)
    server.start()
    try:
        server.warm_up()
        yield server
    finally:
        server.kill()


@contextmanager
def line_to(broker: ProxiedKafka) -> Iterator[Line]:
    """A fresh proxy and fresh topics."""
    proxy = Proxy(broker.proxy_port, broker.proxied_port)
    proxy.start()
    cluster = Cluster(broker.bootstrap, f"late{next(numbers)}.")
    cluster.make_topics({"in": 1, "out": 2})
    try:
        yield Line(proxy, cluster)
    finally:
        proxy.stop()
        for client in cluster.clients:
            client.close()


@pytest.fixture(scope="module")
def broker(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """The broker of this module, as Kafka is by default."""
    with running(tmp_path_factory.mktemp("proxied"), kafka_jars) as server:
        yield server


@pytest.fixture
def line(broker: ProxiedKafka) -> Iterator[Line]:
    """A line to the module's broker."""
    with line_to(broker) as made:
        yield made


@pytest.fixture(scope="module")
def trusting_broker(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    """One that does not verify."""
    with running(tmp_path_factory.mktemp("trusting"), kafka_jars, replace(BRIEF, verifies=False)) as server:
        yield server


@pytest.fixture
def trusting(trusting_broker: ProxiedKafka) -> Iterator[Line]:
    """A line to it."""
    with line_to(trusting_broker) as made:
        yield made
