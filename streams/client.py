"""The seam: all that the engine asks of Kafka. Real (`streams/kafka/`) and in memory (`streams/memory/`) alike.

One contract suite, `tests/contract/`, holds both to what this page says. Topic names are without prefix; the
client adds it. Every call may block at most as long as it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.errors import PartitionStop
from streams.stage import Message, TopicPartition

Headers = Sequence[tuple[str, bytes]]
#: A partition as records to be produced name it: a plain tuple, equal to a `TopicPartition`.
Place = tuple[str, int]
#: A record to be produced: topic, value, key, partition (None: by key), headers, and, for a stage of this worker, what
#: the value says (`Message.known`). A plain tuple: an epoch has thousands, and a named one costs as much as `emit`.
Output = tuple[str, bytes | None, bytes | None, int | None, Headers, Any]
#: Records by the partition they go to, in their order.
Placed = Mapping[Place, Sequence[Output]]
#: Key and value of records, in the order of their offsets.
Entries = Iterable[tuple[bytes | None, bytes | None]]


class GroupMetadata(NamedTuple):
    """Group membership as it was at poll time; `raw` is the client's own object."""

    generation: int
    member: str
    raw: Any = None

    @property
    def is_member(self) -> bool:
        """Whether this is a membership. (-1, "") is not, though Kafka accepts offsets under it unfenced."""
        return self.generation >= 0 and bool(self.member)


class OffsetGone(PartitionStop):
    """The position of a partition lies outside its log: the log was cut, or the topic made anew."""

    def __init__(self, partition: TopicPartition, detail: str) -> None:
        super().__init__(f"{partition.topic}-{partition.partition}: {detail}; run `leadflow repair`")
        self.partition = partition


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
        """Go to these offsets, back (what was fetched beyond is returned again) or ahead of what is known already."""
        ...

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """Return at most `max_records` (1 or more) committed records, waiting at most `timeout_s` for the first one.

        A broker that is away is not an error: nothing is returned. Raises OffsetGone for a partition whose position
        is outside its log (it goes on resting; no record of another one is lost by the raise), Fenced, StateInDoubt.
        """
        ...

    def waiting(self, known: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return how many offsets lie between each position and the log's end as last heard of. Never waits.

        What lies below the offset given is known and does not count.

        An estimate from what the fetches brought along (control records count); unknown partitions are 0.
        """
        ...

    def group_metadata(self) -> GroupMetadata:
        """Return membership as of the last poll. Never waits."""
        ...

    def begin(self) -> None:
        """Begin a transaction; takes the worker's name again first where the one before did not end well.

        The engine begins when a round has to be flushed, or when all is known that will be written.
        Raises Unavailable when that is not answered (nothing has begun), Fenced.
        """
        ...

    def place(self, outputs: Sequence[Output]) -> Placed:
        """Return the records by the partition they go to, in their order; nothing is sent, and it never waits long.

        Without a partition: murmur2 of the key over the pinned count, 0 when there is no key either. Raises EpochLost
        for an unknown topic and for a record that is too large for it.
        """
        ...

    def produce(self, placed: Placed) -> None:
        """Queue records in the open transaction; those of one partition are appended in their order."""
        ...

    def flush(self) -> Mapping[Place, tuple[int, int]]:
        """Wait until every queued record is appended. Raises EpochLost when one was refused.

        Returns the offsets of the first and the last record queued since the last flush, by partition: they are as far
        apart as the records when nothing lies between.
        """
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
        """Return the group's stable committed offsets, None where there is none.

        Waits for pending transactional offsets, but at most a second, so that the other partitions go on; then
        raises Unavailable and is asked again.
        """
        ...

    def log_bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return (log start, read-uncommitted end) of each partition; those that do not exist are left out.

        Raises Unavailable after a second or so.
        """
        ...

    def read(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[list[Message]]:
        """Yield chunks of the committed records of [start, end), by a reader of its own; safe in another thread.

        Ends when its position has passed `end` (control records count). While it waits (behind an open transaction,
        for a broker that is away) it yields an empty chunk about every 0.1 s. Stops early when `cancelled()`.
        """
        ...

    def read_entries(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[tuple[int, Entries]]:
        """Read as `read` does, but yield of each chunk the offset behind it, and of each record only key and value.

        That is all that a restore needs, at half the cost. The entries of a chunk can be gone through once.
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
        """Whether produce to this topic can work: it is there, and not forbidden to us. Never waits.

        From metadata that is 10 s old at most.
        """
        ...

    def append_time_ms(self) -> tuple[int, int] | None:
        """Return (our clock when sent, broker's append time) of a recent own record, for the clock check."""
        ...

    def close(self) -> None:
        """Leave the group and drop all handles; an open transaction is aborted."""
        ...
