"""How much work is left: records that the workers' group has not worked off. 0 means that every lead has ended."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from console.reading import Reader
from schemas.topics import source_topics
from streams.stage import TopicPartition

COUNTED_MAX = 20_000
"""Offsets that are read to be counted exactly; of more than that, their number must do."""


class Waiting(NamedTuple):
    """Records that wait for the workers, by topic. Many are not counted `exact`: transactions' marks count too."""

    topics: Counter[str]
    exact: bool


def left(reader: Reader, group: str) -> int:
    """Return how many records the group has still to work off in all its source topics; 0: all work is done.

    Offsets are asked before ends. So when everything before an offset is done and nothing lies behind it, nothing was
    written in between either, and nothing is on its way. Marks of transactions take offsets too, so what looks open
    is read.
    """
    return sum(1 for _ in reader.read(_open(reader, group)))


def waiting(reader: Reader, group: str) -> Waiting:
    """Return how many records wait, by topic, without reading a long queue."""
    ranges = _open(reader, group)
    topics: Counter[str] = Counter()
    exact = sum(end - start for start, end in ranges.values()) <= COUNTED_MAX
    if exact:
        topics.update(message.topic for message in reader.read(ranges))
    else:
        for at, (start, end) in ranges.items():
            topics[at.topic] += end - start
    return Waiting(+topics, exact)


def _open(reader: Reader, group: str) -> dict[TopicPartition, tuple[int, int]]:
    """Return from where to where each source partition is still to be worked off."""
    partitions = reader.partitions(*(spec.name for spec in source_topics()))
    done = reader.committed(group, partitions)
    bounds = reader.bounds(partitions)
    return {at: (_from(done[at], bounds[at].start), bounds[at].end) for at in partitions}


def _from(done: int | None, start: int) -> int:
    return start if done is None else max(done, start)
