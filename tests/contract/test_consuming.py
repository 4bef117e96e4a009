"""What the consuming half of a client promises: membership, positions, logs, views."""

from __future__ import annotations

import time

import pytest

from streams.client import OffsetGone
from streams.stage import TopicPartition
from tests.contract.seam import Joined, Seam

IN_0, IN_1 = TopicPartition("in", 0), TopicPartition("in", 1)
OUT_0 = TopicPartition("out", 0)


def test_an_assigned_partition_rests_until_it_is_started(seam: Seam) -> None:
    seam.send("in", b"a", b"b")
    client = seam.client()
    assert seam.join(client).owned == {IN_0, IN_1}
    assert seam.take(client, 0) == []
    client.start({IN_0: 1, IN_1: 0})
    assert [(m.offset, m.value, m.key) for m in seam.take(client, 1)] == [(1, b"b", b"k")]


def test_a_paused_partition_returns_nothing_and_goes_on_without_loss(seam: Seam) -> None:
    values = [b"%d" % number for number in range(300)]
    seam.send("in", *values)
    client = seam.client()
    seam.join_at_start(client)
    first = seam.until(client, holds=lambda: bool(client.waiting({IN_0: 0})))
    while not first:
        first += client.poll(10, 0.05)
        seam.turn()
    client.pause([IN_0])
    assert seam.take(client, 0) == []
    client.resume([IN_0])
    assert [m.value for m in [*first, *seam.take(client, 300 - len(first))]] == values


def test_a_poll_returns_no_more_than_asked(seam: Seam) -> None:
    seam.send("in", *[b"v"] * 50)
    client = seam.client()
    seam.join_at_start(client)
    sizes: list[int] = []

    def all_came() -> bool:
        sizes.append(len(client.poll(7, 0.05)))
        return sum(sizes) == 50

    seam.until(holds=all_came)
    assert max(sizes) <= 7


def test_seek_returns_records_again(seam: Seam) -> None:
    seam.send("in", b"a", b"b", b"c")
    client = seam.client()
    seam.join_at_start(client)
    assert len(seam.take(client, 3)) == 3
    client.seek({IN_0: 1})
    assert [m.value for m in seam.take(client, 2)] == [b"b", b"c"]


def test_a_paused_partition_goes_on_where_it_was_sent_meanwhile(seam: Seam) -> None:
    """As behind a bypass: what lies between is not returned, what comes later is, and other partitions never stop."""
    client = seam.client()
    seam.join_at_start(client)
    for turn in range(3):
        seam.send("in", b"%d" % turn)
        assert [m.value for m in seam.take(client, 1)] == [b"%d" % turn]
        client.pause([IN_0])
        seam.send("in", *[b"known"] * 50)
        seam.send("in", b"other", partition=1)
        assert [m.value for m in seam.take(client, 1)] == [b"other"]
        client.seek({IN_0: (turn + 1) * 51})
        client.resume([IN_0])
        assert seam.take(client, 0) == []


def test_only_committed_records_come_and_open_ones_hold_up_what_is_behind(seam: Seam) -> None:
    client, other = seam.client(), seam.client("other")
    seam.join_at_start(client)
    other.begin()
    other.produce(other.place([("in", b"aborted", b"k", 0, (), None)]))
    other.flush()
    other.abort()
    other.begin()
    other.produce(other.place([("in", b"late", b"k", 0, (), None)]))
    other.flush()
    seam.send("in", b"behind")
    assert seam.take(client, 0) == []
    other.commit()
    assert [m.value for m in seam.take(client, 2)] == [b"late", b"behind"]


def test_waiting_counts_what_lies_before_the_position(seam: Seam) -> None:
    seam.send("in", *[b"v"] * 40)
    client = seam.client()
    seam.join_at_start(client)
    found: list[object] = []
    while not found:
        found += client.poll(10, 0.05)
        seam.turn()
    assert client.waiting({IN_0: 0})[IN_0] == 40 - len(found)
    assert client.waiting({IN_0: 39})[IN_0] == 1, "what is known already does not wait"
    assert client.waiting({OUT_0: 0}) == {OUT_0: 0}


def test_a_position_outside_the_log_is_said_and_the_other_partition_goes_on(seam: Seam) -> None:
    seam.send("in", b"a", b"b", b"c")
    seam.send("in", b"x", partition=1)
    seam.cut("in", 0, 2)
    client = seam.client()
    seam.join_at_start(client)
    gone: list[TopicPartition] = []
    others: list[bytes | None] = []

    def both() -> bool:
        try:
            others.extend(m.value for m in client.poll(10, 0.05))
        except OffsetGone as error:
            gone.append(error.partition)
        return bool(gone and others)

    seam.until(holds=both)
    assert gone == [IN_0]
    assert others == [b"x"]
    assert seam.take(client, 0) == []


def test_a_second_member_shares_and_a_leaving_one_gives_back(seam: Seam) -> None:
    first, second = seam.client("w1"), seam.client("w2")
    one, two = seam.join_at_start(first), Joined(second)
    two.subscribe()
    seam.until(first, second, holds=lambda: len(one.owned) == 1 and len(two.owned) == 1)
    assert one.owned | two.owned == {IN_0, IN_1}
    assert not one.revoked[0][1], "revoked, not lost"
    second.close()
    seam.until(first, holds=lambda: len(one.owned) == 2)


