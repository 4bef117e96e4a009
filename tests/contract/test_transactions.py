"""What the transactional half of a client promises, and what brokers refuse, and do not refuse, of it."""

from __future__ import annotations

import pytest

from schemas.errors import EpochLost, Fenced, StateInDoubt, Unavailable
from streams.client import Client, GroupMetadata
from streams.murmur2 import partition_of
from streams.stage import TopicPartition
from tests.contract.seam import Seam

IN_0, IN_1 = TopicPartition("in", 0), TopicPartition("in", 1)
OUT_0 = TopicPartition("out", 0)


def write(client: Client, *values: bytes) -> None:
    """Begin and write to out-0, flushed."""
    client.begin()
    for value in values:
        client.produce(client.place([("out", value, b"k", 0, (), None)]))
    client.flush()


def commit(client: Client, *values: bytes, offset: int = 1) -> None:
    """Commit an epoch that takes in-0 up to `offset`."""
    write(client, *values)
    client.send_offsets({IN_0: offset}, client.group_metadata())
    client.commit()


def test_a_commit_shows_records_and_offsets_together(seam: Seam) -> None:
    client = seam.client()
    seam.join_at_start(client)
    commit(client, b"a", b"b", offset=5)
    assert seam.seen("out") == [b"a", b"b"]
    assert client.committed([IN_0, IN_1]) == {IN_0: 5, IN_1: None}


def test_an_abort_shows_neither_and_the_next_epoch_is_good(seam: Seam) -> None:
    client = seam.client()
    seam.join_at_start(client)
    write(client, b"never")
    client.send_offsets({IN_0: 3}, client.group_metadata())
    client.abort()
    commit(client, b"a")
    assert seam.seen("out") == [b"a"]
    assert client.committed([IN_0]) == {IN_0: 1}


def test_markers_take_an_offset(seam: Seam) -> None:
    """out-0:  a C (b) A c C  -> offsets 0 to 5."""
    client = seam.client()
    seam.join_at_start(client)
    commit(client, b"a")
    write(client, b"b")
    client.abort()
    commit(client, b"c")
    seam.until(client, holds=lambda: client.log_bounds([OUT_0]) == {OUT_0: (0, 6)})
    assert seam.seen("out") == [b"a", b"c"]


def test_where_records_were_appended_is_told(seam: Seam) -> None:
    """out-0:  a C x y z s l  -> the second transaction's first three are at 2 to 4, the last one at 6."""
    client = seam.client()
    seam.join_at_start(client)
    commit(client, b"a")
    client.begin()
    x, y, z = (("out", value, b"k", 0, (), None) for value in (b"x", b"y", b"z"))
    one = ("in", b"one", b"k", 1, (), None)
    placed = client.place([x, y, one, z])
    assert placed == {("out", 0): [x, y, z], ("in", 1): [one]}
    client.produce(placed)
    assert client.flush() == {("out", 0): (2, 4), ("in", 1): (0, 0)}
    seam.send("out", b"s")
    client.produce(client.place([("out", b"l", b"k", 0, (), None)]))
    assert client.flush() == {("out", 0): (6, 6)}
    assert client.flush() == {}
    client.send_offsets({IN_0: 1}, client.group_metadata())
    client.commit()
    assert seam.seen("out") == [b"a", b"x", b"y", b"z", b"s", b"l"]


def test_keys_are_placed_by_murmur2(seam: Seam) -> None:
    client = seam.client()
    seam.join_at_start(client)
    keys = [b"key-%d" % number for number in range(20)]
    client.begin()
    for key in keys:
        client.produce(client.place([("out", key, key, None, (), None)]))
    client.flush()
    client.send_offsets({IN_0: 1}, client.group_metadata())
    client.commit()
    assert seam.seen("out") == [key for number in (0, 1) for key in keys if partition_of(key, 2) == number]


def test_headers_and_tombstones_travel(seam: Seam) -> None:
    client = seam.client()
    seam.join_at_start(client)
    client.begin()
    client.produce(client.place([("in", None, b"gone", 1, (("trace", b"\x00\x01"),), None)]))
    client.flush()
    client.send_offsets({IN_0: 0}, client.group_metadata())
    client.commit()
    (message,) = seam.take(client, 1)
    assert (message.topic, message.partition, message.offset) == ("in", 1, 0)
    assert (message.key, message.value, message.headers) == (b"gone", None, (("trace", b"\x00\x01"),))


