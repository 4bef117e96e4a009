"""The parts of the Kafka client that need no broker: settings, errors, names, placing, membership, the watchdog."""

from __future__ import annotations

import os
import struct
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as RawMessage

from config.kafka import (
    KafkaSettings,
    admin_options,
    consumer_options,
    reader_options,
)
from schemas.errors import EpochLost, Fenced, NeedsPerson, StateInDoubt, Unavailable
from streams import partitioning
from streams.client import GroupMetadata
from streams.kafka.admin import ClusterWatch, KafkaAdmin, closest, sharper
from streams.kafka.consumer import parse_metadata
from streams.kafka.errors import as_consumer_error, at_commit, before_commit, error_in, unavailable
from streams.kafka.permissions import Forbidden
from streams.kafka.records import Names, RecordReader
from streams.murmur2 import partition_of as in_python
from streams.stage import Message, TopicPartition
from streams.watchdog import Watchdog

SETTINGS = KafkaSettings("127.0.0.1:9092", prefix="p.")


# --- settings: what exactness was proven with ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"deadline_ms": 10_000}, "deadline_ms"),
        ({"heartbeat_ms": 3000}, "heartbeat_ms"),
        ({"security": {"acks": "0"}}, "acks"),
        ({"bootstrap": ""}, "bootstrap"),
        ({"bootstrap": "good:1,bad:x"}, "'bad'"),
        ({"name": ""}, "name"),
    ],
)
def test_settings_that_the_proofs_do_not_cover_are_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        KafkaSettings(**{"bootstrap": "127.0.0.1:9092", **change})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"deadline_ms.*heartbeat_ms.*bootstrap"):
        KafkaSettings("", deadline_ms=20_000, heartbeat_ms=5000)


@pytest.mark.parametrize(
    ("bootstrap", "addresses"),
    [
        ("127.0.0.1:9093", (("127.0.0.1", 9093),)),
        ("a:1, b:2 ,", (("a", 1), ("b", 2))),
        ("broker", (("broker", 9092),)),
        ("[::1]:9093,[::1]", (("::1", 9093), ("::1", 9092))),
    ],
)
def test_addresses_are_read_as_librdkafka_reads_them(bootstrap: str, addresses: tuple[tuple[str, int], ...]) -> None:
    assert KafkaSettings(bootstrap).addresses == addresses


def test_the_consumer_never_resells_and_never_skips() -> None:
    options = consumer_options(SETTINGS)
    wanted = {
        "group.id": "p.leadflow",
        "group.instance.id": "p.leadflow-w1",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 600,
    }
    assert {name: options[name] for name in wanted} == wanted


def test_security_reaches_every_handle_and_no_text() -> None:
    settings = KafkaSettings("127.0.0.1:9092", security={"sasl.password": "open sesame"})
    for options in (consumer_options, admin_options):
        assert options(settings)["sasl.password"] == "open sesame"
    assert reader_options(settings, "reader")["sasl.password"] == "open sesame"
    assert "sesame" not in repr(settings)


# --- errors -------------------------------------------------------------------------------------------------------


def kafka_error(code: int, *, fatal: bool = False, abort: bool = False, text: str = "why") -> KafkaError:
    """Return an error as librdkafka makes it."""
    return KafkaError(code, text, fatal, False, abort)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_error(KafkaError.FENCED_INSTANCE_ID), Fenced),
        (kafka_error(KafkaError.UNRELEASED_INSTANCE_ID), Fenced),
        (
            kafka_error(KafkaError._FATAL, text="Static consumer fenced by other consumer with same group.instance.id"),
            Fenced,
        ),
        (kafka_error(KafkaError._FATAL, text="something else"), StateInDoubt),
        (kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED), NeedsPerson),
        (kafka_error(KafkaError._TRANSPORT), type(None)),
        (kafka_error(KafkaError._ALL_BROKERS_DOWN), type(None)),
    ],
)
def test_a_consumers_error_means(error: KafkaError, kind: type) -> None:
    assert type(as_consumer_error(error)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_error(KafkaError.ILLEGAL_GENERATION, abort=True), EpochLost),
        (kafka_error(KafkaError.UNKNOWN_MEMBER_ID, abort=True), EpochLost),
        (kafka_error(KafkaError._TIMED_OUT), EpochLost),
        (kafka_error(KafkaError.PRODUCER_FENCED), Fenced),
        (kafka_error(KafkaError.INVALID_PRODUCER_EPOCH), Fenced),
        (kafka_error(KafkaError.FENCED_INSTANCE_ID), Fenced),
        (kafka_error(KafkaError.INVALID_TXN_STATE), StateInDoubt),
        (kafka_error(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), NeedsPerson),
    ],
)
def test_before_the_commit_is_sent_an_error_means_that_nothing_happened(error: KafkaError, kind: type) -> None:
    assert type(before_commit(error, "flush", without_twin=False)) is kind


