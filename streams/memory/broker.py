"""A Kafka cluster in memory, for simulations and contract tests: deterministic, its time injected.

What matters to exactly-once is as in Kafka: markers take offsets and come after the decision, read-committed stops
at the last stable offset, transactional offsets are pending until the transaction is complete, transactional ids
fence by epoch, groups by generation. Nothing else is: no replication, no compaction, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from schemas.errors import EpochLost, Fenced, StateInDoubt, Unavailable
from streams.client import GroupMetadata, Headers
from streams.clock import Clock
from streams.memory.group import MemoryGroup
from streams.memory.log import PartitionLog, Transaction, TransactionStatus
from streams.partitioning import partition_of
from streams.stage import Message, TopicPartition


@dataclass
class _Producer:
    """A transactional id at its coordinator; `timed_out`: the broker itself raised the epoch last."""

    epoch: int
    timeout_ms: int
    transaction: Transaction | None = None
    timed_out: bool = False


class MemoryBroker:
    """Topics, groups and transactions; several clients may use it from one thread."""

    def __init__(
        self,
        clock: Clock,
        *,
        protocol: str = "eager",
        session_ms: int = 6000,
        rebalance_ms: int = 60_000,
        transaction_ms: int = 10_000,
    ) -> None:
        self.clock = clock
        self.transaction_ms = transaction_ms
        #: Markers wait for `write_markers` or the next request of their producer, as they may in Kafka.
        self.hold_markers = False
        #: How far the broker's clock is ahead of everybody's.
        self.clock_ahead_ms = 0
        self._protocol = protocol
        self._session_ms = session_ms
        self._rebalance_ms = rebalance_ms
        self._topics: dict[str, list[PartitionLog]] = {}
        self._counts: dict[str, int] = {}
        self._groups: dict[str, MemoryGroup] = {}
        self._producers: dict[str, _Producer] = {}
        #: Decided transactions, each with the partitions and groups (by name) that have no marker of it yet.
        self._decided: dict[Transaction, dict[TopicPartition | str, None]] = {}

    # --- topics -----------------------------------------------------------------------------------------------

    def create_topic(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        if topic in self._topics:
            raise ValueError(f"topic {topic} exists")
        self._topics[topic] = [PartitionLog(TopicPartition(topic, number)) for number in range(partitions)]
        self._counts[topic] = partitions

    def delete_topic(self, topic: str) -> None:
        """Drop a topic with everything in it."""
        del self._topics[topic], self._counts[topic]

    def counts(self) -> dict[str, int]:
        """Return the number of partitions of each topic."""
        return dict(self._counts)

    def log(self, partition: TopicPartition) -> PartitionLog:
        """Return a partition's log; raises KeyError when there is none."""
        return self._topics[partition.topic][partition.partition]

    def place(self, topic: str, key: bytes | None, partition: int | None) -> PartitionLog:
        """Return the log to which a record goes; raises EpochLost for an unknown topic or partition."""
        logs = self._topics.get(topic)
        if logs is None or (partition is not None and not 0 <= partition < len(logs)):
            raise EpochLost(f"unknown topic or partition: {topic}-{partition}")
        if partition is None:
            partition = 0 if key is None else partition_of(key, len(logs))
        return logs[partition]

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, partition: int | None = None) -> int:
        """Write a record outside of any transaction, as an upstream system does; returns its offset."""
        return self.place(topic, key, partition).append(self.now_ms(), key, value, ())

    def records(self, topic: str) -> list[Message]:
        """Return all committed records of a topic as a new reader sees them, partition by partition."""
        self.expire()
        return [message for log in self._topics[topic] for message in log.committed(0, log.end, log.end + 1)[0]]

    def now_ms(self) -> int:
        """Return the broker's time."""
        return self.clock.real_ms() + self.clock_ahead_ms

    # --- transactions -----------------------------------------------------------------------------------------

    def init_producer(self, transactional_id: str) -> int:
        """Return a new epoch for the id: whoever had it is fenced, what it left open is aborted."""
        producer = self._producers.setdefault(transactional_id, _Producer(-1, self.transaction_ms))
        if producer.transaction is not None:
            self._decide(producer, TransactionStatus.ABORTED)
        self._write_markers_of(transactional_id)
        producer.epoch += 1
        producer.timed_out = False
        return producer.epoch

    def append(
        self,
        transactional_id: str,
        epoch: int,
        log: PartitionLog,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
    ) -> int:
        """Write a record of the id's transaction, which begins with its first request."""
        transaction = self._open(transactional_id, epoch)
        transaction.partitions[log.partition] = None
        return log.append(self.now_ms(), key, value, headers, transaction)

    def add_offsets(
        self,
        transactional_id: str,
        epoch: int,
        group: str,
        offsets: Mapping[TopicPartition, int],
        metadata: GroupMetadata,
    ) -> None:
        """Put offsets into the transaction; raises EpochLost when the group has moved on."""
        transaction = self._open(transactional_id, epoch)
        self.group(group).check_commit(metadata.generation, metadata.member, offsets)
        transaction.offsets.setdefault(group, {}).update(offsets)

    def end(self, transactional_id: str, epoch: int, commit: bool) -> None:
        """Decide the transaction. Its markers follow at once, or later while they are held."""
        producer = self._fence(transactional_id, epoch)
        if producer.transaction is not None:
            self._decide(producer, TransactionStatus.COMMITTED if commit else TransactionStatus.ABORTED)
            if not self.hold_markers:
                self.write_markers()

    def write_markers(self, chosen: Callable[[TopicPartition | str], bool] = lambda place: True) -> None:
        """Write outstanding markers at the chosen places: partitions, and groups (by name), which then know offsets.

        Kafka writes them in any order: a group may know the new offsets while a changelog still has no marker.
        """
        for transaction in list(self._decided):
            self._complete(transaction, chosen)

    def _open(self, transactional_id: str, epoch: int) -> Transaction:
        producer = self._fence(transactional_id, epoch)
        self._write_markers_of(transactional_id)
        if producer.transaction is None:
            producer.transaction = Transaction(transactional_id, epoch, self.clock.monotonic_ms())
        return producer.transaction

    def _fence(self, transactional_id: str, epoch: int) -> _Producer:
        self.expire()
        producer = self._producers.get(transactional_id)
        if producer is None or epoch > producer.epoch:
            raise StateInDoubt(f"no producer {transactional_id} of epoch {epoch}")
        if epoch < producer.epoch:
            if producer.timed_out:
                raise StateInDoubt(f"the transaction of {transactional_id} timed out at the broker")
            raise Fenced(f"another process uses the name {transactional_id}")
        return producer

    def _decide(self, producer: _Producer, status: TransactionStatus) -> None:
        transaction = producer.transaction
        if transaction is not None:
            transaction.status = status
            self._decided[transaction] = dict.fromkeys((*transaction.partitions, *transaction.offsets))
            producer.transaction = None

    def _write_markers_of(self, transactional_id: str) -> None:
        for transaction in list(self._decided):
            if transaction.transactional_id == transactional_id:
                self._complete(transaction, lambda place: True)

    def _complete(self, transaction: Transaction, chosen: Callable[[TopicPartition | str], bool]) -> None:
        places = self._decided[transaction]
        for place in [place for place in places if chosen(place)]:
            del places[place]
            if isinstance(place, TopicPartition):
                if place.topic in self._topics:
                    self.log(place).mark(transaction, self.now_ms())
            elif transaction.committed:
                self.group(place).offsets.update(transaction.offsets[place])
        if not places:
            del self._decided[transaction]

    # --- groups -------------------------------------------------------------------------------------------------

    def group(self, name: str) -> MemoryGroup:
        """Return a group, making it when it is first named."""
        if name not in self._groups:
            self._groups[name] = MemoryGroup(self._protocol, self._session_ms, self._rebalance_ms)
        return self._groups[name]

    def stable_offsets(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return committed offsets; raises Unavailable while a transaction holds pending ones of these partitions."""
        self.expire()
        wanted = set(partitions)
        unfinished = [p.transaction for p in self._producers.values() if p.transaction is not None]
        decided = [transaction for transaction, places in self._decided.items() if group in places]
        for transaction in (*unfinished, *decided):
            if not wanted.isdisjoint(transaction.offsets.get(group, ())):
                raise Unavailable(f"offsets of a transaction of {transaction.transactional_id} are pending")
        offsets = self.group(group).offsets
        return {partition: offsets.get(partition) for partition in wanted}

    def commit_plain(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set committed offsets from outside of the group, as topic creation and `repair` do."""
        self.group(group).offsets.update(offsets)

    def expire(self) -> None:
        """Let time do its work: abort transactions beyond their time-out, end sessions."""
        now = self.clock.monotonic_ms()
        for producer in self._producers.values():
            transaction = producer.transaction
            if transaction is not None and now - transaction.began_ms >= producer.timeout_ms:
                self._decide(producer, TransactionStatus.ABORTED)
                self._complete(transaction, lambda place: True)
                producer.epoch += 1
                producer.timed_out = True
        for group in self._groups.values():
            group.expire(now, self._counts)
