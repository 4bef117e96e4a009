"""A worker that lacks a permission at a Kafka that checks them says which, and ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cluster.valkey import ValkeyServer
from console.cluster.worker_process import WorkerProcess
from console.permissions import Permission
from schemas.topics import CLOSED, UNIQUE
from tests.integration.permissions.conftest import (
    BUYER,
    DATA,
    IMPORT,
    OPERATOR,
    PREFIX,
    SUPPLIERS,
    WORKER,
    Leadflow,
    ended_with,
    last_words,
    needed,
)
from tests.integration.permissions.guarded_kafka import GuardedKafka
from tests.support.one_worker import DEMO_PLAN

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(120)]

GROUP = f"{PREFIX}leadflow"


def on(topic: str, *operations: str) -> Permission:
    return Permission("topic", PREFIX + topic, operations, "")


#: What a worker lacks, by the user that it comes as, and what it says.
ALL = needed(WORKER)
LACKS: dict[str, tuple[list[Permission], list[Permission], str]] = {
    "no-group": ([each for each in ALL if each.kind != "group"], [], f"Read on group {GROUP}:"),
    "no-name": (
        [each for each in ALL if each.kind != "transactional-id"],
        [],
        f"Write on transactional id {GROUP}-no-name:",
    ),
    "no-topics": ([each for each in ALL if each.kind != "topic"], [], f"Read on topics {PREFIX}internal."),
    "no-read": (ALL, [Permission("topic", PREFIX, ("Read",), "", prefixed=True)], "Read on topic"),
    "no-write": (ALL, [Permission("topic", PREFIX, ("Write",), "", prefixed=True)], "Write on topics"),
    "no-plan": (ALL, [on("internal.plan", "Describe")], f"Read on topic {PREFIX}internal.plan:"),
    "no-ends": (ALL, [on(CLOSED, "Describe")], f"Read on topic {PREFIX}{CLOSED}:"),
    "no-source": (ALL, [on(UNIQUE, "Read")], f"Read on topic {PREFIX}{UNIQUE}:"),
}


@pytest.fixture(scope="module")
def leadflow(
    kafka_jars: tuple[Path, ...], valkey_server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Leadflow]:
    """A leadflow whose topics and plan were made by its operator."""
    folder = tmp_path_factory.mktemp("permissions")
    kafka = GuardedKafka(folder / "kafka", kafka_jars, [OPERATOR, WORKER, IMPORT, SUPPLIERS, DATA, BUYER, *LACKS])
    try:
        kafka.start()
        kafka.warm_up()
        for role in (OPERATOR, WORKER, IMPORT, SUPPLIERS, DATA):
            kafka.allow(role, needed(role))
        kafka.allow(BUYER, needed("buyer", buyer=BUYER))
        found = Leadflow(kafka, valkey_server.url, folder)
        found.did(OPERATOR, "topics", "create")
        found.did(OPERATOR, "plan", "apply", str(DEMO_PLAN), "--yes")
        yield found
        found.process.stop()
    finally:
        kafka.kill()


# --- what is missing is said -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lacking(leadflow: Leadflow) -> Iterator[dict[str, WorkerProcess]]:
    """A worker for each permission that may be missing, all started at once."""
    workers = {user: leadflow.worker(user, user) for user in LACKS}
    for user, (given, denied, _) in LACKS.items():
        leadflow.server.allow(user, given)
        if denied:
            leadflow.server.allow(user, denied, deny=True)
    for worker in workers.values():
        worker.launch()
    yield workers
    for worker in workers.values():
        worker.kill()


@pytest.mark.parametrize("user", LACKS)
def test_a_worker_that_lacks_a_permission_says_which_and_ends(lacking: dict[str, WorkerProcess], user: str) -> None:
    assert ended_with(lacking[user]) == 78
    said = last_words(lacking[user])
    assert f"Kafka refuses us {LACKS[user][2]}" in said
    assert "grant it to our user; `leadflow acls` prints" in said
