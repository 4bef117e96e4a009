"""Late requests of one transaction in the next: what keeps them out, and that it must be there.

Each case holds one request of an epoch, breaks its connection, and delivers it in the middle of a later epoch. Because
the name was taken in between, the broker refuses it (its producer epoch is an old one) and the output is exact.
With that left out the same run breaks: else this test could not fail.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.faults.proxy import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    INIT_PRODUCER_ID,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Break,
    Trap,
    aborts,
    commits,
    end_txn_error,
    offset_commit_error,
)
from schemas.errors import EpochLost
from streams.kafka.client import KafkaClient
from tests.faults.in_doubt.line import IN_0, REFUSED, Line, end_of, epoch, produce

TRANSACTIONAL = {PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT}


def late_commit(line: Line, client: KafkaClient) -> int:
    """Epoch 2 loses its EndTxn; epoch 3 gets it, is aborted, and redone."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(END_TXN, "reset", commits)
    epoch(client, b"2", 2)
    client.begin()
    produce(client, b"3", 0)
    code = end_txn_error(line.proxy.deliver(trap))
    abort_after(client, lambda: produce(client, b"never", 1))
    epoch(client, b"3", 3)
    return code


def abort_after(client: KafkaClient, step: Callable[[], None]) -> None:
    """Take the step and abort; a torn transaction may refuse the step."""
    try:
        step()
    finally:
        client.abort()


def late_abort(line: Line, client: KafkaClient, trap: Trap) -> int:
    """Epoch 2 is aborted and its EndTxn lost; the redone epoch gets it before it touches another partition."""
    epoch(client, b"1", 1)
    line.proxy.trap = trap
    client.begin()
    produce(client, b"never", 0)
    client.abort()
    client.begin()
    produce(client, b"2", 0)
    code = end_txn_error(line.proxy.deliver(trap))
    produce(client, b"3", 1)
    client.send_offsets({IN_0: 3}, client.group_metadata())
    client.commit()
    return code


def late_offsets(line: Line, client: KafkaClient) -> int:
    """Epoch 2 loses its TxnOffsetCommit and is redone; epoch 3 gets it behind its own."""
    epoch(client, b"1", 1)
    trap = line.proxy.hold(TXN_OFFSET_COMMIT, "reset")
    with pytest.raises(EpochLost, match="TxnOffsetCommit"):
        epoch(client, b"2", 2)
    client.abort()
    epoch(client, b"2", 2)
    client.begin()
    produce(client, b"3", 0)
    client.send_offsets({IN_0: 3}, client.group_metadata())
    code = offset_commit_error(line.proxy.deliver(trap))
    client.commit()
    return code


EXACT = ([b"1", b"2", b"3"], 3)

CASES: dict[str, Callable[[Line, KafkaClient], int]] = {
    "commit, reset": late_commit,
    "abort, reset": lambda line, client: late_abort(line, client, line.proxy.hold(END_TXN, "reset", aborts)),
    "abort, stall": lambda line, client: late_abort(line, client, line.proxy.hold(END_TXN, "stall", aborts)),
    "offsets, reset": late_offsets,
}


@pytest.mark.parametrize("case", CASES)
def test_with_the_rules_a_late_request_is_refused_and_nothing_is_torn(line: Line, case: str) -> None:
    client = line.client(rules=True)
    assert CASES[case](line, client) in REFUSED
    assert end_of(line, client) == EXACT
    assert line.exits == []


@pytest.mark.parametrize("case", CASES)
def test_without_the_rules_the_same_late_request_breaks_something(line: Line, case: str) -> None:
    client = line.client(rules=False)
    assert CASES[case](line, client) == 0
    assert end_of(line, client) != EXACT


@pytest.mark.parametrize("api", sorted(TRANSACTIONAL))
@pytest.mark.parametrize("how", ["reset", "stall"])
def test_nothing_is_sent_again_before_the_name_is_taken_again(line: Line, api: int, how: Break) -> None:
    client = line.client(rules=True, deadline_ms=1500)
    epoch(client, b"1", 1)
    trap = line.proxy.hold(api, how)
    with pytest.raises(EpochLost):
        epoch(client, b"2", 2)
    client.abort()
    epoch(client, b"2", 2)
    behind = line.proxy.behind(trap)
    assert not TRANSACTIONAL.intersection(behind[: behind.index(INIT_PRODUCER_ID)])
    assert end_of(line, client) == ([b"1", b"2"], 2)
