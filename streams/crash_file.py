"""The worker's crash file: which records were being processed when a process died or hung, and how often.

The marks are written without fsync: they are to survive the process, not the machine. They cover the running of
stages only, never the transaction, so that a broker that makes workers exit is not blamed on a record.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from streams.stage import Batch, TopicPartition

T = TypeVar("T")
_IDLE = b"[]\n"
#: Partitions remembered; a worker owns far fewer.
_HISTORY_MAX = 1000


class InFlight(msgspec.Struct, frozen=True, array_like=True):
    """Records of one partition that an epoch was processing."""

    topic: str
    partition: int
    first: int
    until: int
    records: int


class Crashes(msgspec.Struct, frozen=True, array_like=True):
    """Crashes in a row while the records from `first` on were processed.

    From the second one on [first, until) is taken one by one; `kills`: the record at `first` then died alone.
    """

    topic: str
    partition: int
    first: int
    until: int
    count: int
    kills: bool = False


class CrashFile:
    """Marks of one worker in its data folder; opened once a life, after the worker's name is known to be free."""

    #: Crashes at the same positions until records are taken one by one.
    CRASHES_MAX = 2

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._history_path = path.with_suffix(".history")
        self._history = {(crash.topic, crash.partition): crash for crash in _read(self._history_path, list[Crashes])}
        flights = _read(path, list[InFlight])
        for flight in flights:
            self._count(flight, alone=len(flights) == 1 and flight.records == 1)
        if flights:
            self._save()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._marked = True
        self.clear()

    def blamed(self) -> list[Crashes]:
        """Return what must be taken one by one, or be set aside, by what former lives left behind."""
        return [crash for crash in self._history.values() if crash.count >= self.CRASHES_MAX]

    def mark(self, batches: Sequence[Batch]) -> None:
        """Note that these records are being prepared and processed; none: nothing any more."""
        if not batches:
            self.clear()
            return
        flights = [
            (b.topic, b.partition, b.messages[0].offset, b.messages[-1].offset + 1, len(b.messages)) for b in batches
        ]
        os.pwrite(self._fd, msgspec.json.encode(flights) + b"\n", 0)
        self._marked = True

    def clear(self) -> None:
        """Note that nothing is being processed."""
        if self._marked:
            os.pwrite(self._fd, _IDLE, 0)
            self._marked = False

    def committed(self, partition: TopicPartition, offset: int) -> None:
        """Forget crashes that lie behind a committed offset."""
        crash = self._history.get(partition)
        if crash is not None and offset >= crash.until:
            del self._history[partition]
            self._save()

    def close(self) -> None:
        """Clear the mark and close the file; again does nothing."""
        if self._fd >= 0:
            self.clear()
            os.close(self._fd)
            self._fd = -1

    def _count(self, flight: InFlight, alone: bool) -> None:
        """Add a crash to the history of its partition; another place than before starts a new count."""
        key = (flight.topic, flight.partition)
        before = self._history.get(key)
        one_by_one = before is not None and before.count >= self.CRASHES_MAX and flight.first < before.until
        if before is not None and (one_by_one or flight.first == before.first):
            until = max(flight.until, before.until)
            self._history[key] = Crashes(*key, flight.first, until, before.count + 1, alone and one_by_one)
        else:
            self._history[key] = Crashes(*key, flight.first, flight.until, 1)

    def _save(self) -> None:
        newest = list(self._history.values())[-_HISTORY_MAX:]
        other = self._history_path.with_suffix(".new")
        other.write_bytes(msgspec.json.encode(newest) + b"\n")
        other.replace(self._history_path)


def _read(path: Path, kind: type[list[T]]) -> list[T]:
    """Return the list in the file's first line; an absent or unreadable file is an empty one."""
    try:
        return msgspec.json.decode(path.read_bytes().split(b"\n", 1)[0], type=kind)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return []