def test_topics_of_the_same_count_are_co_partitioned(seam: Seam) -> None:
    first, second = seam.client("w1"), seam.client("w2")
    one, two = Joined(first), Joined(second)
    one.subscribe("in", "out")
    two.subscribe("in", "out")
    seam.until(first, second, holds=lambda: len(one.owned) == 2 and len(two.owned) == 2)
    for joined in (one, two):
        assert len({partition.partition for partition in joined.owned}) == 1


def test_a_read_skips_aborted_records_and_ends_behind_the_marker(seam: Seam) -> None:
    client, other = seam.client(), seam.client("other")
    for value, commit in ((b"a", True), (b"b", False), (b"c", True)):
        other.begin()
        other.produce(other.place([("out", value, b"k", 0, (), None)]))
        other.flush()
        other.commit() if commit else other.abort()
    bounds = client.log_bounds([OUT_0])[OUT_0]
    assert [m.value for chunk in client.read(OUT_0, *bounds, lambda: False) for m in chunk] == [b"a", b"c"]
    assert [m.value for chunk in client.read(OUT_0, 2, 4, lambda: False) for m in chunk] == []
    assert list(client.read(OUT_0, 3, 3, lambda: False)) == []


def test_entries_are_key_and_value_of_what_is_read_and_the_offset_behind(seam: Seam) -> None:
    client, other = seam.client(), seam.client("other")
    for value, commit in ((b"a", True), (b"b", False), (None, True)):
        other.begin()
        other.produce(other.place([("out", value, b"k", 0, (), None)]))
        other.flush()
        other.commit() if commit else other.abort()
    start, end = client.log_bounds([OUT_0])[OUT_0]
    chunks = [(position, list(own)) for position, own in client.read_entries(OUT_0, start, end, lambda: False)]
    assert [entry for _, own in chunks for entry in own] == [(b"k", b"a"), (b"k", None)]
    assert [position for position, own in chunks if own][-1] == 5
    assert [list(own) for _, own in client.read_entries(OUT_0, 0, 1, lambda: False) if own] == [[(b"k", b"a")]]
    assert list(client.read_entries(OUT_0, 3, 3, lambda: False)) == []


def test_a_read_waits_behind_an_open_transaction_with_empty_chunks(seam: Seam) -> None:
    client, other = seam.client(), seam.client("other")
    other.begin()
    other.produce(other.place([("out", b"open", b"k", 0, (), None)]))
    other.flush()
    assert client.log_bounds([OUT_0]) == {OUT_0: (0, 1)}
    chunks = iter(client.read(OUT_0, 0, 1, lambda: False))
    assert list(next(chunks)) == []
    assert list(next(chunks)) == []
    other.commit()
    assert [m.value for chunk in chunks for m in chunk] == [b"open"]


def test_a_cancelled_read_ends(seam: Seam) -> None:
    client, other = seam.client(), seam.client("other")
    other.begin()
    other.produce(other.place([("out", b"open", b"k", 0, (), None)]))
    other.flush()
    stop = False
    chunks = iter(client.read(OUT_0, 0, 1, lambda: stop))
    next(chunks)
    stop = True
    assert sum(len(chunk) for chunk in chunks) == 0


def test_followed_topics_come_from_their_start_and_go_on(seam: Seam) -> None:
    seam.send("in", b"a", partition=0)
    seam.send("in", b"b", partition=1)
    client = seam.client()
    client.follow(["in"])
    found: list[bytes | None] = []

    def complete() -> bool:
        messages, done = client.followed(10)
        found.extend(m.value for m in messages)
        seam.turn()
        return done

    seam.until(holds=complete)
    assert sorted(v or b"" for v in found) == [b"a", b"b"]
    seam.send("in", b"c")
    seam.until(holds=lambda: complete() and len(found) == 3)
    assert found[-1] == b"c"


def test_what_the_cluster_has_can_be_asked(seam: Seam) -> None:
    client = seam.client()
    assert client.partition_counts(["in", "nowhere"]) == {"in": 2}
    seam.until(holds=lambda: client.topic_known("in"))
    assert not client.topic_known("nowhere")


def test_bounds_of_a_cut_log_begin_where_it_does(seam: Seam) -> None:
    seam.send("in", b"a", b"b", b"c")
    seam.cut("in", 0, 2)
    assert seam.client().log_bounds([IN_0, IN_1]) == {IN_0: (2, 3), IN_1: (0, 0)}


@pytest.mark.parametrize("static", [False, True])
def test_a_restart_of_the_same_name_has_its_partitions_again(seam: Seam, static: bool) -> None:
    first = seam.client(static=static)
    seam.join_at_start(first)
    if static:
        seam.kill(first)
    else:
        first.close()
    second = seam.client(static=static)
    assert seam.join(second).owned == {IN_0, IN_1}


def test_a_static_member_that_closes_gives_back_before_its_session_ends(seam: Seam) -> None:
    first, second = seam.client("w1", static=True), seam.client("w2", static=True)
    one, two = Joined(first), Joined(second)
    one.subscribe("in")
    two.subscribe("in")
    seam.until(first, second, holds=lambda: len(one.owned) == len(two.owned) == 1)
    began_s = time.monotonic()
    first.close()
    seam.until(second, holds=lambda: two.owned == {IN_0, IN_1})
    assert time.monotonic() - began_s < 5  # its session lasts 10 s
