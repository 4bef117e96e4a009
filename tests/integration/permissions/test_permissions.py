"""Each role works with the permissions that `leadflow acls` prints, with none less, and does nothing beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from console.cluster.valkey import ValkeyServer
from console.cluster.worker_process import WorkerProcess
from console.faults.proxy import Proxy
from console.permissions import Permission
from schemas.errors import NeedsPerson
from schemas.topics import (
    CLOSED,
    OFFERS,
    PLAN,
    RECEIVED,
    REJECTED,
    SOLD,
    UNFILLED,
    UNIQUE,
    buyer_topic,
    changelog_topic,
)
from tests.faults.in_doubt.line import Line
from tests.faults.in_doubt.test_hanging import leave_hanging
from tests.integration.permissions.conftest import (
    BUYER,
    DATA,
    IMPORT,
    LIMIT_S,
    OPERATOR,
    OTHER,
    PREFIX,
    SUPPLIERS,
    WORKER,
    Leadflow,
    ended_with,
    last_words,
    needed,
)
from tests.integration.permissions.guarded_kafka import GuardedKafka
from tests.integration.streams.conftest import Cluster
from tests.support.one_worker import DEMO_PLAN

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(180)]

MINE, THEIRS = PREFIX + buyer_topic(BUYER), PREFIX + buyer_topic(OTHER)
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


def client(leadflow: Leadflow, user: str) -> dict[str, Any]:
    return {"bootstrap.servers": leadflow.kafka, "log_level": 0, **leadflow.server.options(user)}


@contextmanager
def consuming(leadflow: Leadflow, user: str, topic: str, group: str) -> Iterator[Any]:
    consumer: Any = Consumer(
        {
            **client(leadflow, user),
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.subscribe([topic])
        yield consumer
    finally:
        consumer.close()


def read_one(leadflow: Leadflow, user: str, topic: str, group: str) -> bytes:
    """Read and commit a record as any program of theirs does. Raises KafkaException with the first error."""
    with consuming(leadflow, user, topic, group) as consumer:
        record = consumer.poll(LIMIT_S)
        assert record is not None, f"{user} got nothing of {topic}"
        if (error := record.error()) is not None:
            raise KafkaException(error)
        consumer.commit(record, asynchronous=False)
        return record.value() or b""


def refused_to_read(leadflow: Leadflow, user: str, topic: str, group: str) -> bool:
    with pytest.raises(KafkaException) as caught:
        read_one(leadflow, user, topic, group)
    return caught.value.args[0].code() in (
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    )


def written(leadflow: Leadflow, user: str, topic: str, value: bytes) -> KafkaError | None:
    """Write a record as any program of theirs does; what Kafka says to it."""
    errors: list[KafkaError | None] = []
    producer = Producer(client(leadflow, user))
    producer.produce(PREFIX + topic, value, b"k", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(LIMIT_S) == 0
    (error,) = errors
    return error


def refused_to_write(leadflow: Leadflow, user: str, topic: str) -> bool:
    error = written(leadflow, user, topic, b"refuse me")
    return error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


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


# --- the worker ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def working(leadflow: Leadflow, lacking: dict[str, WorkerProcess]) -> Leadflow:
    """The worker with the permissions of its role, after it has sold some."""
    for worker in lacking.values():
        ended_with(worker)
    leadflow.start()
    leadflow.sell_new(60)
    return leadflow


def test_a_worker_looks_for_what_hangs_and_sells(working: Leadflow) -> None:
    assert "hang" not in working.process.log_file.read_text(encoding="utf-8")
    assert working.written_to(buyer_topic(BUYER)) > 0


def test_a_buyers_topic_that_is_forbidden_closes_that_buyer_alone_until_it_is_allowed(working: Leadflow) -> None:
    forbidden = [on(buyer_topic(BUYER), "Write")]
    working.server.allow(WORKER, forbidden, deny=True)
    sold = working.written_to(buyer_topic(BUYER)), working.written_to(buyer_topic(OTHER))
    working.sell_new(60)
    assert working.written_to(buyer_topic(BUYER)) == sold[0]
    assert working.written_to(buyer_topic(OTHER)) > sold[1]
    assert f"Kafka refuses us Write on topic {MINE}:" in working.process.log_file.read_text(encoding="utf-8")
    assert "TOPIC_UNAVAILABLE" in working.did(OPERATOR, "buyer", "list")
    working.server.take_back(WORKER, forbidden, deny=True)
    working.until(lambda: "TOPIC_UNAVAILABLE" not in working.did(OPERATOR, "buyer", "list"), "the buyer to open")


def test_a_permission_that_is_taken_away_ends_the_worker_and_costs_no_lead(working: Leadflow) -> None:
    name = [each for each in needed(WORKER) if each.kind == "transactional-id"]
    working.server.take_back(WORKER, name)
    working.send(60)
    assert ended_with(working.process) == 78
    assert f"Write on transactional id {GROUP}-w1:" in last_words(working.process)
    working.server.allow(WORKER, name)


def test_a_changelog_that_may_not_be_read_is_named_and_restored_from_when_it_is_allowed(working: Leadflow) -> None:
    hidden = [on(changelog_topic("delivery"), "Read")]
    working.server.allow(WORKER, hidden, deny=True)
    working.process.launch()
    assert ended_with(working.process) == 78
    assert f"Read on topic {PREFIX}{changelog_topic('delivery')}:" in last_words(working.process)
    working.server.take_back(WORKER, hidden, deny=True)
    working.start()
    assert working.audited() == 180


def test_what_hangs_is_ended_by_who_may_and_named_to_who_may_not(leadflow: Leadflow) -> None:
    """A record outside of any transaction, which a broker takes that does not verify, hangs as well."""
    cluster = Cluster(leadflow.server.bootstrap, PREFIX)
    cluster.make_topics({"out": 1})
    leadflow.server.verify(verifies=False)
    client = leadflow.client(WORKER)
    cluster.clients.append(client)
    leave_hanging(Line(cast(Proxy, None), cluster), client, b"never")
    leadflow.server.verify(verifies=True)
    with pytest.raises(NeedsPerson, match=r"acme\.out-0.*ClusterAction"):
        leadflow.client(WORKER)
    leadflow.server.allow(WORKER, [each for each in needed(WORKER, optional=True) if each.optional])
    leadflow.client(WORKER).close()


# --- the others ------------------------------------------------------------------------------------------------------


def test_a_buyer_reads_its_own_leads_by_its_own_groups_and_nothing_else(working: Leadflow) -> None:
    own = f"{PREFIX}buyers.{BUYER}.crm"
    assert read_one(working, BUYER, MINE, own)
    assert refused_to_read(working, BUYER, THEIRS, own)
    assert refused_to_read(working, BUYER, PREFIX + SOLD, own)
    for group in (GROUP, f"{PREFIX}buyers.{OTHER}.crm", f"{PREFIX}buyers.{BUYER}"):
        assert refused_to_read(working, BUYER, MINE, group)
    for topic in (buyer_topic(BUYER), RECEIVED, OFFERS):
        assert refused_to_write(working, BUYER, topic)


def test_who_imports_writes_leads_and_nothing_else(working: Leadflow) -> None:
    for topic in (buyer_topic(BUYER), SOLD, PLAN, OFFERS):
        assert refused_to_write(working, IMPORT, topic)
    assert refused_to_read(working, IMPORT, MINE, GROUP)
    refused = f"Kafka refuses us Write on topic {PREFIX}{OFFERS}: grant it to our user"
    assert refused in working.refusal(IMPORT, "pause", "buyer", BUYER)
    assert "Kafka refuses us Read on topic" in working.refusal(IMPORT, "lead", "show", "0@0")


def test_a_supplier_writes_leads_and_reads_none(working: Leadflow) -> None:
    assert written(working, SUPPLIERS, RECEIVED, working.newest(RECEIVED)) is None
    assert refused_to_write(working, SUPPLIERS, OFFERS)
    assert refused_to_read(working, SUPPLIERS, PREFIX + RECEIVED, f"{PREFIX}data.supplier")


def test_a_data_team_reads_facts_and_no_person(working: Leadflow) -> None:
    for topic in (SOLD, CLOSED, REJECTED, UNFILLED):
        assert read_one(working, DATA, PREFIX + topic, f"{PREFIX}data.warehouse")
    for topic in (RECEIVED, UNIQUE, buyer_topic(BUYER), OFFERS):
        assert refused_to_read(working, DATA, PREFIX + topic, f"{PREFIX}data.warehouse")
    assert refused_to_write(working, DATA, SOLD)
    assert "lead_id" in working.did(DATA, "tail", SOLD, "-n", "1", "--json")
    assert f"Kafka refuses us Read on topic {PREFIX}{RECEIVED}:" in working.refusal(DATA, "tail", RECEIVED)


def test_an_operator_does_all_that_the_command_line_can(working: Leadflow) -> None:
    assert "nothing changes" in working.did(OPERATOR, "plan", "apply", str(DEMO_PLAN), "--yes")
    working.did(OPERATOR, "topics", "check")
    working.did(OPERATOR, "pause", "buyer", BUYER)
    working.did(OPERATOR, "resume", "buyer", BUYER)
    working.did(OPERATOR, "lead", "show", "0@0")
    working.did(OPERATOR, "dead", "list")
    working.did(OPERATOR, "repair", "--check")
    refused = working.refusal(DATA, "topics", "create")
    assert "Kafka refuses us" in refused
    assert "grant it to our user" in refused


def test_after_all_of_it_the_books_are_exact(working: Leadflow) -> None:
    assert working.audited() == 181
