"""Late writes of an undone epoch that come before the next one has written: brokers that verify refuse them.

The name was taken in between, but a partition hears of the new producer epoch by the first record of it. Until then
it is the coordinator that knows, and the broker asks it (KIP-890, Kafka's default). One that does not ask takes the
write, which is why none of ours is told not to (decision 0010).
"""

from __future__ import annotations

import pytest

from console.faults.proxy import PRODUCE, TXN_OFFSET_COMMIT, offset_commit_error, produce_error
from schemas.errors import EpochLost, Unavailable
from streams.kafka.client import KafkaClient
from tests.faults.in_doubt.line import IN_0, REFUSED, Line, end_of, epoch, produce


def late_record(line: Line, client: KafkaClient) -> int:
    """Epoch 2 loses a record on its way and is redone; the record comes as the new one begins."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(PRODUCE, "reset")
    with pytest.raises(EpochLost, match="Produce"):
        epoch(client, b"never", 2)
    client.abort()
    client.begin()
    code = produce_error(line.proxy.deliver(trap))
    produce(client, b"2", 0)
    client.send_offsets({IN_0: 2}, client.group_metadata())
    client.commit()
    return code


def late_offsets(line: Line, client: KafkaClient) -> int:
    """An epoch that took nine records loses their offset on its way; the redone one takes two, and it comes before."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(TXN_OFFSET_COMMIT, "reset")
    with pytest.raises(EpochLost, match="TxnOffsetCommit"):
        epoch(client, b"never", 9)
    client.abort()
    client.begin()
    produce(client, b"2", 0)
    code = offset_commit_error(line.proxy.deliver(trap))
    client.commit()
    return code


def test_a_broker_that_verifies_refuses_a_late_record(line: Line) -> None:
    client = line.client(rules=True)
    assert late_record(line, client) in REFUSED
    assert end_of(line, client) == ([b"1", b"2"], 2)


def test_a_broker_that_verifies_refuses_late_offsets(line: Line) -> None:
    client = line.client(rules=True)
    assert late_offsets(line, client) in REFUSED
    assert end_of(line, client) == ([b"1", b"2"], 1)


def test_one_that_does_not_takes_a_late_record_into_the_next_epoch(trusting: Line) -> None:
    client = trusting.client(rules=True)
    assert late_record(trusting, client) == 0
    assert end_of(trusting, client) == ([b"1", b"2", b"never"], 2)


def test_one_that_does_not_takes_late_offsets(trusting: Line) -> None:
    client = trusting.client(rules=True)
    assert late_offsets(trusting, client) == 0
    with pytest.raises(Unavailable):  # they wait for the end of a transaction that nobody ends
        client.committed([IN_0])
