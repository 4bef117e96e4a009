"""Finds partitions whose state and committed offset disagree, and settles one on a person's word.

A stage's state and its outputs are written in one transaction with the position it has come to, so the position is
the truth about what was done. Settling therefore commits the position as the group's offset. Where no position and
no offset exist and the log no longer starts at 0, the log's start is the only place left to begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka import TopicPartition as RawPartition

from console.producing import DELIVERY_TIMEOUT_MS, NotTaken, why
from console.reach import Reach
from console.reading import Bounds
from schemas.records import Position
from schemas.topics import OFFERS, REROUTES, SCORED, SOLD, UNFILLED, changelog_topic, source_topics
from streams.kafka.permissions import GROUP, TRANSACTIONAL_ID
from streams.positions import position_key
from streams.stage import TopicPartition

#: Stages that remember something, with the topics they read: what positions are written for.
STAGES: Final = {"routing": (SCORED, REROUTES), "delivery": (OFFERS,), "settlement": (SOLD, UNFILLED)}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A partition that a worker will not go on with. `settled` is the offset to begin at; -1: nobody can say."""

    partition: TopicPartition
    stage: str
    committed: int | None
    position: int | None
    bounds: Bounds
    why: str
    settled: int

    @property
    def repeats_or_skips(self) -> str:
        """Say what settling does to records, in words."""
        if self.settled < 0:
            return "nothing can be done here without losing or repeating records: ask whoever runs Kafka"
        if self.position is not None:
            return f"goes on at {self.settled}, where its state has come to: nothing is repeated, nothing left out"
        return f"begins at {self.settled}, the first record that is still there"


def disagreements(way: Reach) -> list[Disagreement]:
    """Return every source partition whose offset, log and state do not fit together, in the order of the stages."""
    counts = way.reader.topics()
    partitions = [
        TopicPartition(spec.name, number) for spec in source_topics() for number in range(counts.get(spec.name, 0))
    ]
    positions = dict(_positions(way))
    committed, bounds = way.reader.committed(way.group, partitions), way.reader.bounds(partitions)
    found = [judge(at, _stage_of(at.topic), committed[at], positions.get(at), bounds[at]) for at in partitions]
    return [each for each in found if each is not None]


def judge(
    at: TopicPartition, stage: str, committed: int | None, position: int | None, bounds: Bounds
) -> Disagreement | None:
    """Return what is wrong with one partition, None when all is well.

    Args:
        at: the source partition.
        stage: the stage with tables that reads it, "" for a stage that remembers nothing.
        committed: the group's offset, None when it has none.
        position: how far the stage's state has come, None when nothing was written.
        bounds: the log; its end may be beyond what is committed.
    """
    if stage and committed is not None and (position or 0) != committed:
        why = f"its state is at {position or 0}, its committed offset at {committed}"
    elif committed is None and (bounds.start > 0 or position):
        why = "it has no committed offset" + (f", and its log starts at {bounds.start}" if bounds.start else "")
    elif committed is not None and not bounds.start <= committed <= bounds.end:
        why = f"its committed offset {committed} is outside its log [{bounds.start}, {bounds.end}]"
    else:
        return None
    return Disagreement(at, stage, committed, position, bounds, why, _settled(stage, position, committed, bounds))


def _settled(stage: str, position: int | None, committed: int | None, bounds: Bounds) -> int:
    if position is not None:
        return position if bounds.start <= position <= bounds.end else -1
    if stage and committed:
        return -1  # work was done and what it remembered is gone: beginning anywhere could sell twice
    return bounds.start


def _positions(way: Reach) -> Iterator[tuple[TopicPartition, int]]:
    """Yield the newest position of each source partition of the stages that remember something."""
    keys = {(stage, position_key(topic)): topic for stage, topics in STAGES.items() for topic in topics}
    changelogs = {changelog_topic(stage): stage for stage in STAGES}
    for message in way.reader.scan(*changelogs):
        topic = keys.get((changelogs[message.topic], message.key or b""))
        if topic is not None and message.value:
            record = way.codec.decode_as(message.value, Position)
            yield TopicPartition(topic, message.partition), record.to_offset


def _stage_of(topic: str) -> str:
    return next((stage for stage, topics in STAGES.items() if topic in topics), "")


def settle(way: Reach, found: Sequence[Disagreement]) -> None:
    """Commit the settled offsets, all or none; the group may have members, who stand still at these partitions.

    A transaction is the one way to set offsets of a group that is in use. Whoever owns the partitions looks every two
    seconds whether they were settled.

    Raises:
        NotTaken: Kafka refused; nothing changed.
    """
    prefix = way.settings.prefix
    offsets = [RawPartition(prefix + f.partition.topic, f.partition.partition, f.settled) for f in found]
    timeout_s = DELIVERY_TIMEOUT_MS / 1000
    outsider = Consumer(way.address.client(**{"group.id": way.group, "enable.auto.commit": False}))
    name = f"{prefix}leadflow-console-repair"
    names = {TRANSACTIONAL_ID: name, GROUP: way.group}
    producer = Producer(way.address.client(**{"transactional.id": name}))
    try:
        producer.init_transactions(timeout_s)
        producer.begin_transaction()
        producer.send_offsets_to_transaction(offsets, outsider.consumer_group_metadata(), timeout_s)
        producer.commit_transaction(timeout_s)
    except KafkaException as error:
        raise NotTaken(f"the offsets were not taken, nothing changed: {why(error.args[0], names)}") from None
    finally:
        outsider.close()
