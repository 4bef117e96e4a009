"""The consuming half of the Kafka client on a real broker: assignment, rest, positions, offsets, reading."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import TopicPartition as RawPartition

from schemas.errors import Fenced
from streams.client import OffsetGone
from streams.kafka.client import KafkaClient
from streams.stage import Message, TopicPartition
from tests.integration.streams.conftest import Cluster, admin, join, join_at_start, transact, until

IN_0, IN_1 = TopicPartition("in", 0), TopicPartition("in", 1)


def poll_values(client: KafkaClient, count: int, timeout_s: float = 10.0) -> list[bytes]:
    """Poll until `count` records came; returns their values."""
    got: list[bytes] = []
    end = time.monotonic() + timeout_s
    while len(got) < count and time.monotonic() < end:
        got += [message.value or b"" for message in client.poll(1000, 0.05)]
    return got


def quiet(client: KafkaClient, seconds: float = 0.4) -> list[bytes]:
    """Return what comes within a while in which nothing should."""
    return poll_values(client, 1, seconds)


def test_an_assigned_partition_rests_until_it_is_started(cluster: Cluster) -> None:
    cluster.send("in", [b"a", b"b"])
    client = cluster.client()
    assert sorted(join(client)) == [IN_0, IN_1]
    assert quiet(client) == []
    client.start({IN_0: 0, IN_1: 0})
    assert poll_values(client, 2) == [b"a", b"b"]


def test_the_first_fetch_after_a_rest_of_all_partitions_is_prompt(cluster: Cluster) -> None:
    cluster.send("in", [b"a"])
    client = cluster.client()
    given = join(client)
    quiet(client, 1.2)  # librdkafka's fetcher sleeps by now
    began = time.monotonic()
    client.start(dict.fromkeys(given, 0))
    assert poll_values(client, 1) == [b"a"]
    assert time.monotonic() - began < 0.5


def test_a_partition_starts_where_it_is_told(cluster: Cluster) -> None:
    cluster.send("in", [b"a", b"b", b"c"])
    client = cluster.client()
    join(client)
    client.start({IN_0: 2, IN_1: 0})
    assert poll_values(client, 1) == [b"c"]


def test_rest_hides_what_was_fetched_and_resume_goes_on_without_loss(cluster: Cluster) -> None:
    values = [b"%d" % number for number in range(500)]
    cluster.send("in", values)
    client = cluster.client()
    join_at_start(client)
    first = [message.value for message in until_some(client, 10)]
    client.pause([IN_0])
    assert quiet(client) == []
    client.resume([IN_0])
    assert [*first, *poll_values(client, 500 - len(first))] == values


def until_some(client: KafkaClient, at_most: int) -> list[Message]:
    """Poll until something came, at most so many records."""
    for _ in range(200):
        if messages := client.poll(at_most, 0.05):
            return messages
    raise AssertionError("nothing came")


def test_seek_returns_fetched_records_again(cluster: Cluster) -> None:
    values = [b"%d" % number for number in range(200)]
    cluster.send("in", values)
    client = cluster.client()
    join_at_start(client)
    until_some(client, 50)
    client.seek({IN_0: 3})
    assert poll_values(client, 197) == values[3:]


@pytest.mark.parametrize("polls_between", [0, 1, 3])
def test_a_start_right_after_the_assignment_skips_nothing(cluster: Cluster, polls_between: int) -> None:
    """Assigned at its end, paused and sought, a partition was sent to its end again by librdkafka's late answer."""
    cluster.send("in", [b"%d" % number for number in range(300)])
    client = cluster.client()
    given = join(client)
    for _ in range(polls_between):
        client.poll(1, 0.001)
    client.start(dict.fromkeys(given, 0))
    first = until_some(client, 10)
    client.pause([IN_0])
    client.resume([IN_0])
    assert [message.value for message in first] + poll_values(client, 290) == [b"%d" % n for n in range(300)]


