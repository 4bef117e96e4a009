"""Wakes librdkafka's fetch loop: a broker's thread that had nothing to fetch sleeps up to 1 s, whatever is assigned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as RawPartition

from streams.kafka.errors import log

WAKE_TIMEOUT_S = 0.2
WAKE_TIME_MS = 1 << 50
"""A time that no record has: the broker looks at its newest timestamp and answers at once."""


def wake(handle: Any, partitions: Iterable[Any]) -> None:
    """Ask the leaders of these partitions (librdkafka's own) something, so that their threads begin to fetch at once.

    Waits for the answers, at most `WAKE_TIMEOUT_S`; without an answer the loops wake by themselves.
    """
    asked = [RawPartition(raw.topic, raw.partition, WAKE_TIME_MS) for raw in partitions]
    try:
        handle.offsets_for_times(asked, timeout=WAKE_TIMEOUT_S)
    except KafkaException as problem:
        log.debug("waking the fetchers: %s", problem.args[0].name())
