"""How much work is left: records that the workers' group has not worked off. 0 means that every lead has ended."""

from __future__ import annotations

from console.reading import Reader
from schemas.topics import source_topics


def left(reader: Reader, group: str) -> int:
    """Return how many records the group has still to work off in all its source topics; 0: all work is done.

    Offsets are asked before ends. So when everything before an offset is done and nothing lies behind it, nothing was
    written in between either, and nothing is on its way. Marks of transactions take offsets too, so what looks open
    is read.
    """
    partitions = reader.partitions(*(spec.name for spec in source_topics()))
    done = reader.committed(group, partitions)
    bounds = reader.bounds(partitions)
    ranges = {at: (_from(done[at], bounds[at].start), bounds[at].end) for at in partitions}
    return sum(1 for _ in reader.read(ranges))


def _from(done: int | None, start: int) -> int:
    return start if done is None else max(done, start)
