"""Finding the one record that fails: bisecting by epochs of fewer records, in process.

A failing batch makes its partition a suspect: its next epochs hold that partition alone and half as many records,
until one record fails in an epoch of its own. That record is condemned; the partition's other records go on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.errors import Poison
from streams.client import Place
from streams.crash_file import Crashes
from streams.stage import Batch, TopicPartition

log = logging.getLogger(__name__)


class KillsProcess(Poison):
    """The process died or hung on this record alone, as the crash file says."""

    reason = "KILLS_PROCESS"


@dataclass(frozen=True)
class Suspect:
    """A partition of which some record below `until` fails; epochs take at most `limit` of its records.

    `crashed`: it is the crash file that says so, and all of them are taken one by one.
    """

    limit: int
    until: int
    crashed: bool = False


class Suspects:
    """What is known of failing records; empty as long as all is well."""

    def __init__(self) -> None:
        self._suspects: dict[Place, Suspect] = {}
        self._condemned: dict[TopicPartition, tuple[int, Exception]] = {}

    def __bool__(self) -> bool:
        return bool(self._suspects or self._condemned)

    def partitions(self) -> list[TopicPartition]:
        """Return suspect partitions; each must be taken in epochs of its own."""
        return [TopicPartition(*place) for place in self._suspects]

    def limit(self, partition: Place) -> int | None:
        """Return how many records of a suspect partition an epoch may take; None: it is no suspect."""
        suspect = self._suspects.get(partition)
        return None if suspect is None else suspect.limit

    def condemned(self, partition: TopicPartition, offset: int) -> Exception | None:
        """Return the error with which the record at this offset failed alone, or None."""
        found = self._condemned.get(partition)
        return found[1] if found is not None and found[0] == offset else None

    def suspect(self, partition: TopicPartition, limit: int, until: int, crashed: bool = False) -> None:
        """Take at most `limit` records an epoch below `until`."""
        known = self._suspects.get(partition)
        if known is not None:
            until, crashed = max(until, known.until), crashed or known.crashed
        self._suspects[partition] = Suspect(1 if crashed else max(1, limit), until, crashed)

    def condemn(self, partition: TopicPartition, offset: int, error: Exception) -> None:
        """The record at this offset is to be set aside."""
        self._condemned[partition] = (offset, error)
        self.suspect(partition, 1, offset + 1)

    def after_crash(self, crash: Crashes, at: int | None) -> None:
        """Take records one by one over which former lives of this process died; set one aside that kills alone.

        `at` is the next offset of the crash's partition; None: not ours.
        """
        if at is None or at >= crash.until:
            return
        partition = TopicPartition(crash.topic, crash.partition)
        log.warning("%s-%d: taken one by one, the process died over it %d times", *partition, crash.count)
        self.suspect(partition, 1, crash.until, crashed=True)
        if crash.kills and at == crash.first:
            self.condemn(partition, at, KillsProcess("the process died or hung each time this record was processed"))

    def blame(self, batches: Sequence[Batch], error: Exception, alone: bool) -> None:
        """Draw the consequence of an epoch that failed over these batches; `alone`: it held nothing else."""
        for batch in batches:
            partition = TopicPartition(batch.topic, batch.partition)
            count = len(batch.messages)
            if count == 1 and alone:
                self.condemn(partition, batch.messages[0].offset, error)
            else:
                exact = len(batches) == 1
                self.suspect(partition, count // 2 if exact else count, batch.messages[-1].offset + 1)

    def committed(self, partition: TopicPartition, offset: int) -> None:
        """Forget a suspect whose failing range, or whose condemned record, is behind it."""
        suspect = self._suspects.get(partition)
        if suspect is None:
            return
        condemned = self._condemned.get(partition)
        found = condemned is not None and condemned[0] < offset
        if found:
            del self._condemned[partition]
        if offset >= suspect.until or (found and not suspect.crashed):
            del self._suspects[partition]

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget partitions that are no longer ours."""
        for partition in partitions:
            self._suspects.pop(partition, None)
            self._condemned.pop(partition, None)
