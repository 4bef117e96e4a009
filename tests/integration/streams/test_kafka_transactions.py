"""The transactional half of the Kafka client on a real broker: what commits, what is undone, when the name is taken."""

from __future__ import annotations

import os
import time

import pytest

from config.kafka import KafkaSettings
from schemas.errors import EpochLost, Fenced, NeedsPerson, StateInDoubt, Unavailable
from streams.client import GroupMetadata
from streams.kafka.client import KafkaClient
from streams.murmur2 import partition_of
from streams.stage import Message, TopicPartition
from tests.integration.streams.conftest import Cluster, admin, join_at_start, transact, until

IN_0, IN_1 = TopicPartition("in", 0), TopicPartition("in", 1)


def test_a_committed_epoch_is_seen_with_its_offsets(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    transact(client, [b"a", b"b"], {IN_0: 5})
    assert sorted(cluster.seen("out")) == [b"a", b"b"]
    assert client.committed([IN_0]) == {IN_0: 5}


def test_keys_are_placed_as_javas_clients_place_them(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    values = [b"key-%d" % number for number in range(40)]
    transact(client, values, {IN_0: 0})
    placed = [[v for v in values if partition_of(v, 2) == number] for number in (0, 1)]
    assert cluster.seen("out") == [*placed[0], *placed[1]]


def test_an_aborted_epoch_leaves_nothing_and_the_name_is_taken_before_the_next_one(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("out", b"never", b"k", None, (), None)]))
    client.flush()
    client.send_offsets({IN_0: 3}, client.group_metadata())
    client.abort()
    transact(client, [b"after"], {IN_0: 1})
    assert cluster.seen("out") == [b"after"]
    assert client.committed([IN_0]) == {IN_0: 1}
    assert cluster.renewals[0] == "first"
    assert "abort" in cluster.renewals


def test_forty_aborts_among_commits_are_exact(cluster: Cluster) -> None:
    """Each is followed by taking the name, while the ends of the aborted transaction may not be written yet."""
    client = cluster.client()
    join_at_start(client)
    for number in range(40):
        client.begin()
        client.produce(client.place([("out", b"never", b"k", None, (), None)]))
        client.abort()
        transact(client, [b"%d" % number], {IN_0: number})
    assert sorted(cluster.seen("out"), key=int) == [b"%d" % number for number in range(40)]


def test_headers_and_tombstones_travel(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("in", None, b"k", 1, (("trace", b"\x00\x01"),), None)]))
    client.flush()
    client.send_offsets({IN_0: 0}, client.group_metadata())
    client.commit()
    polled = until_first(client)
    assert (polled.key, polled.value, polled.headers) == (b"k", None, (("trace", b"\x00\x01"),))


def until_first(client: KafkaClient) -> Message:
    """Poll until a record came."""
    for _ in range(200):
        if messages := client.poll(1, 0.05):
            return messages[0]
    raise AssertionError("nothing came")


@pytest.mark.parametrize("metadata", [GroupMetadata(-1, ""), GroupMetadata(3, ""), GroupMetadata(-1, "m")])
def test_offsets_without_a_membership_are_refused_here_because_kafka_would_take_them(
    cluster: Cluster, metadata: GroupMetadata
) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    with pytest.raises(StateInDoubt):
        client.send_offsets({IN_0: 1}, metadata)
    client.abort()


def test_before_the_first_assignment_there_is_no_membership(cluster: Cluster) -> None:
    assert not cluster.client().group_metadata().is_member


