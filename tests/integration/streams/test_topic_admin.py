"""Topics on a real broker: made as the catalogue says, compared, mended; the group begins at 0 and is never moved."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as RawPartition

from config.kafka import KafkaSettings
from schemas.errors import NeedsPerson, Unavailable
from schemas.topics import PLAN, RECEIVED, REJECTED, SOLD, Sizes, buyer_spec, catalogue, spec_of
from streams.kafka.topic_admin import TopicAdmin

SMALL = Sizes(lead_partitions=2, buyer_partitions=3)
SOME = tuple(
    spec for spec in catalogue() if spec.name in (RECEIVED, REJECTED, SOLD, PLAN, "internal.delivery.changelog")
)


@pytest.fixture
def settings(kafka: str, prefix: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=kafka, prefix=prefix)


@pytest.fixture
def admin(settings: KafkaSettings) -> TopicAdmin:
    return TopicAdmin(settings)


def committed(settings: KafkaSettings, topic: str, count: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.group_id})
    raw = [RawPartition(settings.prefix + topic, number) for number in range(count)]
    try:
        return [partition.offset for partition in consumer.committed(raw, timeout=10)]
    finally:
        consumer.close()


def test_topics_are_made_as_the_catalogue_says_and_making_them_again_changes_nothing(admin: TopicAdmin) -> None:
    assert sorted(admin.create(SOME, SMALL)) == sorted(spec.name for spec in SOME)
    assert admin.counts() == {spec.name: spec.partitions(SMALL) for spec in SOME}
    assert admin.differences(SOME, SMALL) == []
    assert admin.create(SOME, SMALL) == []


def test_a_broker_that_hears_of_new_topics_late_is_asked_again(
    admin: TopicAdmin, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several brokers another one may answer each time. Here one does that has heard of nothing, now and then."""
    answers, asked = admin.counts, 0

    def late() -> dict[str, int]:
        nonlocal asked
        asked += 1
        return {} if asked % 2 else answers()

    monkeypatch.setattr(admin, "counts", late)
    admin.create(SOME, SMALL)
    assert committed(settings, RECEIVED, 2) == [0, 0]
    assert admin.differences(SOME, SMALL) == []


def test_the_group_begins_at_0_on_source_topics_alone(admin: TopicAdmin, settings: KafkaSettings) -> None:
    admin.create(SOME, SMALL)
    assert committed(settings, RECEIVED, 2) == [0, 0]
    assert committed(settings, SOLD, 2) == [0, 0]
    assert all(offset < 0 for offset in committed(settings, REJECTED, 2))


def test_a_committed_offset_is_never_moved(admin: TopicAdmin, settings: KafkaSettings) -> None:
    admin.create(SOME, SMALL)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.group_id})
    consumer.commit(offsets=[RawPartition(settings.prefix + RECEIVED, 1, 7)], asynchronous=False)
    consumer.close()
    admin.create(SOME, SMALL)
    assert committed(settings, RECEIVED, 2) == [0, 7]


def test_a_topic_with_records_and_no_offset_is_left_to_a_person(
    admin: TopicAdmin, settings: KafkaSettings, kafka: str, prefix: str
) -> None:
    received = spec_of(RECEIVED)
    assert received is not None
    other = TopicAdmin(KafkaSettings(bootstrap=kafka, prefix=prefix, group="other"))
    other.create([received], SMALL)
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(prefix + RECEIVED, b"x", partition=0)
    assert producer.flush(10) == 0
    admin.create([received], SMALL)
    offsets = committed(settings, RECEIVED, 2)
    assert offsets[0] < 0, "whether its records were processed nobody knows"
    assert offsets[1] == 0, "an empty partition has nothing to skip"


def test_differences_are_named_with_a_remedy_and_settings_can_be_mended(admin: TopicAdmin) -> None:
    admin.create(SOME, SMALL)
    wanted = Sizes(lead_partitions=4, buyer_partitions=3, retention_days=30)
    differences = admin.differences([*SOME, buyer_spec("sunco")], wanted)
    said = {(each.topic, each.setting, each.wanted, each.found) for each in differences}
    assert (RECEIVED, "partitions", "4", "2") in said
    assert (RECEIVED, "retention.ms", str(30 * 86_400_000), str(90 * 86_400_000)) in said
    assert ("buyers.sunco.leads", "", "", "") in said
    assert all(each.remedy in str(each) for each in differences)
    admin.mend(differences)
    left = {(each.topic, each.setting) for each in admin.differences([*SOME, buyer_spec("sunco")], wanted)}
    assert left == {(name, "partitions") for name in (RECEIVED, REJECTED, SOLD)} | {("buyers.sunco.leads", "")}


def test_more_copies_than_brokers_needs_a_person(admin: TopicAdmin) -> None:
    with pytest.raises(NeedsPerson, match="LEADFLOW_REPLICATION"):
        admin.create([buyer_spec("sunco")], Sizes(replication=3))


def test_a_broker_that_is_away_is_said_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.admin.TOPICS_TIMEOUT_S", 0.2)
    away = TopicAdmin(KafkaSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(Unavailable):
        away.counts()
