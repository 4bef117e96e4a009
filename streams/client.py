"""The seam: all that the engine asks of Kafka. Real (`kafka_client`) and in memory (`memory_client`) alike.

One contract suite, `tests/contract/`, holds both to what this page says. Topic names are without prefix; the
client adds it. Every call may block at most as long as it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from streams.stage import Message, TopicPartition

Headers = Sequence[tuple[str, bytes]]


class GroupMetadata(NamedTuple):
    """Group membership as it was at poll time; `raw` is the client's own object."""

    generation: int
    member: str
    raw: Any = None


class Client(Protocol):
    """A read-committed group consumer and a transactional producer of one worker, used from one thread."""

    def subscribe(
        self,
        topics: Iterable[str],
        on_assign: Callable[[list[TopicPartition]], None],
        on_revoke: Callable[[list[TopicPartition], bool], None],
    ) -> None:
        """Join the group. Callbacks run inside `poll` only; `on_revoke(partitions, lost)`.

        After `on_assign` the given partitions are assigned paused; nothing is fetched until `start`.
        """
        ...

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch from these offsets on (seek and resume)."""
        ...

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Stop returning records of these partitions, those already fetched included; no position moves."""
        ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on where `pause` stopped."""
        ...

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Return to these offsets; whatever was fetched beyond is returned again."""
        ...

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """Return at most `max_records` committed records, waiting at most `timeout_s` for the first one.

        Raises OffsetGone for a partition whose position is outside its log, Fenced, StateInDoubt.
        """
        ...

    def group_metadata(self) -> GroupMetadata:
        """Return membership as of the last poll. Never waits."""
        ...

    def begin(self) -> None:
        """Begin a transaction; renews the producer handle first when a request may have been sent twice."""
        ...

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers
    ) -> None:
        """Queue a record in the open transaction. Without a partition: murmur2 of the key over the pinned count."""
        ...

    def flush(self) -> None:
        """Wait until every queued record is acknowledged. Raises EpochLost when one was refused."""
        ...

    def send_offsets(self, offsets: Mapping[TopicPartition, int], metadata: GroupMetadata) -> None:
        """Put consumed offsets into the transaction; refuses generation < 0 or an empty member (StateInDoubt).

        Raises EpochLost when the group has moved on (abort, undo, go on polling), Fenced, StateInDoubt.
        """
        ...

    def commit(self) -> None:
        """Commit. Returns: it happened. EpochLost: it did not (abort). StateInDoubt: nobody knows (exit 70)."""
        ...

    def abort(self) -> None:
        """Abort the open transaction; its records are never seen by read-committed readers."""
        ...

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the group's stable committed offsets: waits for pending transactional offsets."""
        ...

    def log_bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return (log start, read-uncommitted end) of each partition."""
        ...

    def read(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[list[Message]]:
        """Yield chunks of the committed records of [start, end), by a reader of its own; safe in another thread.

        Ends when its position has passed `end` (control records count). Waits behind an open transaction at most
        its time-out. Stops early when `cancelled()`.
        """
        ...

    def follow(self, topics: Iterable[str]) -> None:
        """Read these topics from their start, all partitions, outside the group; for views."""
        ...

    def followed(self, max_records: int) -> tuple[list[Message], bool]:
        """Return new committed records of followed topics without waiting, and whether the end was reached once."""
        ...

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the number of partitions of each topic as the broker has it now; a missing topic is left out."""
        ...

    def topic_known(self, topic: str) -> bool:
        """Whether produce to this topic can work, from cached metadata at most 10 s old. Never waits."""
        ...

    def append_time_ms(self) -> tuple[int, int] | None:
        """Return (our clock when sent, broker's append time) of a recent own record, for the clock check."""
        ...

    def close(self) -> None:
        """Leave the group and drop all handles; an open transaction is aborted."""
        ...