def test_offsets_of_an_older_generation_lose_the_epoch(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    old = client.group_metadata()
    other = cluster.client(name="w2")
    other.subscribe(["in"], lambda partitions: None, lambda partitions, lost: None)

    def moved() -> bool:
        other.poll(10, 0.02)
        return client.group_metadata().generation > old.generation

    until(client, moved)
    client.begin()
    client.produce(client.place([("out", b"never", b"k", None, (), None)]))
    client.flush()
    with pytest.raises(EpochLost):
        client.send_offsets({IN_0: 9}, old)
    client.abort()
    assert cluster.seen("out") == []


def test_a_second_producer_of_the_same_name_fences_the_first(cluster: Cluster) -> None:
    first = cluster.client()
    join_at_start(first)
    transact(first, [b"a"], {IN_0: 1})
    cluster.client()
    with pytest.raises(Fenced) as raised:
        transact(first, [b"b"], {IN_0: 2})
    assert raised.value.exit_code == 75
    assert cluster.seen("out") == [b"a"]


def test_a_new_client_of_the_same_name_aborts_what_its_predecessor_left_open(cluster: Cluster) -> None:
    first = cluster.client()
    join_at_start(first)
    first.begin()
    first.produce(first.place([("out", b"left open", b"k", 0, (), None)]))
    first.flush()
    cluster.client(static=False)
    began = time.monotonic()
    out = TopicPartition("out", 0)
    chunks = [message for chunk in cluster.clients[1].read(out, 0, 1, lambda: False) for message in chunk]
    assert chunks == []
    assert time.monotonic() - began < 5  # not the transaction's 10 s


def test_a_record_for_a_topic_that_is_not_there_loses_the_epoch_before_anything_is_sent(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    with pytest.raises(EpochLost, match="missing"):
        client.produce(client.place([("missing", b"v", b"k", None, (), None)]))
    client.abort()
    transact(client, [b"next"], {IN_0: 1})
    assert cluster.seen("out") == [b"next"]


def test_a_refused_record_loses_the_epoch_at_flush_and_names_its_topic(cluster: Cluster) -> None:
    cluster.make_topics({"small": 1}, **{"max.message.bytes": "1000"})
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("small", os.urandom(50_000), b"k", 0, (), None)]))
    with pytest.raises(EpochLost, match="small"):
        client.flush()
    client.abort()
    for number in range(3):
        transact(client, [b"%d" % number], {IN_0: number})
    assert sorted(cluster.seen("out")) == [b"0", b"1", b"2"]


def test_an_oversized_record_is_refused_before_it_is_sent(cluster: Cluster) -> None:
    client = cluster.client(record_bytes_max={"out": 2000})
    join_at_start(client)
    client.begin()
    with pytest.raises(EpochLost, match="5000 bytes"):
        client.produce(client.place([("out", b"x" * 4999, b"k", 0, (), None)]))
    client.produce(client.place([("in", b"x" * 4999, b"k", 0, (), None)]))
    client.abort()


def test_a_partition_count_that_changed_stops_producing(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.place([("out", b"v", b"k", None, (), None)])
    handle = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})
    for future in handle.create_partitions([admin.NewPartitions(cluster.prefix + "out", 3)]).values():
        future.result(10)
    with pytest.raises(NeedsPerson, match="3 partitions"):
        begin_and_abort(client, 15)


def begin_and_abort(client: KafkaClient, seconds: float) -> None:
    """Open and abort transactions for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.begin()
        client.abort()


def test_a_connection_that_idled_is_made_anew(cluster: Cluster) -> None:
    client = cluster.client(idle_ms=300)
    join_at_start(client)
    transact(client, [b"a"], {IN_0: 1})
    time.sleep(0.4)
    transact(client, [b"b"], {IN_0: 2})
    assert sorted(cluster.seen("out")) == [b"a", b"b"]
    assert cluster.renewals == ["first"]


def test_an_epoch_that_takes_long_is_as_good_as_a_short_one(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("out", b"slow", b"k", 0, (), None)]))
    client.flush()
    time.sleep(0.6)
    client.send_offsets({IN_0: 1}, client.group_metadata())
    client.commit()
    transact(client, [b"quick"], {IN_0: 2})
    assert cluster.seen("out")[0] == b"slow"
    assert cluster.renewals == ["first"]


def test_a_cluster_that_is_away_is_unavailable_not_an_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.admin.TOPICS_TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable):
        KafkaClient(KafkaSettings("127.0.0.1:1"))


def test_the_brokers_clock_is_known_before_the_first_epoch_is_committed(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("out", b"a", b"k", None, (), None)]))
    client.flush()
    sample = client.append_time_ms()
    client.abort()
    assert sample is not None, "an epoch could be committed before the clocks were compared"
    assert abs(sample[0] - sample[1]) < 1000  # one machine, one clock
