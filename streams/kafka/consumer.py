"""The group consumer: membership, assignment, resting partitions, and the records themselves.

Rebalance callbacks run inside `poll` alone, so no epoch is open while the assignment changes. A partition that is
given to us is handed to librdkafka only when `start` names its offset, and at that offset. Handing it over earlier,
at a logical offset and paused, is a trap: an answer to librdkafka's question for that offset which comes after our
seek sends the partition to the log's end, and everything in between would be skipped without a word.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as RawPartition

from config.kafka import KafkaSettings, consumer_options
from schemas.errors import EpochLost, LeadflowError, StateInDoubt
from streams.client import GroupMetadata, OffsetGone
from streams.kafka.errors import OFFSET_OUTSIDE, as_consumer_error, error_in, log, unavailable
from streams.kafka.permissions import GROUP, READ, TOPIC
from streams.kafka.records import Names, RecordReader
from streams.kafka.waking import wake
from streams.stage import Message, TopicPartition

COMMITTED_TIMEOUT_S = 1.0
LEAVE_S = 1.0
"""A farewell takes 50 ms; a cluster that is away is not waited for, the session's end does its work."""

LEAVE_POLL_S = 0.05

METADATA_MARK = b"CGMDv2:"

OnAssign = Callable[[list[TopicPartition]], None]
OnRevoke = Callable[[list[TopicPartition], bool], None]


def parse_metadata(raw: bytes) -> GroupMetadata:
    """Read librdkafka's serialized membership: mark, int32 generation, group NUL, member NUL, more.

    Raises StateInDoubt when the form is another one: committing blindly is what rule 1 of the engine forbids.
    """
    if not raw.startswith(METADATA_MARK):
        raise StateInDoubt("librdkafka's group metadata has another form than the one this version was proven with")
    (generation,) = struct.unpack_from("<i", raw, len(METADATA_MARK))
    _, member, _ = raw[len(METADATA_MARK) + 4 :].split(b"\0", 2)
    return GroupMetadata(generation, member.decode(), raw)