def test_an_unknown_topic_loses_the_epoch(seam: Seam) -> None:
    client = seam.client()
    seam.join_at_start(client)
    client.begin()
    with pytest.raises(EpochLost):
        client.produce(client.place([("nowhere", b"v", b"k", None, (), None)]))
    client.abort()
    commit(client, b"a")
    assert seam.seen("out") == [b"a"]


@pytest.mark.parametrize("metadata", [GroupMetadata(-1, ""), GroupMetadata(3, ""), GroupMetadata(-1, "member")])
def test_offsets_without_a_membership_are_refused_by_the_client(seam: Seam, metadata: GroupMetadata) -> None:
    """The broker would take (-1, ""), unfenced."""
    client = seam.client()
    seam.join_at_start(client)
    write(client, b"never")
    with pytest.raises(StateInDoubt):
        client.send_offsets({IN_0: 1}, metadata)


def test_before_the_first_assignment_there_is_no_membership(seam: Seam) -> None:
    assert not seam.client().group_metadata().is_member


def test_offsets_of_an_older_generation_lose_the_epoch(seam: Seam) -> None:
    first, second = seam.client("w1"), seam.client("w2")
    joined = seam.join_at_start(first)
    old = first.group_metadata()
    second.subscribe(["in"], lambda partitions: None, lambda partitions, lost: None)
    seam.until(first, second, holds=lambda: first.group_metadata().generation > old.generation)
    assert joined.revoked[0] == (frozenset({IN_0, IN_1}), False)
    write(first, b"never")
    with pytest.raises(EpochLost):
        first.send_offsets({IN_0: 9}, old)
    first.abort()
    commit(first, b"a")
    assert seam.seen("out") == [b"a"]


def test_offsets_of_a_member_that_left_lose_the_epoch(seam: Seam) -> None:
    first, second = seam.client("w1"), seam.client("w2")
    seam.join_at_start(first)
    left = first.group_metadata()
    first.close()
    seam.join_at_start(second)
    write(second, b"never")
    with pytest.raises(EpochLost):
        second.send_offsets({IN_0: 9}, left)
    second.abort()
    assert seam.seen("out") == []


def test_the_broker_takes_offsets_of_partitions_that_another_member_owns(seam: Seam) -> None:
    """So the engine filters by its own assignment; this row is here to notice the day on which it changes."""
    first, second = seam.client("w1"), seam.client("w2")
    one = seam.join_at_start(first)
    second.subscribe(["in"], lambda partitions: None, lambda partitions, lost: None)
    seam.until(first, second, holds=lambda: bool(one.revoked) and len(one.owned) == 1)
    (foreign,) = {IN_0, IN_1} - one.owned
    write(first, b"a")
    first.send_offsets({foreign: 4}, first.group_metadata())
    first.commit()
    assert first.committed([foreign]) == {foreign: 4}


def test_a_client_of_the_same_name_fences_the_first(seam: Seam) -> None:
    first = seam.client()
    seam.join_at_start(first)
    commit(first, b"a")
    seam.client()
    with pytest.raises(Fenced) as raised:
        commit(first, b"b", offset=2)
    assert raised.value.exit_code == 75
    assert seam.seen("out") == [b"a"]


def test_a_client_of_the_same_name_aborts_what_was_left_open(seam: Seam) -> None:
    first = seam.client()
    seam.join_at_start(first)
    write(first, b"left open")
    first.send_offsets({IN_0: 8}, first.group_metadata())
    second = seam.client()
    assert seam.seen("out") == []
    assert second.committed([IN_0]) == {IN_0: None}


def test_pending_offsets_are_neither_old_nor_new(seam: Seam) -> None:
    first, second = seam.client("w1"), seam.client("w2")
    seam.join_at_start(first)
    commit(first, b"a", offset=1)
    write(first, b"b")
    first.send_offsets({IN_0: 2}, first.group_metadata())
    with pytest.raises(Unavailable):
        second.committed([IN_0])
    first.commit()
    assert second.committed([IN_0]) == {IN_0: 2}
