"""A full run at its most talkative, with a record that fails: no person in logs, metrics, health, facts or Redis."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Iterator

import httpx
import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from schemas.codec import frame_of
from schemas.topics import RECEIVED, catalogue
from tests.support.one_worker import OneWorker, one_worker

#: Columns of the demo's file that hold a person (not the city: time zones are named by some), and how long a text
#: must be to be looked for.
PERSONAL = ("First Name", "Last Name", "E-mail", "Phone", "Street", "ZIP", "TrustedForm")
SHORTEST = 6
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG  |INFO   |WARNING|ERROR  |CRITICAL) [a-zA-Z_.]+ .+")
POISON = frame_of(1_000_000) + b"\x14Zyxwvutsrq\xff\xff\xff"


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def worker(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneWorker]:
    folder = tmp_path_factory.mktemp("person")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LEADFLOW_LOG_LEVEL", "DEBUG")
        with one_worker(kafka, valkey, folder) as running:
            running.sell(60, seed=3)
            poison(running)
            yield running


def read_values(kafka: str, topic: str) -> list[bytes]:
    """Return the values of all committed records of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "reader",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,  # the end is told by an empty answer, for which a broker waits 500 ms
        }
    )
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
    values: list[bytes] = []
    left, deadline = len(numbers), time.monotonic() + 30
    while left:
        assert time.monotonic() < deadline, f"{topic} does not end"
        message = consumer.poll(1)
        if message is None:
            continue
        error = message.error()
        left -= error is not None and error.code() == KafkaError._PARTITION_EOF
        values += [message.value() or b""] if error is None else []
    consumer.close()
    return values


def poison(running: OneWorker) -> None:
    """Produce a received record that cannot be read, and wait until it is set aside."""
    producer = Producer({"bootstrap.servers": running.kafka})
    producer.produce(running.prefix + RECEIVED, POISON, key=b"Zyxwvutsrq")
    assert producer.flush(10) == 0
    deadline = time.monotonic() + 30
    while "leadflow_records_set_aside_total{" not in running.metrics():
        assert time.monotonic() < deadline, "the record is not set aside"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def persons(worker: OneWorker) -> set[str]:
    (file,) = worker.folder.glob("leads-*.csv")
    with file.open(newline="", encoding="utf-8") as rows:
        values = {row[column].strip() for row in csv.DictReader(rows) for column in PERSONAL}
    found = {value for value in values if len(value) >= SHORTEST}
    assert len(found) > 100
    return found | {value.lower() for value in found} | {"Zyxwvutsrq"}


def shown(persons: set[str], text: str) -> set[str]:
    return {value for value in persons if re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", text)}


def test_a_log_is_lines_of_facts_without_a_person(worker: OneWorker, persons: set[str]) -> None:
    text = worker.process.log_file.read_text()
    lines = text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert any("is set aside" in line for line in lines), "it has something to say"
    assert shown(persons, text) == set()


def test_metrics_and_health_name_no_person(worker: OneWorker, persons: set[str]) -> None:
    health = httpx.get(f"{worker.url}/health/ready", timeout=10).text
    assert shown(persons, worker.metrics() + health) == set()


@pytest.mark.parametrize("topic", [spec.name for spec in catalogue() if not spec.personal])
def test_topics_that_are_kept_for_ever_hold_no_person(worker: OneWorker, persons: set[str], topic: str) -> None:
    values = read_values(worker.kafka, worker.prefix + topic)
    assert shown(persons, b"\n".join(values).decode("utf-8", errors="replace")) == set()


def test_redis_keys_and_values_name_no_person(worker: OneWorker, persons: set[str]) -> None:
    client = redis.Redis.from_url(worker.environ["LEADFLOW_REDIS"])
    keys = list(client.scan_iter(match=f"{worker.prefix}*", count=1000))
    assert keys
    values = [client.get(key) for key in keys if client.type(key) == b"string"]
    assert shown(persons, "\n".join(repr(text) for text in [*keys, *values])) == set()