class KafkaConsumer:
    """One member of the group. Used from one thread; partitions carry names without prefix."""

    def __init__(self, settings: KafkaSettings, names: Names, records: RecordReader) -> None:
        self._names = names
        self._records = records
        self._group = settings.group_id
        self._handle: Any = Consumer({**consumer_options(settings), "error_cb": self._on_error}, logger=log)
        self._on_assign: OnAssign = lambda _: None
        self._on_revoke: OnRevoke = lambda _, __: None
        self._positions: dict[TopicPartition, int] = {}
        self._resting: set[TopicPartition] = set()
        self._to_hand_over: set[TopicPartition] = set()
        self._assignments = 0
        self._dead: LeadflowError | None = None
        self._raised: BaseException | None = None

    def subscribe(self, topics: Iterable[str], on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        """Join the group at the next polls."""
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._handle.subscribe(
            [self._names.full(topic) for topic in topics],
            on_assign=self._assigned,
            on_revoke=lambda handle, partitions: self._revoked(handle, partitions, lost=False),
            on_lost=lambda handle, partitions: self._revoked(handle, partitions, lost=True),
        )

    # --- positions -------------------------------------------------------------------------------------------

    def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch from these offsets on. A partition that is no longer ours is left alone: its revoke is known."""
        for partition, offset in offsets.items():
            if partition in self._positions:
                self._positions[partition] = offset
                self._to_hand_over.add(partition)

    def _hand_over(self) -> None:
        """Give librdkafka all started partitions anew, each at its position; what it had fetched is fetched again."""
        if not self._to_hand_over:
            return
        started = [partition for partition, at in self._positions.items() if at >= 0]
        resumed = self._to_hand_over & self._resting
        self._to_hand_over = set()
        self._handle.assign([self._at(partition, self._positions[partition]) for partition in started])
        if resumed:
            self._handle.resume(self._raw(resumed))
            self._resting -= resumed

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Rest. librdkafka drops what it has fetched of them and fetches it again at `resume`."""
        self._hand_over()
        mine = [p for p in partitions if self._positions.get(p, -1) >= 0 and p not in self._resting]
        if mine:
            self._handle.pause(self._raw(mine))
            self._resting.update(mine)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on; a partition that was never started stays at rest."""
        self._hand_over()
        mine = [p for p in partitions if p in self._resting]
        if not mine:
            return
        all_rested = not any(at >= 0 and p not in self._resting for p, at in self._positions.items())
        self._handle.resume(self._raw(mine))
        self._resting.difference_update(mine)
        if all_rested:
            wake(self._handle, self._raw(mine))

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Return to these offsets. Raises EpochLost when librdkafka has lost the partition without a callback yet."""
        self._hand_over()
        for partition, offset in offsets.items():
            if self._positions.get(partition, -1) < 0:
                continue
            try:
                self._handle.seek(self._at(partition, offset))
            except KafkaException as problem:
                raise EpochLost(f"seek: {problem.args[0].str()}") from None
            self._positions[partition] = offset

    def waiting(self, known: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return how far each position, or what is known beyond it, is behind the end that the last fetch told of."""
        return {partition: self._behind(partition, offset) for partition, offset in known.items()}

    def _behind(self, partition: TopicPartition, known: int) -> int:
        position = self._positions.get(partition, -1)
        if position < 0:
            return 0
        raw = RawPartition(self._names.full(partition.topic), partition.partition)
        try:
            _, end = self._handle.get_watermark_offsets(raw, cached=True)
        except KafkaException:
            return 0
        return int(max(0, end - max(position, known)))

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Return the stable committed offsets; librdkafka asks again while a transaction holds one open."""
        asked = list(partitions)
        topics = {self._names.full(partition.topic) for partition in asked}
        with unavailable("committed offsets", READ, {TOPIC: topics, GROUP: (self._group,)}):
            answers = self._handle.committed(self._raw(asked), timeout=COMMITTED_TIMEOUT_S)
            for answer in answers:
                if answer.error is not None:
                    raise KafkaException(answer.error)
        return {p: a.offset if a.offset >= 0 else None for p, a in zip(asked, answers, strict=True)}

    # --- records ---------------------------------------------------------------------------------------------

    def poll(self, max_records: int, timeout_s: float) -> list[Message]:
        """Return committed records of partitions that do not rest; see the seam."""
        self._hand_over()
        raws = self._consume(1, timeout_s)
        self._raise_what_happened(raws)
        if raws and len(raws) < max_records:
            raws = self._more(raws, max_records - len(raws))
        try:
            messages = self._records.read(raws)
        except KafkaException:
            messages = self._sort_out(raws)
        return self._advance(messages)

    def _more(self, raws: list[Any], wanted: int) -> list[Any]:
        """Add what is there without waiting. When the assignment changes meanwhile, all of it is fetched again."""
        before = self._assignments
        raws += self._consume(wanted, 0)
        if self._assignments != before:
            raws = []
        self._raise_what_happened(raws)
        return raws

    def _consume(self, count: int, timeout_s: float) -> list[Any]:
        try:
            found: list[Any] = self._handle.consume(count, timeout_s)
        except (KafkaException, SystemError) as problem:
            error = error_in(problem)
            known = as_consumer_error(error, group=self._group) if error is not None else None
            raise known or StateInDoubt(f"the consumer cannot go on: {problem!r}") from None
        return found

    def _raise_what_happened(self, raws: list[Any]) -> None:
        """Raise what a callback raised or an error_cb heard."""
        raised, self._raised = self._raised, None
        if raised or self._dead:
            self._fetch_again(raws)
            raise raised or self._dead  # type: ignore[misc]  # one of them is there: asked just above

    def _fetch_again(self, raws: list[Any]) -> None:
        """Throw away what librdkafka has given: its partitions are handed over anew, at our positions."""
        sources = {self._records.source(raw) for raw in raws if raw.topic() is not None}
        self._to_hand_over.update(source for source in sources if self._positions.get(source, -1) >= 0)

    def _sort_out(self, raws: list[Any]) -> list[Message]:
        """Some of these are errors: return the records, or raise the first error that means something to us."""
        for raw in raws:
            error: KafkaError | None = raw.error()
            if error is None:
                continue
            if problem := self._meaning(error, raw):
                self._fetch_again(raws)
                raise problem
            log.info("consumer: %s %s", error.name(), error.str())
        return self._records.read([raw for raw in raws if raw.error() is None])

    def _meaning(self, error: KafkaError, raw: Any) -> LeadflowError | None:
        if error.code() not in OFFSET_OUTSIDE:
            return as_consumer_error(error, raw.topic(), self._group)
        partition = self._records.source(raw)
        if (position := self._positions.get(partition, -1)) < 0:
            return None
        self._positions[partition] = -1
        return OffsetGone(partition, f"position {position} is outside its log")

    def _advance(self, messages: list[Message]) -> list[Message]:
        """Note positions. What lies before a position, or is not ours any more, was fetched under an older one."""
        fresh: list[Message] = []
        topic, number, place, at = "", -1, None, _NEVER
        for message in messages:  # records of one partition come in runs
            if message[1] != number or message[0] is not topic:
                if place is not None:
                    self._positions[place] = at
                topic, number = message[0], message[1]
                place, at = self._place_of(topic, number)
            if message[2] >= at:
                at = message[2] + 1
                fresh.append(message)
        if place is not None:
            self._positions[place] = at
        return fresh

    def _place_of(self, topic: str, number: int) -> tuple[TopicPartition | None, int]:
        """Return the partition and its position; (None, never) when its records are not wanted."""
        place = TopicPartition(topic, number)
        if place in self._resting:
            raise StateInDoubt(f"a record came from {topic}-{number}, which rests")
        at = self._positions.get(place, -1)
        return (place, at) if at >= 0 else (None, _NEVER)

    # --- membership ------------------------------------------------------------------------------------------

    def metadata(self) -> GroupMetadata:
        """Return membership as of the last poll."""
        return parse_metadata(self._handle.consumer_group_metadata())

    def _assigned(self, handle: Any, given: list[Any]) -> None:
        partitions = [self._records.partition(raw) for raw in given]
        handle.assign([])
        self._assignments += 1
        self._positions = dict.fromkeys(partitions, -1)
        self._resting, self._to_hand_over = set(), set()
        self._call(lambda: self._on_assign(partitions))

    def _revoked(self, handle: Any, taken: list[Any], *, lost: bool) -> None:
        partitions = [self._records.partition(raw) for raw in taken]
        self._assignments += 1
        if self._resting:
            handle.resume(self._raw(self._resting))  # else librdkafka would remember it should they come back
        for partition in partitions:
            self._positions.pop(partition, None)
            self._resting.discard(partition)
            self._to_hand_over.discard(partition)
        self._call(lambda: self._on_revoke(partitions, lost))
        handle.unassign()

    def _call(self, callback: Callable[[], None]) -> None:
        """Run the engine's callback; what it raises leaves by `poll`, not through librdkafka."""
        try:
            callback()
        except BaseException as problem:
            self._raised = problem

    def _on_error(self, error: KafkaError) -> None:
        self._dead = self._dead or as_consumer_error(error, group=self._group)
        log.info("consumer: %s %s", error.name(), error.str())

    def _at(self, partition: TopicPartition, offset: int) -> Any:
        return RawPartition(self._names.full(partition.topic), partition.partition, offset)

    def _raw(self, partitions: Iterable[TopicPartition]) -> list[Any]:
        return [RawPartition(self._names.full(topic), number) for topic, number in partitions]

    def close(self) -> None:
        """Leave, so that others have the partitions at once; waits at most LEAVE_S and raises nothing.

        A static member that just closes keeps its place, and its partitions rest until its session ends (KIP-345):
        right for a death, wrong for a farewell. One that unsubscribes first leaves like any other.
        """
        self._on_assign, self._on_revoke = lambda _: None, lambda _, __: None
        try:
            self._handle.unsubscribe()
            until_s = time.monotonic() + LEAVE_S
            while self._handle.memberid() and time.monotonic() < until_s:
                self._handle.consume(1, LEAVE_POLL_S)  # serves the revoke; the farewell goes out behind it
        except (KafkaException, SystemError, RuntimeError) as problem:
            log.info("leaving the group: %s", type(problem).__name__)
        self._handle.close()


_NEVER = 1 << 62
