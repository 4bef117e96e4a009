"""The embedded broker: what was acknowledged outlives kill -9, and the address stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from console.cluster.kafka import KafkaServer
from console.cluster.layout import CHECKPOINT, kept_checkpoint

QUIET = {"log_level": 0}


def test_acknowledged_records_survive_kill_9_at_the_same_address(own_kafka: KafkaServer) -> None:
    address = own_kafka.bootstrap
    admin = AdminClient({"bootstrap.servers": address, **QUIET})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(20)
    producer = Producer({"bootstrap.servers": address, "acks": "all", **QUIET})
    for number in range(100):
        producer.produce("kept", str(number))
    assert producer.flush(20) == 0

    own_kafka.kill()
    assert own_kafka.start() == address

    consumer = Consumer({"bootstrap.servers": address, "group.id": "g", **QUIET})
    low, high = consumer.get_watermark_offsets(TopicPartition("kept", 0), timeout=20)
    consumer.close()
    assert (low, high) == (0, 100)


def test_clean_stop_says_143_and_starts_again(own_kafka: KafkaServer) -> None:
    assert own_kafka.stop() == 143
    assert own_kafka.pid is None
    own_kafka.start()
    assert own_kafka.is_alive()


def test_a_copied_layout_is_as_good_as_kafkas_own(
    kafka_jars: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_CACHE", str(tmp_path / "cache"))
    clusters: set[str] = set()
    for name in ("formatted", "copied"):
        assert kept_checkpoint().exists() == (name == "copied")
        server = KafkaServer(tmp_path / name, kafka_jars)
        server.start()
        admin = AdminClient({"bootstrap.servers": server.bootstrap, **QUIET})
        clusters.add(str(admin.list_topics(timeout=10).cluster_id))
        levels = (tmp_path / name / "data" / CHECKPOINT).read_bytes()
        assert levels == kept_checkpoint().read_bytes()
        server.stop()
    assert len(clusters) == 2


def test_session_broker_answers(kafka: str) -> None:
    assert AdminClient({"bootstrap.servers": kafka, **QUIET}).list_topics(timeout=10).brokers
