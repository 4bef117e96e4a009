"""Reading and writing topics for a person, on a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from console.producing import Change, NotTaken, Outgoing, Overtaken, Sender
from console.reading import Address, Reader, Unreachable
from streams.stage import Message, TopicPartition
from tests.integration.console.conftest import run


@pytest.fixture
def address(kafka: str, prefix: str) -> Iterator[Address]:
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    topics = [NewTopic(f"{prefix}leads.received", 3, 1), NewTopic(f"{prefix}internal.plan", 1, 1)]
    for made in admin.create_topics(topics).values():
        made.result(10)
    yield Address(kafka, prefix)
    for gone in admin.delete_topics([topic.topic for topic in topics]).values():
        gone.result(10)


def send(address: Address, count: int, start: int = 0) -> None:
    sender = Sender(address)
    for number in range(start, start + count):
        sender.send(Outgoing("leads.received", str(number), f"lead {number}".encode()))
    sender.flush()
    assert sender.acknowledged == count


def aborted(address: Address, topic: str, partition: int) -> None:
    """Leave records and a mark that no committed reader may see."""
    producer = Producer(address.client(**{"transactional.id": f"{address.prefix}aborts"}))
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(address.prefix + topic, b"never", b"k", partition=partition)
    producer.flush(10)
    producer.abort_transaction(10)


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


def test_what_was_sent_is_read_to_its_end(address: Address) -> None:
    send(address, 500)
    reader = Reader(address)
    assert reader.topics() == {"leads.received": 3, "internal.plan": 1}
    found = list(reader.scan("leads.received"))
    assert {message.value for message in found} == {f"lead {number}".encode() for number in range(500)}
    assert {message.topic for message in found} == {"leads.received"}
    assert sum(reader.ends(reader.partitions("leads.received")).values()) == 500


def test_an_empty_and_a_missing_topic_end_at_once(address: Address) -> None:
    reader = Reader(address)
    assert list(reader.scan("leads.received", "no.such.topic")) == []
    assert reader.last("no.such.topic", 5) == []
    assert reader.at(TopicPartition("no.such.topic", 0), 0) is None
    assert reader.bounds([]) == {}


def test_aborted_records_are_not_seen_and_do_not_hold_up_the_end(address: Address) -> None:
    for partition in range(3):
        aborted(address, "leads.received", partition)
    send(address, 20)
    for partition in range(3):
        aborted(address, "leads.received", partition)
    reader = Reader(address)
    assert len(list(reader.scan("leads.received"))) == 20
    assert len(reader.last("leads.received", 7)) == 7
    assert reader.at(TopicPartition("leads.received", 0), 0) is None


def test_an_open_transaction_is_not_waited_for(address: Address) -> None:
    send(address, 5)
    producer = Producer(address.client(**{"transactional.id": f"{address.prefix}open"}))
    producer.init_transactions(10)
    producer.begin_transaction()
    for partition in range(3):
        producer.produce(f"{address.prefix}leads.received", b"not yet", b"k", partition=partition)
    producer.flush(10)
    assert len(list(Reader(address).scan("leads.received"))) == 5
    producer.abort_transaction(10)


def test_one_record_is_found_by_its_coordinates(address: Address) -> None:
    send(address, 30)
    reader = Reader(address)
    sought = next(message for message in reader.scan("leads.received") if message.offset == 2)
    assert reader.at(TopicPartition("leads.received", sought.partition), 2) == sought
    assert reader.at(TopicPartition("leads.received", sought.partition), 99_999) is None
    assert reader.at(TopicPartition("leads.received", 77), 0) is None


def test_following_yields_what_comes_later_and_nothing_before(address: Address) -> None:
    send(address, 3)
    reader = Reader(address)
    chunks = reader.follow(reader.ends(reader.partitions("leads.received")))
    assert next(chunks) == []
    send(address, 2, start=100)
    found: list[Message] = []
    for _ in range(100):
        found += next(chunks)
        if len(found) == 2:
            break
    assert sorted(values(found), key=str) == [b"lead 100", b"lead 101"]


def test_offsets_by_time_and_committed_offsets(address: Address) -> None:
    send(address, 10)
    reader = Reader(address)
    partitions = reader.partitions("leads.received")
    assert set(reader.offsets_at(partitions, 0).values()) == {0}
    assert reader.offsets_at(partitions, 32_503_680_000_000) == reader.ends(partitions)
    assert reader.committed(f"{address.prefix}nobody", partitions) == dict.fromkeys(partitions)


def test_a_change_is_written_whole(address: Address) -> None:
    change = Change(address, "plan")
    change.commit([Outgoing("internal.plan", "plan", b"1"), Outgoing("leads.received", "b", b"2")])
    assert values(list(Reader(address).scan("internal.plan", "leads.received"))) == [b"1", b"2"]


def test_who_reads_right_after_a_change_sees_it(address: Address) -> None:
    """The broker answers a commit before its markers are in the log, and only what lies before them is read."""
    change, reader = Change(address, "plan"), Reader(address)
    partitions = reader.partitions("leads.received")
    for number in range(1, 31):
        change.commit([Outgoing("leads.received", str(key), b"") for key in range(50)])
        assert sum(reader.ends(partitions).values()) == number * (50 + len(partitions)), "records, and a marker each"


def test_of_two_changes_at_once_the_later_one_wins(address: Address) -> None:
    first = Change(address, "plan")
    second = Change(address, "plan")
    second.commit([Outgoing("internal.plan", "plan", b"second")])
    with pytest.raises(Overtaken, match="nothing of yours"):
        first.commit([Outgoing("internal.plan", "plan", b"first")])
    assert values(list(Reader(address).scan("internal.plan"))) == [b"second"]


def test_a_change_with_a_record_that_is_too_large_changes_nothing(address: Address) -> None:
    large = Outgoing("internal.plan", "plan", bytes(900_000) * 2)
    with pytest.raises(NotTaken):
        Change(address, "plan").commit([Outgoing("leads.received", "b", b"2"), large])
    assert list(Reader(address).scan("internal.plan", "leads.received")) == []


def test_a_broker_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.reading.SILENCE_S", 0.5)
    with pytest.raises(Unreachable, match="did not answer"):
        Reader(Address("127.0.0.1:9")).topics()


@pytest.mark.parametrize("command", ["create", "check"])
def test_topics_say_where_the_broker_was_looked_for(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.reading.SILENCE_S", 0.5)
    monkeypatch.setenv("LEADFLOW_KAFKA", "127.0.0.1:9")
    done = run("topics", command)
    assert "Kafka at 127.0.0.1:9 did not answer" in str(done.exception)