def test_pauses_and_seeks_at_random_lose_and_repeat_nothing(cluster: Cluster) -> None:
    """Positions are ours; librdkafka drops what it has fetched at each pause and seek and must fetch the same again."""
    cluster.send("in", [b"x" * 40] * 3000, 0)
    cluster.send("in", [b"x" * 40] * 3000, 1)
    client = cluster.client()
    join_at_start(client)
    expected = {IN_0: 0, IN_1: 0}
    for turn in range(150):
        for message in client.poll(37, 0.01):
            partition = TopicPartition(message.topic, message.partition)
            assert message.offset == expected[partition]
            expected[partition] = message.offset + 1
        victim = (IN_0, IN_1)[turn % 2]
        if turn % 7 == 0:
            client.start({victim: expected[victim]})
        elif turn % 3 == 0:
            expected[victim] = turn * 7
            client.seek({victim: turn * 7})
        elif turn % 3 == 1:
            client.pause([victim])
        else:
            client.resume([IN_0, IN_1])


def test_waiting_is_the_distance_to_the_log_end(cluster: Cluster) -> None:
    cluster.send("in", [b"x"] * 30)
    client = cluster.client()
    join_at_start(client)
    until_some(client, 10)
    assert client.waiting({IN_0: 0, TopicPartition("in", 7): 0}) == {IN_0: 20, TopicPartition("in", 7): 0}


def test_a_position_outside_the_log_stops_that_partition_alone(cluster: Cluster) -> None:
    cluster.send("in", [b"a"] * 10, 0)
    cluster.send("in", [b"b"] * 10, 1)
    handle = admin.AdminClient({"bootstrap.servers": cluster.bootstrap})
    for future in handle.delete_records([RawPartition(cluster.prefix + "in", 0, 5)]).values():
        future.result(10)
    client = cluster.client()
    join(client)
    client.start({IN_0: 0, IN_1: 0})
    others: list[bytes] = []
    gone: list[TopicPartition] = []
    for _ in range(200):
        try:
            others += [message.value or b"" for message in client.poll(100, 0.05)]
        except OffsetGone as problem:
            gone.append(problem.partition)
        if len(others) == 10 and gone:
            break
    assert gone == [IN_0]
    assert others == [b"b"] * 10
    assert quiet(client) == []


def test_committed_offsets_are_none_first_and_exact_then(cluster: Cluster) -> None:
    client = cluster.client()
    given = join_at_start(client)
    assert client.committed(given) == {IN_0: None, IN_1: None}
    transact(client, [b"v"], {IN_0: 7})
    assert client.committed(given) == {IN_0: 7, IN_1: None}