def test_a_transaction_that_timed_out_fences_us_without_a_twin() -> None:
    assert type(before_commit(kafka_error(KafkaError.PRODUCER_FENCED), "flush", without_twin=True)) is StateInDoubt


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_error(KafkaError.PRODUCER_FENCED), Fenced),
        (kafka_error(KafkaError.UNKNOWN), StateInDoubt),
        (kafka_error(KafkaError.INVALID_TXN_STATE), StateInDoubt),
        (kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED), StateInDoubt),
    ],
)
def test_a_refused_commit_is_a_twins_doing_or_in_doubt(error: KafkaError, kind: type) -> None:
    assert type(at_commit(error, without_twin=False)) is kind


def test_a_fatal_error_is_found_behind_the_bindings_system_error() -> None:
    fatal = kafka_error(KafkaError._FENCED, fatal=True)
    hidden = SystemError("returned a result with an exception set")
    hidden.__cause__ = KafkaException(fatal)
    assert error_in(hidden) == fatal
    assert error_in(SystemError("nothing behind")) is None


def test_a_consumer_says_which_permission_is_missing_on_what() -> None:
    topic, group = (
        kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED),
        kafka_error(KafkaError.GROUP_AUTHORIZATION_FAILED),
    )
    assert "refuses us Read on topic acme.leads.sold:" in str(as_consumer_error(topic, "acme.leads.sold", "acme.g"))
    assert "refuses us Read on group acme.g:" in str(as_consumer_error(group, None, "acme.g"))
    assert "TOPIC_AUTHORIZATION_FAILED why" in str(as_consumer_error(topic))


