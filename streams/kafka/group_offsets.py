"""What a consumer group has committed, asked by one who never joins it.

Not by the admin client's `list_consumer_group_offsets`: when the coordinator answers NOT_COORDINATOR or
COORDINATOR_NOT_AVAILABLE, as it does for a moment after a broker has started, librdkafka looks for the consumer group
of a client that has none, and the process dies of SIGSEGV (seen with 2.16.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as RawPartition
from confluent_kafka.admin import AdminClient


class GroupOffsets:
    """Asks for one group. Closes nothing but its own consumer; not for use from two threads at once.

    Args:
        options: how to reach Kafka: address, security, log.
        group: its full name.
    """

    def __init__(self, options: Mapping[str, Any], group: str) -> None:
        self.group = group
        self._options = dict(options)
        self._consumer: Consumer | None = None

    def committed(self, partitions: Sequence[RawPartition], timeout_s: float) -> list[RawPartition]:
        """Return the partitions with their offsets, below 0 where the group has none. May block for `timeout_s` twice.

        Raises KafkaException: also of a single partition, such as one whose offset a transaction holds open.
        """
        if self._consumer is None:
            self._see(timeout_s)
            own = {"group.id": self.group, "isolation.level": "read_committed", "enable.auto.commit": False}
            self._consumer = Consumer({**self._options, **own})
        found: list[RawPartition] = self._consumer.committed(list(partitions), timeout=timeout_s)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return found

    def close(self) -> None:
        """End the connection."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _see(self, timeout_s: float) -> None:
        """Raise what keeps us from the group: a consumer that may not see its own is merely silent."""
        asker = AdminClient(self._options)
        try:
            asker.describe_consumer_groups([self.group], request_timeout=timeout_s)[self.group].result(timeout_s)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise
