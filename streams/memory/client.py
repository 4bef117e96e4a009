"""`streams.client.Client` on the broker in memory: for simulations, contract tests and rules tried without Kafka.

Nothing here waits: a call that would wait in Kafka returns empty or raises Unavailable, and `wait` is told how long
it would have been. Faults are injected through `on_step(step, when)`, called before and after each named step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.errors import Fenced, StateInDoubt
from streams.client import Entries, GroupMetadata, OffsetGone, Output, Place, Placed
from streams.clock import Clock
from streams.memory.broker import MemoryBroker
from streams.memory.group import Member
from streams.stage import Message, TopicPartition

#: Records of one chunk of `read`.
_READ_CHUNK = 500
#: Steps at which `on_step` is called.
STEPS = ("poll", "begin", "produce", "flush", "send_offsets", "commit", "abort", "committed", "log_bounds", "read")

_NOBODY = GroupMetadata(-1, "")
OnStep = Callable[[str, str], None]


class MemoryClient:
    """One worker's client. `name` is its transactional id and, with `static`, its group instance id."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        name: str = "w1",
        group: str = "leadflow",
        static: bool = False,
        clock: Clock | None = None,
        on_step: OnStep = lambda step, when: None,
        wait: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.on_step = on_step
        #: False: no heartbeats any more. Set it to stand for a process that died, was stopped or lost its network.
        self.alive = True
        self._broker = broker
        self._group = broker.group(group)
        self._group_name = group
        self._name = name
        self._instance = name if static else None
        self._clock = clock or broker.clock
        self._wait = wait
        self._epoch = broker.init_producer(name)
        self._begun = self._renew = False
        self._told: dict[Place, tuple[int, int]] = {}
        self._member: Member | None = None
        self._metadata = _NOBODY
        self._topics: tuple[str, ...] = ()
        self._on_assign: Callable[[list[TopicPartition]], None] = lambda partitions: None
        self._on_revoke: Callable[[list[TopicPartition], bool], None] = lambda partitions, lost: None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._followed: dict[TopicPartition, int] = {}
        self._sample: tuple[int, int] | None = None
        self._turn = 0

    # --- the group ----------------------------------------------------------------------------------------------

    def subscribe(
        self,
        topics: Iterable[str],
        on_assign: Callable[[list[TopicPartition]], None],
        on_revoke: Callable[[list[TopicPartition], bool], None],
    ) -> None:
        """Join the group with the next poll."""
        self._topics, self._on_assign, self._on_revoke = tuple(topics), on_assign, on_revoke

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch from these offsets on."""
        self._positions.update(offsets)
        self._paused.difference_update(offsets)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Return no records of these partitions."""
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on where `pause` stopped."""
        self._paused.difference_update(partitions)

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Return to these offsets."""
        self._positions.update(offsets)

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """Move membership on, then return committed records of the partitions in turn."""
        self.on_step("poll", "before")
        if max_records < 1:
            raise ValueError("max_records must be 1 or more")
        self._broker.expire()
        self._move_on()
        found = self._fetch(max_records)
        if not found and timeout_s > 0:
            self._wait(timeout_s)
            found = self._fetch(max_records)
        self.on_step("poll", "after")
        return found

    def _move_on(self) -> None:
        """One step of the group's protocol, as a poll sees it."""
        counts, now = self._broker.counts(), self._clock.monotonic_ms()
        member = self._member
        if self._topics and (member is None or member.id not in self._group.members):
            self._lose()
            self._member = self._group.join(self._topics, lambda: self.alive, self._instance, now, counts)
            self._group.expire(now, counts)
            return
        if member is None:
            return
        if self._group.rebalancing and not member.joined:
            self._revoke(sorted(member.owned))
            self._group.rejoin(member, counts)
        elif not self._group.rebalancing:
            if gone := self._group.to_revoke(member):
                self._revoke(gone)
                member.owned.difference_update(gone)
            if member.generation != self._group.generation or member.target != member.owned:
                added = self._group.to_assign(member)
                self._paused.update(added)
                self._on_assign(added)
        self._metadata = GroupMetadata(member.generation, member.id)

    def _lose(self) -> None:
        if self._member is None:
            return
        lost, self._member, self._metadata = self._member, None, _NOBODY
        if self._instance is not None and any(m.instance == self._instance for m in self._group.members.values()):
            raise Fenced(f"another process has joined as {self._instance}")
        self._forget(lost.owned)
        if lost.owned:
            self._on_revoke(sorted(lost.owned), True)

    def _revoke(self, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._on_revoke(partitions, False)
            self._forget(partitions)

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)
            self._paused.discard(partition)

    def _fetch(self, max_records: int) -> list[Message]:
        ready = [partition for partition in sorted(self._positions) if partition not in self._paused]
        self._turn += 1
        turn = self._turn % len(ready) if ready else 0
        found: list[Message] = []
        for partition in (*ready[turn:], *ready[:turn]):
            position = self._positions[partition]
            log = self._broker.log(partition)
            if not log.start <= position <= log.end:
                if found:
                    continue
                del self._positions[partition]
                raise OffsetGone(partition, f"position {position} is outside its log [{log.start}, {log.end}]")
            records, self._positions[partition] = log.committed(position, log.end, max_records - len(found))
            found.extend(records)
        return [self._mapped(message) for message in found]

    def _mapped(self, message: Message) -> Message:
        return message._replace(timestamp_ms=self._clock.map(message.timestamp_ms))

    def waiting(self, known: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return how many offsets lie before each position, and before what is known."""
        return {partition: self._behind(partition, offset) for partition, offset in known.items()}

    def _behind(self, partition: TopicPartition, known: int) -> int:
        position = self._positions.get(partition)
        return 0 if position is None else max(0, self._broker.log(partition).last_stable - max(position, known))

    def group_metadata(self) -> GroupMetadata:
        """Return membership as of the last poll."""
        return self._metadata

    # --- the transaction ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin; after an abort take the name again first, which raises the producer epoch, as the real client does."""
        self.on_step("begin", "before")
        if self._begun:
            raise StateInDoubt("a transaction is open already")
        if self._renew:
            self._epoch = self._broker.init_producer(self._name)
            self._renew = False
        self._begun, self._told = True, {}
        self.on_step("begin", "after")

    def place(self, outputs: Sequence[Output]) -> Placed:
        """Return the records by the log they go to."""
        placed: dict[Place, list[Output]] = {}
        for output in outputs:
            topic, _, key, partition, _, _ = output
            log = self._broker.place(topic, key, partition)
            placed.setdefault((topic, log.partition.partition), []).append(output)
        return placed

    def produce(self, placed: Placed) -> None:
        """Write at once: other readers must not see it before the commit anyway."""
        for place, outputs in placed.items():
            for output in outputs:
                self.on_step("produce", "before")
                self._append(place, output)
                self.on_step("produce", "after")

    def _append(self, place: Place, output: Output) -> None:
        self._check_begun()
        _, value, key, _, headers, _ = output
        log = self._broker.place(place[0], key, place[1])  # the topic may be gone since
        offset = self._broker.append(self._name, self._epoch, log, key, value, headers)
        self._told[place] = (self._told.get(place, (offset, offset))[0], offset)
        self._sample = (self._clock.real_ms(), self._broker.now_ms())

    def flush(self) -> Mapping[Place, tuple[int, int]]:
        """Nothing is queued here."""
        self.on_step("flush", "before")
        self._check_begun()
        told, self._told = self._told, {}
        self.on_step("flush", "after")
        return told

    def send_offsets(self, offsets: Mapping[TopicPartition, int], metadata: GroupMetadata) -> None:
        """Put offsets into the transaction, as the member that `metadata` names."""
        self.on_step("send_offsets", "before")
        self._check_begun()
        if not metadata.is_member:
            raise StateInDoubt("offsets were to be sent without a membership: they would not be fenced")
        self._broker.add_offsets(self._name, self._epoch, self._group_name, offsets, metadata)
        self.on_step("send_offsets", "after")

    def commit(self) -> None:
        """Commit."""
        self.on_step("commit", "before")
        self._check_begun()
        self._broker.end(self._name, self._epoch, commit=True)
        self._begun = False
        self.on_step("commit", "after")

    def abort(self) -> None:
        """Abort; the next transaction gets a new epoch."""
        self.on_step("abort", "before")
        self._check_begun()
        self._broker.end(self._name, self._epoch, commit=False)
        self._begun, self._renew = False, True
        self.on_step("abort", "after")

    def _check_begun(self) -> None:
        if not self._begun:
            raise StateInDoubt("no transaction is open")

    # --- questions ------------------------------------------------------------------------------------------------

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return stable committed offsets; Unavailable while some are pending."""
        self.on_step("committed", "before")
        found = self._broker.stable_offsets(self._group_name, partitions)
        self.on_step("committed", "after")
        return found

    def log_bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return (log start, read-uncommitted end)."""
        self.on_step("log_bounds", "before")
        counts = self._broker.counts()
        logs = [self._broker.log(p) for p in partitions if 0 <= p.partition < counts.get(p.topic, 0)]
        return {log.partition: (log.start, log.end) for log in logs}

    def read(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[list[Message]]:
        """Yield committed records; an empty chunk for each time that an open transaction is in the way."""
        offset = start
        while offset < end and not cancelled():
            self.on_step("read", "before")
            self._broker.expire()
            chunk, offset = self._broker.log(partition).committed(offset, end, _READ_CHUNK)
            yield [self._mapped(message) for message in chunk]

    def read_entries(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[tuple[int, Entries]]:
        """See the seam."""
        position = start
        for chunk in self.read(partition, start, end, cancelled):
            position = chunk[-1].offset + 1 if chunk else position
            yield position, [(message.key, message.value) for message in chunk]

    def follow(self, topics: Iterable[str]) -> None:
        """Read topics from their start, outside the group."""
        counts = self._broker.counts()
        for topic in topics:
            self._followed.update({TopicPartition(topic, n): 0 for n in range(counts.get(topic, 0))})

    def followed(self, max_records: int) -> tuple[list[Message], bool]:
        """Return new records of followed topics, and whether their ends are reached now."""
        found: list[Message] = []
        for partition, offset in self._followed.items():
            log = self._broker.log(partition)
            records, self._followed[partition] = log.committed(offset, log.end, max_records - len(found))
            found.extend(map(self._mapped, records))
        return found, all(at >= self._broker.log(p).last_stable for p, at in self._followed.items())

    def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the number of partitions of the topics that exist."""
        counts = self._broker.counts()
        return {topic: counts[topic] for topic in topics if topic in counts}

    def topic_known(self, topic: str) -> bool:
        """Whether the topic exists."""
        return topic in self._broker.counts()

    def append_time_ms(self) -> tuple[int, int] | None:
        """Return (our time, broker's time) of the last record produced."""
        return self._sample

    def close(self) -> None:
        """Leave the group; an open transaction is aborted."""
        if self._begun:
            self._broker.end(self._name, self._epoch, commit=False)
            self._begun = False
        if self._member is not None:
            self._group.leave(self._member.id, self._clock.monotonic_ms(), self._broker.counts())
            self._member = None
        self.alive = False
