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
    """Crashes in a row while the records from `first` on were processed; `alone`: the last one held one record only."""

    topic: str
    partition: int
    first: int
    until: int
    count: int
    alone: bool = False


class Blamed(msgspec.Struct, frozen=True):
    """What a new process must do: take [first, until) one by one; with `kills`, set the record at `first` aside."""

    partition: TopicPartition
    first: int
    until: int
    kills: bool


class CrashFile:
    """Marks of one worker in its data folder; opened once a life, after the worker's name is known to be free."""

    #: Crashes at the same positions until records are taken one by one.
    CRASHES_MAX = 2

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._history_path = path.with_suffix(".history")
        self._history = {(crash.topic, crash.partition): crash for crash in _read(self._history_path, list[Crashes])}
        self._blamed: list[Blamed] = []
        flights = _read(path, list[InFlight])
        for flight in flights:
            self._count(flight, alone=len(flights) == 1 and flight.records == 1)
        if flights:
            self._save()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._marked = True
        self.clear()

    def blamed(self) -> list[Blamed]:
        """Return the partitions whose records must be taken one by one, from what former lives left behind."""
        return list(self._blamed)

    def mark(self, batches: Sequence[Batch]) -> None:
        """Note that these records are being processed."""
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
        """Clear the mark and close the file."""
        self.clear()
        os.close(self._fd)

    def _count(self, flight: InFlight, alone: bool) -> None:
        before = self._history.get((flight.topic, flight.partition))
        known = before is not None and before.count >= self.CRASHES_MAX and before.first <= flight.first < before.until
        kills = alone and known
        count = before.count + 1 if before is not None and (before.first == flight.first or known) else 1
        until = max(flight.until, before.until) if known and before is not None else flight.until
        if count >= self.CRASHES_MAX:
            partition = TopicPartition(flight.topic, flight.partition)
            self._blamed.append(Blamed(partition, flight.first, until, kills))
        crash = Crashes(flight.topic, flight.partition, flight.first, until, count, alone)
        self._history[flight.topic, flight.partition] = crash

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
