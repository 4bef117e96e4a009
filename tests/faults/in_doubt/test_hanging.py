"""A transaction that the cluster took for ended and did not end everywhere: the next owner of the name ends it.

Kafka's coordinator passes over partitions that have no leader when it writes the ends of a transaction
(`test_passed_over`). Here one hangs because a record was written outside of any transaction that the coordinator knows,
which a broker takes that does not verify: the partition cannot tell the difference.
"""

from __future__ import annotations

import time

import pytest

from streams.client import Output
from streams.kafka import wire
from streams.kafka.batches import batches_of
from streams.kafka.client import KafkaClient
from streams.kafka.hanging import Hanging
from streams.kafka.producer import KafkaProducer
from tests.faults.in_doubt.line import IN_0, OUT_0, Line, end_of, epoch, produce
from tests.integration.streams.conftest import until


def committed_whole(line: Line, client: KafkaClient) -> None:
    """Commit an epoch, and wait until its ends are written: what comes before them would be part of it."""
    epoch(client, b"1", 1)
    until(client, lambda: line.cluster.seen("out") == [b"1"])
    assert client.committed([IN_0]) == {IN_0: 1}


def aborted(client: KafkaClient) -> None:
    """Abort an epoch behind a committed one, the last of its producer epoch, and wait until its end is written."""
    client.begin()
    produce(client, b"aborted", 0)
    client.abort()
    until(client, lambda: client.log_bounds([OUT_0]) == {OUT_0: (0, 4)})


def leave_hanging(line: Line, client: KafkaClient, value: bytes) -> None:
    """Write a record under the client's name and epoch that no end will ever be written for, and end the process."""
    producer: KafkaProducer = client._producer
    deadline = time.monotonic() + 5
    place = (f"{line.cluster.prefix}out", 0)
    outputs: list[Output] = [("out", value, b"k", 0, (), None)]
    appender = producer._appender
    batch = batches_of(outputs, producer._producer, appender._sequences.get(place, 0), 0)[0]
    body = wire.produce(producer._name, 5000, {place: batch.content})
    leader = producer._brokers.leaders([place], deadline)[place]
    (answer,) = producer._brokers.ask_all(wire.PRODUCE, [(leader, body)], deadline)
    assert wire.produce_answer(answer)[place].error == 0
    client.close()
    line.cluster.clients.remove(client)


def leave_offsets_hanging(line: Line, client: KafkaClient) -> None:
    """Send offsets under the client's name and epoch that no end will ever be written for, and end the process."""
    producer: KafkaProducer = client._producer
    member = client.group_metadata()
    offsets = {(f"{line.cluster.prefix}in", 0): 9}
    asked = wire.Member(producer._settings.group_id, member.generation, member.member, None)
    body = wire.txn_offset_commit(producer._name, producer._producer, asked, offsets)
    deadline = time.monotonic() + 5
    error = producer._of_group.ask(
        wire.TXN_OFFSET_COMMIT, body, lambda answer: max(wire.txn_offset_commit_answer(answer).values()), deadline
    )
    assert error == 0
    client.close()
    line.cluster.clients.remove(client)


def after_it(line: Line, *, committed: bool = False) -> tuple[list[bytes], int | None]:
    """Let the next process of the name commit an epoch; what a stranger reads, and where the group stands.

    `committed`: whether the last transaction of the first one was.
    """
    first = line.client(rules=True, static=False)
    committed_whole(line, first)
    if not committed:
        aborted(first)
    leave_hanging(line, first, b"hung")
    second = line.client(rules=True, static=False)
    epoch(second, b"2", 2)
    return end_of(line, second)


def test_what_hangs_is_aborted_by_who_is_given_the_name(trusting: Line) -> None:
    assert after_it(trusting) == ([b"1", b"2"], 2)


def test_if_nobody_looked_it_would_be_committed_with_the_next_transaction(
    trusting: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hanging, "_look", lambda *_, **__: ())
    assert after_it(trusting) == ([b"1", b"2", b"hung"], 2)


def test_what_hangs_of_a_committed_transaction_is_committed(trusting: Line) -> None:
    assert after_it(trusting, committed=True) == ([b"1", b"2", b"hung"], 2)


@pytest.mark.parametrize(("committed", "stand"), [(False, 1), (True, 9)])
def test_offsets_that_hang_are_ended_as_well(trusting: Line, committed: bool, stand: int) -> None:
    """Else they would never be stable, and no partition of the group would start."""
    client = trusting.client(rules=True, static=False)
    committed_whole(trusting, client)
    if not committed:
        aborted(client)
    leave_offsets_hanging(trusting, client)
    second = trusting.client(rules=True, static=False)
    assert second.committed([IN_0]) == {IN_0: stand}
