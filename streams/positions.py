r"""Positions: how far state has come, written beside it, and where a partition may start.

A changelog record's key is the table's name, a zero byte and the key; a position's table name is empty:
`\x00position/<source topic>`. Every epoch writes the position (from, to) of each source partition whose offset it
commits, whether a table changed or not; a partition whose offset an epoch leaves alone needs none, for the last one
written still equals its committed offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.errors import PartitionStop
from streams.stage import TopicPartition

SEPARATOR = b"\x00"
POSITION_TABLE = b"position/"


def changelog_topic(stage: str) -> str:
    """Return the topic that all tables of a stage are written to, with as many partitions as its sources."""
    return f"internal.{stage}.changelog"


def table_key(table: str, key: str) -> bytes:
    """Return the changelog key of a table's entry."""
    return b"%b\x00%b" % (table.encode(), key.encode())


def position_key(topic: str) -> bytes:
    """Return the changelog key of the position in a source topic."""
    return SEPARATOR + POSITION_TABLE + topic.encode()


def start_offset(
    partition: TopicPartition, committed: int | None, bounds: tuple[int, int], position: int | None
) -> int:
    """Return where a partition starts: at its committed offset, if state and log agree with it.

    Args:
        partition: for the message.
        committed: the group's stable committed offset, None if there is none.
        bounds: (start, end) of the partition's log.
        position: the offset that the restored state has come to; None if the stage remembers nothing of it.

    Raises:
        PartitionStop: they disagree. Nothing is ever skipped or processed again on a guess.

    Source: design section 4, `auto.offset.reset=error` and "state knows its position".
    """
    name = f"{partition.topic}-{partition.partition}"
    start, end = bounds
    if committed is None:
        if start == 0 and position in (None, 0):
            return 0
        raise PartitionStop(
            f"{name}: no committed offset, but its log starts at {start} and its state is at "
            f"{'no offset' if position is None else position}; run `leadflow repair`"
        )
    if not start <= committed <= end:
        raise PartitionStop(
            f"{name}: committed offset {committed} is outside its log [{start}, {end}]; run `leadflow repair`"
        )
    return committed


def check_state(
    sources: Iterable[TopicPartition], committed: Mapping[TopicPartition, int], positions: Mapping[str, int]
) -> None:
    """Check that restored state has come exactly as far as the committed offsets say.

    Without a position the state must be that of a partition never processed: committed offset 0.

    Raises:
        PartitionStop: it has not (offsets reset by hand or expired, a changelog lost, a late request moved them).
    """
    for source in sources:
        position = positions.get(source.topic, 0)
        if position != committed[source]:
            raise PartitionStop(
                f"{source.topic}-{source.partition}: its state is at {position}, its committed offset at "
                f"{committed[source]}; run `leadflow repair`"
            )
