"""The embedded broker: what was acknowledged outlives kill -9, and the address stays."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from console.cluster.kafka import KafkaServer

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


def test_session_broker_answers(kafka: str) -> None:
    assert AdminClient({"bootstrap.servers": kafka, **QUIET}).list_topics(timeout=10).brokers