def test_a_question_that_is_refused_says_which_permission_is_missing() -> None:
    with (
        pytest.raises(Forbidden, match=r"Describe on topics a\.one, a\.two: grant"),
        unavailable("offsets", "Describe", {KafkaError.TOPIC_AUTHORIZATION_FAILED: {"a.two", "a.one"}}),
    ):
        raise KafkaException(kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_of_many_topics_the_first_are_named_and_the_rest_counted() -> None:
    refusal = Forbidden(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Read", [f"t{number}" for number in range(9)])
    assert "topics t0, t1, t2, t3, t4 and 4 more: grant" in str(refusal)
    assert len(refusal.topics) == 9
    assert refusal.exit_code == 78


def test_a_question_without_an_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="topics"), unavailable("topics"):
        raise KafkaException(kafka_error(KafkaError._TIMED_OUT))
    with pytest.raises(NeedsPerson), unavailable("topics"):
        raise KafkaException(kafka_error(KafkaError.CLUSTER_AUTHORIZATION_FAILED))


def test_a_question_that_a_broken_log_in_took_along_is_no_refusal() -> None:
    """So librdkafka ends what is under way when another log-in on that connection is not answered (KIP-368)."""
    took_along = KafkaError(KafkaError._AUTHENTICATION)
    assert "Local: Authentication failure" in took_along.str()
    with pytest.raises(Unavailable, match="committed offsets"), unavailable("committed offsets"):
        raise KafkaException(took_along)
    assert as_consumer_error(took_along) is None


# --- names, placing, membership, clock ------------------------------------------------------------------------------


def test_the_prefix_goes_on_and_comes_off() -> None:
    names = Names("acme.")
    assert names.full("leads.sold") == "acme.leads.sold"
    assert names.plain("acme.leads.sold") == "leads.sold"
    with pytest.raises(ValueError, match="other"):
        names.plain("other.leads.sold")


def test_librdkafka_places_keys_as_the_plain_function_does() -> None:
    for length in range(40):
        key = os.urandom(length)
        assert partitioning.partition_of(key, 1009) == in_python(key, 1009)


def metadata(generation: int, member: str) -> bytes:
    """Return membership as librdkafka serializes it."""
    return b"CGMDv2:" + struct.pack("<i", generation) + b"group\0" + member.encode() + b"\0\x01"


def test_membership_is_read_from_librdkafkas_bytes() -> None:
    raw = metadata(7, "m-1")
    assert parse_metadata(raw) == GroupMetadata(7, "m-1", raw)
    assert not parse_metadata(metadata(-1, "")).is_member


def test_membership_in_another_form_is_refused() -> None:
    with pytest.raises(StateInDoubt):
        parse_metadata(b"CGMDv3:" + metadata(7, "m-1")[7:])


@pytest.mark.parametrize(("stamp", "ours"), [(150, 150), (90, 100), (230, 200)])
def test_only_a_certain_difference_of_clocks_counts(stamp: int, ours: int) -> None:
    assert closest(stamp, 100, 200) == ours


# --- partition counts ------------------------------------------------------------------------------------------------


def test_a_count_that_changed_stops_us_only_where_we_placed_keys_by_it() -> None:
    """Without a prefix the topics of everybody else are seen as well."""
    counts = {"leads.sold": 2, "theirs": 2}
    asked: Any = SimpleNamespace(partition_counts=lambda: dict(counts))
    watch = ClusterWatch(asked, None)
    watch.refresh()
    assert watch.count("leads.sold") == 2
    counts["theirs"] = 3
    watch.refresh()
    watch.raise_if_changed()
    assert watch.count("theirs") == 2, "keys go where they went"
    with pytest.raises(NeedsPerson, match="theirs has 3 partitions, its keys were placed by 2"):
        watch.raise_if_changed()
    counts["theirs"] = 2
    watch.refresh()
    counts["leads.sold"] = 3
    watch.refresh()
    with pytest.raises(NeedsPerson, match=r"leads\.sold has 3 partitions"):
        watch.raise_if_changed()


# --- the watchdog ---------------------------------------------------------------------------------------------------


def test_the_watchdog_ends_a_process_that_hangs_and_leaves_others_alone() -> None:
    ended = threading.Event()
    told: list[tuple[int, str]] = []

    def die(code: int, reason: str) -> None:
        told.append((code, reason))
        ended.set()

    watchdog = Watchdog(die)
    watchdog.arm("flush", 60)
    watchdog.disarm()
    assert not ended.wait(0.4)
    watchdog.arm("flush", 0.05)
    watchdog.arm_if_idle("commit", 60)  # the running deadline stands
    assert ended.wait(5)
    assert told[0][0] == 70
    assert "commit" in told[0][1]
    watchdog.close()


# --- records ----------------------------------------------------------------------------------------------------------


def raw(offset: int, **more: Any) -> Any:
    """Return a record as the binding makes it."""
    fields = {
        "topic": "p.leads.sold",
        "partition": 1,
        "offset": offset,
        "key": b"k",
        "value": b"v",
        "timestamp": (1, 5),
    }
    return RawMessage(**{**fields, **more})


def test_records_are_turned_over_with_their_names_and_mapped_times() -> None:
    reader = RecordReader(Names("p."), lambda ms: ms + 1000)
    found = reader.read([raw(3), raw(4, headers=[("h", b"1")], value=None)])
    assert found == [
        Message("leads.sold", 1, 3, 1005, b"k", b"v", ()),
        Message("leads.sold", 1, 4, 1005, b"k", None, (("h", b"1"),)),
    ]
    assert type(found[0]) is Message


def test_an_error_in_a_records_clothes_is_raised() -> None:
    with pytest.raises(KafkaException):
        RecordReader(Names("p."), None).read([raw(3), raw(4, error=kafka_error(KafkaError._TRANSPORT))])


# --- a call that hangs ------------------------------------------------------------------------------------------------


def test_an_epoch_tells_the_clock_more_sharply_than_the_watch() -> None:
    """A clock 3 s ahead: the watch's window of ten seconds holds the broker's time, an epoch's does not."""
    broker, ahead = 1_000_000, 3_000
    watched = (closest(broker, broker - 10_000 + ahead, broker + ahead), broker)
    epoch = (closest(broker - 50, broker - 60 + ahead, broker - 40 + ahead), broker - 50)
    assert watched[1] - watched[0] == 0
    found = sharper(epoch, watched)
    assert found is not None
    assert found[1] - found[0] == -2_990
    assert sharper((0, broker - 60_001), watched) == watched, "an idle worker's last epoch is no news"
    assert sharper(None, watched) == watched
    assert sharper(epoch, None) == epoch


def test_a_leader_that_moves_is_asked_again_and_then_unavailable() -> None:
    admin: Any = KafkaAdmin(KafkaSettings("127.0.0.1:1"), Names(""))
    asked: list[int] = []

    def moving(partitions: object, spec: object) -> dict[TopicPartition, tuple[int, int]]:
        asked.append(1)
        if len(asked) % 2:
            raise KafkaException(kafka_error(KafkaError.FENCED_LEADER_EPOCH))
        return {TopicPartition("a", 0): (1, 2)}

    admin._list_offsets = moving
    admin._handle = type("Topics", (), {"list_topics": lambda self, timeout: None})()
    assert admin.offsets([TopicPartition("a", 0)], None) == {TopicPartition("a", 0): (1, 2)}
    assert len(asked) == 2