def test_bounds_count_open_transactions(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    client.begin()
    client.produce(client.place([("out", b"v", b"k", 0, (), None)]))
    client.flush()
    assert client.log_bounds([TopicPartition("out", 0)]) == {TopicPartition("out", 0): (0, 1)}
    client.abort()


def test_read_ends_behind_the_commit_marker_and_skips_what_was_aborted(cluster: Cluster) -> None:
    out = TopicPartition("out", 0)
    client = cluster.client()
    join_at_start(client)
    for value, commit in ((b"a", True), (b"b", False), (b"c", True), (b"d", False)):
        client.begin()
        client.produce(client.place([("out", value, b"k", 0, (), None)]))
        client.flush()
        if commit:
            client.send_offsets({IN_0: 0}, client.group_metadata())
            client.commit()
        else:
            client.abort()
    start, end = client.log_bounds([out])[out]
    chunks = list(client.read(out, start, end, lambda: False))
    assert [message.value for chunk in chunks for message in chunk] == [b"a", b"c"]
    assert [message.value for chunk in client.read(out, 2, 4, lambda: False) for message in chunk] == []


def test_many_short_logs_are_read_without_a_pause_for_each(cluster: Cluster) -> None:
    """What a restart restores: librdkafka's fetcher sleeps at first, and a log's end is told by an empty fetch."""
    logs = [TopicPartition(topic, number) for topic in ("in", "out", "more") for number in range(2)]
    cluster.make_topics({"more": 2})
    for topic, number in logs:
        cluster.send(topic, [b"a", b"b"], number)
    client = cluster.client()
    began = time.monotonic()
    for log in logs:
        chunks = client.read(log, 0, 2, lambda: False)
        assert [message.value for chunk in chunks for message in chunk] == [b"a", b"b"]
    assert time.monotonic() - began < 0.7


def test_read_waits_behind_an_open_transaction_and_can_be_cancelled(cluster: Cluster) -> None:
    out = TopicPartition("out", 0)
    client, other = cluster.client(), cluster.client(name="w2", static=False)
    other.begin()
    other.produce(other.place([("out", b"open", b"k", 0, (), None)]))
    other.flush()
    began = time.monotonic()
    waited = list(client.read(out, 0, 1, lambda: time.monotonic() > began + 0.5))
    assert set(map(len, waited)) == {0}
    assert 3 <= len(waited) <= 7
    other.abort()


def test_followed_topics_come_whole_and_say_when_they_are_complete(cluster: Cluster) -> None:
    cluster.send("in", [b"%d" % number for number in range(20)])
    client = cluster.client()
    client.follow(["in", "out"])
    values: list[bytes] = []
    complete = False
    for _ in range(200):
        messages, complete = client.followed(7)
        values += [message.value or b"" for message in messages]
        if complete:
            break
        time.sleep(0.02)
    assert complete
    assert values == [b"%d" % number for number in range(20)]
    cluster.send("in", [b"later"])
    for _ in range(200):
        messages, complete = client.followed(7)
        if messages:
            break
        time.sleep(0.02)
    assert ([message.value for message in messages], complete) == ([b"later"], True)


def test_what_the_cluster_has_is_known_without_waiting(cluster: Cluster) -> None:
    client = cluster.client()
    assert client.partition_counts(["in", "out", "missing"]) == {"in": 2, "out": 2}
    assert client.topic_known("in")
    assert not client.topic_known("missing")
    cluster.make_topics({"missing": 1})
    until(client, lambda: client.topic_known("missing"), 12)


def test_the_brokers_clock_is_read_from_what_others_append(cluster: Cluster) -> None:
    client = cluster.client()
    join_at_start(client)
    end = time.monotonic() + 15
    while (sample := client.append_time_ms()) is None and time.monotonic() < end:
        cluster.send("in", [b"tick"])
        client.poll(10, 0.2)
    assert sample is not None
    ours, brokers = sample
    assert abs(ours - brokers) < 1000  # one machine, one clock


def test_a_twin_with_the_same_name_fences_the_first(cluster: Cluster) -> None:
    """Static membership: the newcomer takes the place, the one before gets exit code 75, not an endless idle."""
    first = cluster.client()
    join_at_start(first)
    second = cluster.client()
    second.subscribe(["in"], lambda partitions: None, lambda partitions, lost: None)
    with pytest.raises(Fenced) as raised:
        poll_both(second, first)
    assert raised.value.exit_code == 75


def poll_both(one: KafkaClient, other: KafkaClient) -> None:
    """Poll two members in turn for a while, as their own processes would."""
    for _ in range(200):
        one.poll(10, 0.02)
        other.poll(10, 0.02)


def test_a_restart_under_the_same_name_has_its_partitions_again_at_once(cluster: Cluster) -> None:
    first = cluster.client()
    join_at_start(first)
    first._consumer._handle.close()  # as a death: without a farewell
    began = time.monotonic()
    again = cluster.client()
    assert sorted(join(again)) == [IN_0, IN_1]
    assert time.monotonic() - began < 1.9  # not after the session's 2 s


def test_timestamps_are_mapped_to_pretended_time(cluster: Cluster) -> None:
    cluster.send("in", [b"a"])
    client = KafkaClient(cluster.settings(), map_ms=lambda real_ms: real_ms - 1_000_000_000_000)
    cluster.clients.append(client)
    join_at_start(client)
    [message] = until_some(client, 1)
    assert abs(message.timestamp_ms + 1_000_000_000_000 - time.time() * 1000) < 60_000
