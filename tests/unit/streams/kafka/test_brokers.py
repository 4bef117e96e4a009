"""The brokers as the producer sees them: who leads, who coordinates, which connections are made, used and given up."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from schemas.errors import NeedsPerson
from streams.kafka import wire
from streams.kafka.brokers import OFFSETS_TOPIC, Brokers, NotKnown
from streams.kafka.bytes import ConnectionLost
from streams.kafka.connection import Line
from tests.support.kafka_layouts import (
    API_VERSIONS,
    END_TXN,
    FIND_COORDINATOR,
    METADATA,
    VERSIONS,
)
from tests.support.scripted_broker import closes, keeps_silent, says, says_bytes
from tests.support.scripted_cluster import PARTITIONS, ScriptedCluster, metadata, versions

SOON_S = 10.0
NAME = "p.leadflow-w1"
PLACE = ("out", 3)
BODY = wire.end_txn(NAME, wire.Producer(1, 2), commit=True)


def soon(seconds: float = SOON_S) -> float:
    """Return a deadline."""
    return time.monotonic() + seconds


@pytest.fixture
def cluster() -> Iterator[ScriptedCluster]:
    """Three brokers."""
    with ScriptedCluster(3) as started:
        yield started


@pytest.fixture
def brokers(cluster: ScriptedCluster) -> Iterator[Brokers]:
    """All three of them, by bootstrap list."""
    made = Brokers(cluster.addresses, Line("test"), 300.0)
    yield made
    made.close()


# --- who leads, who coordinates -------------------------------------------------------------------------------------


def test_leaders_are_asked_for_once_and_again_when_they_are_forgotten(
    cluster: ScriptedCluster, brokers: Brokers
) -> None:
    cluster.leaders = {("out", 3): 1, ("in", 0): 2}
    wanted = {("out", 3): cluster.addresses[1], ("in", 0): cluster.addresses[2], ("in", 1): cluster.addresses[0]}
    assert brokers.leaders(wanted, soon()) == wanted
    assert brokers.leaders([("out", 7)], soon()) == {("out", 7): cluster.addresses[0]}
    assert [sorted(asked.fields[0]) for asked in cluster.of(METADATA)] == [["in", "out"]]
    assert [asked.fields[1] for asked in cluster.of(METADATA)] == [False], "a misspelt topic must not be made"
    brokers.forget()
    cluster.leaders[PLACE] = 2
    assert brokers.leaders([PLACE], soon()) == {PLACE: cluster.addresses[2]}


def test_a_partition_without_a_leader_is_not_known(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.script(METADATA, says(*metadata(cluster, ["out"], frozenset({PLACE}))))
    with pytest.raises(NotKnown) as raised:
        brokers.leaders([("out", 0), PLACE], soon())
    assert (raised.value.code, raised.value.subject) == (5, "out")
    assert brokers.leaders([("out", 0)], soon()) == {("out", 0): cluster.addresses[0]}
    assert len(cluster.of(METADATA)) == 1, "what was told stays known"


@pytest.mark.parametrize("code", [3, 5, 29])
def test_a_topic_that_cannot_be_told_of_is_not_known_and_says_why(
    cluster: ScriptedCluster, brokers: Brokers, code: int
) -> None:
    cluster.script(METADATA, says(0, [], None, 0, [(code, "out", False, [])]))
    with pytest.raises(NotKnown) as raised:
        brokers.leaders([PLACE], soon())
    assert (raised.value.code, raised.value.subject) == (code, "out")


def test_a_coordinator_is_looked_up_once_for_each_key_and_kind(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.coordinators = {NAME: 1, "group": 2}
    for _ in range(2):
        assert brokers.coordinator(NAME, wire.OF_TRANSACTION, soon()) == cluster.addresses[1]
        assert brokers.coordinator("group", wire.OF_GROUP, soon()) == cluster.addresses[2]
    assert [asked.fields for asked in cluster.of(FIND_COORDINATOR)] == [(NAME, 1), ("group", 0)]


def test_a_coordinator_that_is_not_there_yet_is_not_known(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.script(FIND_COORDINATOR, says(0, 15, "not yet", -1, "", -1))
    with pytest.raises(NotKnown) as raised:
        brokers.coordinator(NAME, wire.OF_TRANSACTION, soon())
    assert (raised.value.code, raised.value.subject) == (15, NAME)
    assert brokers.coordinator(NAME, wire.OF_TRANSACTION, soon()) == cluster.addresses[0]


def test_after_a_loss_who_coordinates_is_looked_up_again(cluster: ScriptedCluster, brokers: Brokers) -> None:
    address = brokers.coordinator(NAME, wire.OF_TRANSACTION, soon())
    cluster.script(END_TXN, closes)
    with pytest.raises(ConnectionLost):
        brokers.ask(address, wire.END_TXN, BODY, soon())
    cluster.coordinators[NAME] = 1
    assert brokers.coordinator(NAME, wire.OF_TRANSACTION, soon()) == cluster.addresses[1]


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("", -1), ("x" * 70, 1), ("a..b", 1)]
)
def test_an_address_that_cannot_be_one_is_a_lost_broker(
    cluster: ScriptedCluster, brokers: Brokers, host: str, port: int
) -> None:
    cluster.script(FIND_COORDINATOR, says(0, 0, None, 0, host, port))
    address = brokers.coordinator(NAME, wire.OF_TRANSACTION, soon())
    with pytest.raises(ConnectionLost):
        brokers.ask(address, wire.END_TXN, BODY, soon())
    assert brokers.coordinator(NAME, wire.OF_TRANSACTION, soon()) == cluster.addresses[0]


def test_more_brokers_than_any_cluster_has_are_no_cluster(cluster: ScriptedCluster, brokers: Brokers) -> None:
    many = [(node, "127.0.0.1", 1, None) for node in range(1_001)]
    cluster.script(METADATA, says(0, many, None, 0, []))
    with pytest.raises(ConnectionLost, match="1001 brokers"):
        brokers.leaders([PLACE], soon())


def test_who_led_before_is_forgotten_when_all_are_asked_for(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.hanging = {PLACE: 0}
    leaders, complete = brokers.all_leaders("o", soon())
    assert (leaders[PLACE], complete) == (cluster.addresses[0], True)
    cluster.script(METADATA, says(*metadata(cluster, ["out"], frozenset({PLACE}))))
    leaders, complete = brokers.all_leaders("o", soon())
    assert (PLACE in leaders, complete) == (False, False)


JAVA_HASHES = {
    "p.leadflow": 512163256,
    "leadflow": 1561039498,
    "gr\u00fcppe-\U0001f600": 1039948164,
    "polygenelubricants": 0,
}
"""`Math.abs(text.hashCode())` by a JVM; 0 for the one whose hash has no positive counterpart, as Kafka has it."""


@pytest.mark.parametrize("group", JAVA_HASHES)
def test_a_groups_offsets_are_where_java_would_look_for_them(cluster: ScriptedCluster, group: str) -> None:
    brokers = Brokers(cluster.addresses, Line("test"), 300.0)
    brokers.all_leaders("p.", soon())
    assert brokers.offsets_place(group) is None
    places: dict[tuple[str, int], int] = {(OFFSETS_TOPIC, 0): 0}
    cluster.hanging = places
    brokers.all_leaders("p.", soon())
    assert brokers.offsets_place(group) == (OFFSETS_TOPIC, JAVA_HASHES[group] % PARTITIONS)
    brokers.close()


def test_brokers_that_were_told_of_are_asked_when_the_first_ones_are_gone(cluster: ScriptedCluster) -> None:
    """As long as one of those that it began with has to be there, three brokers are no more than one."""
    brokers = Brokers(cluster.addresses[:1], Line("test"), 300.0)
    cluster.leaders[PLACE] = 1
    assert brokers.leaders([PLACE], soon()) == {PLACE: cluster.addresses[1]}
    brokers.close()  # as after an answer that was lost
    cluster.brokers[0].stop()
    cluster.brokers[1].stop()
    cluster.leaders[PLACE] = 2
    assert brokers.leaders([PLACE], soon()) == {PLACE: cluster.addresses[2]}
    brokers.close()


def test_only_so_many_are_asked_at_once_and_others_the_next_time(cluster: ScriptedCluster) -> None:
    """Each has its share of the time, which must be long enough to be let in."""
    brokers = Brokers(cluster.addresses[:1], Line("test"), 300.0)
    brokers.leaders([PLACE], soon())
    brokers.close()
    cluster.brokers[0].stop()
    cluster.brokers[1].stop()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.kafka.brokers.ASKED_MAX", 1)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                brokers.leaders([PLACE], soon())
        assert brokers.leaders([PLACE], soon()) == {PLACE: cluster.addresses[0]}
    brokers.close()
    cluster.brokers[2].stop()
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="refused"):
            brokers.leaders([PLACE], soon())


# --- connections ----------------------------------------------------------------------------------------------------


def connections(cluster: ScriptedCluster) -> list[int]:
    """Return the nodes that were connected to, in order: each connection begins with that question."""
    return [asked.node for asked in cluster.of(API_VERSIONS)]


def test_one_connection_serves_all_that_a_broker_is_asked(cluster: ScriptedCluster, brokers: Brokers) -> None:
    address = brokers.coordinator(NAME, wire.OF_TRANSACTION, soon())
    for _ in range(3):
        assert wire.error_answer(brokers.ask(address, wire.END_TXN, BODY, soon())) == 0
    assert connections(cluster) == [0]
    brokers.close()
    brokers.leaders([PLACE], soon())
    assert connections(cluster) == [0, 0], "after a close it is made anew"


def test_a_connection_that_idled_is_made_anew(cluster: ScriptedCluster) -> None:
    brokers = Brokers(cluster.addresses, Line("test"), 0.0)
    for _ in range(3):
        brokers.ask(cluster.addresses[1], wire.END_TXN, BODY, soon())
    assert connections(cluster) == [1, 1, 1]
    brokers.close()


def test_the_bootstrap_list_is_tried_in_turn(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.brokers[0].stop()
    cluster.brokers[1].stop()
    cluster.leaders[PLACE] = 2
    assert brokers.leaders([PLACE], soon()) == {PLACE: cluster.addresses[2]}
    assert connections(cluster) == [2]


def test_a_bootstrap_broker_that_says_nothing_does_not_use_up_the_time_of_the_others(
    cluster: ScriptedCluster, brokers: Brokers
) -> None:
    """It may be frozen for long, and the rest of the cluster may work."""
    cluster.script(API_VERSIONS, *[keeps_silent] * 9)
    cluster.coordinators[NAME] = 1
    assert brokers.coordinator(NAME, wire.OF_TRANSACTION, soon(0.2)) == cluster.addresses[1]


def test_where_no_broker_answers_the_last_problem_is_told(cluster: ScriptedCluster, brokers: Brokers) -> None:
    for broker in cluster.brokers:
        broker.stop()
    with pytest.raises(ConnectionLost, match=str(cluster.addresses[2][1])):
        brokers.leaders([PLACE], soon())


@pytest.mark.parametrize("key", sorted(set(VERSIONS) - {API_VERSIONS}))
def test_a_broker_that_lacks_one_of_our_requests_needs_a_person(
    cluster: ScriptedCluster, brokers: Brokers, key: int
) -> None:
    cluster.script(API_VERSIONS, says(*versions(lacking=key)))
    (name,) = (api.name for api in wire.NEEDED if api.key == key)
    with pytest.raises(NeedsPerson, match=rf"understand {name} .*Kafka 3\.0"):
        brokers.leaders([PLACE], soon())


# --- several at once ------------------------------------------------------------------------------------------------


def everywhere(cluster: ScriptedCluster) -> list[tuple[tuple[str, int], list[bytes]]]:
    """Return one question for each broker, and a second one for the first."""
    return [(address, [BODY]) for address in (*cluster.addresses, cluster.addresses[0])]


def test_several_brokers_are_asked_before_the_first_answer_is_read(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.script(END_TXN, says(0, 1), says(0, 4))
    cluster.script(END_TXN, says(0, 2), node=1)
    cluster.script(END_TXN, says(0, 3), node=2)
    answers = brokers.ask_all(wire.END_TXN, everywhere(cluster), soon())
    assert [wire.error_answer(answer) for answer in answers] == [1, 2, 3, 4]
    assert sorted(connections(cluster)) == [0, 1, 2]


def test_when_one_of_several_is_lost_all_answers_are(cluster: ScriptedCluster, brokers: Brokers) -> None:
    cluster.script(END_TXN, closes, node=1)
    with pytest.raises(ConnectionLost):
        brokers.ask_all(wire.END_TXN, everywhere(cluster), soon())
    address = brokers.coordinator(NAME, wire.OF_TRANSACTION, soon())
    cluster.script(END_TXN, says(0, 77))
    assert wire.error_answer(brokers.ask(address, wire.END_TXN, BODY, soon())) == 77, "no answer is taken for another"


def test_nothing_is_sent_to_any_before_all_are_connected(cluster: ScriptedCluster, brokers: Brokers) -> None:
    """Else an answer would lie in the first one's connection, and would be taken for that to the next question."""
    brokers.ask(cluster.addresses[0], wire.END_TXN, BODY, soon())
    cluster.script(API_VERSIONS, says(*versions(lacking=END_TXN)), node=1)
    with pytest.raises(NeedsPerson):
        brokers.ask_all(wire.END_TXN, everywhere(cluster), soon())
    assert len(cluster.of(END_TXN)) == 1
    cluster.script(END_TXN, says(0, 77))
    assert wire.error_answer(brokers.ask(cluster.addresses[0], wire.END_TXN, BODY, soon())) == 77


def test_a_connection_that_idles_between_two_requests_of_one_set_is_not_made_anew(cluster: ScriptedCluster) -> None:
    brokers = Brokers(cluster.addresses, Line("test"), 0.0)
    cluster.script(END_TXN, says(0, 1), says(0, 2))
    answers = brokers.ask_all(wire.END_TXN, [(cluster.addresses[0], [BODY])] * 2, soon())
    assert [wire.error_answer(answer) for answer in answers] == [1, 2]
    brokers.close()


@pytest.mark.parametrize("key", [API_VERSIONS, METADATA, FIND_COORDINATOR])
def test_an_answer_that_cannot_be_read_is_a_lost_one(cluster: ScriptedCluster, brokers: Brokers, key: int) -> None:
    for node in range(3):
        cluster.script(key, says_bytes(b"\x00\x00"), node=node)
    with pytest.raises(ConnectionLost):
        brokers.leaders([PLACE], soon()) if key == METADATA else brokers.coordinator(NAME, 1, soon())
