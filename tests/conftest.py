"""Session fixtures on real parts: one Kafka and one Valkey for all tests, started once, gone with pytest.

    kafka          address of the session's broker, host:port; or of the one that LEADFLOW_TEST_KAFKA names
    valkey         URL of the session's Valkey; or of the one that LEADFLOW_TEST_REDIS names
    prefix         a fresh LEADFLOW_PREFIX for this test: topics, groups, ids and keys of no other test
    kafka_server   the session's broker as an object; a test that stops it must start it again
    valkey_server  the session's Valkey as an object; likewise
    own_kafka      a broker for this test alone (3 s), free to be killed, frozen, left dead
    own_valkey     a Valkey for this test alone (0.1 s)

The parts come with the packages, so a part that does not start is a failure, never a skip.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cluster.jars import class_path
from console.cluster.kafka import KafkaServer
from console.cluster.valkey import ValkeyServer

# What a shell starts in the background ignores Ctrl-C, and so do its children: those that a test interrupts must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

KAFKA_FIXTURES = {"kafka", "kafka_server", "own_kafka", "kafka_jars"}
VALKEY_FIXTURES = {"valkey", "valkey_server", "own_valkey"}
SIMULATION = "tests/simulation/"


EXIT_LIMIT_S = 60.0
"""From the last test to the end of the process. A thread that is waited for longer hangs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by what it asks for: `kafka` and `redis` real parts, `simulated` many seeds, `fast` none of them.

    Modules that may take longest come first: of two processes none is left alone with one at the end.
    """
    limits: dict[Path, float] = {}
    for item in items:
        limits[item.path] = max(limits.get(item.path, 0.0), _limit_s(item))
    items.sort(key=lambda item: -limits[item.path])
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & KAFKA_FIXTURES:
            item.add_marker(pytest.mark.kafka)
        if names & VALKEY_FIXTURES:
            item.add_marker(pytest.mark.redis)
        if item.nodeid.startswith(SIMULATION):
            item.add_marker(pytest.mark.simulated)
        if not {"kafka", "redis", "simulated"} & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.fast)


def _limit_s(item: pytest.Item) -> float:
    """Return the time limit that a test asks for, 0 for the usual one."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


def pytest_collection_finish() -> None:
    """Tell the garbage collector that what was imported and collected stays: it looks at it again and again."""
    _keep_what_is_left()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """End a process that does not end by itself, and say where each of its threads hangs.

    What is garbage goes now, with its warnings; what is left need not be looked at by each of the later looks.
    """
    _keep_what_is_left()
    faulthandler.dump_traceback_later(EXIT_LIMIT_S, exit=True, file=sys.__stderr__ or 2)


def _keep_what_is_left() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def kafka_jars() -> tuple[Path, ...]:
    """Kafka's verified jars, from the cache or the network."""
    return class_path()


@pytest.fixture(scope="session")
def kafka_server(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The session's own broker, warm. Skips when an outside broker is in use: that one is not ours to stop."""
    if os.environ.get("LEADFLOW_TEST_KAFKA"):
        pytest.skip("needs a broker of its own, and LEADFLOW_TEST_KAFKA names an outside one")
    server = KafkaServer(tmp_path_factory.mktemp("kafka"), kafka_jars, learn=True)
    server.start()
    server.warm_up()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """The address of a running broker. Names of topics and groups begin with `prefix`: others use it too."""
    if outside := os.environ.get("LEADFLOW_TEST_KAFKA"):
        return outside
    server: KafkaServer = request.getfixturevalue("kafka_server")
    return server.bootstrap


@pytest.fixture
def own_kafka(kafka_jars: tuple[Path, ...], tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker of this test alone, started and not warmed."""
    server = KafkaServer(tmp_path / "own-kafka", kafka_jars)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The session's own Valkey, nothing kept on disk."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(request: pytest.FixtureRequest) -> str:
    """The URL of a running Valkey. Keys begin with `prefix`: others use it too."""
    if outside := os.environ.get("LEADFLOW_TEST_REDIS"):
        return outside
    server: ValkeyServer = request.getfixturevalue("valkey_server")
    return server.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A durable Valkey of this test alone, free to be killed and wiped."""
    server = ValkeyServer(tmp_path / "own-valkey", durable=True)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test of any session has, such as `t3f9c2a71.`."""
    return f"t{uuid.uuid4().hex[:8]}."
