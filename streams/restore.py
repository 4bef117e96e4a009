"""Restoring a partition's tables from its changelog, apart from the running epochs.

A job belongs to one assignment by its token: when the partition is revoked the token is cancelled, and whatever the
job still brings is thrown away. A state kept over a revoke is brought up to date by reading on from where it was
known to be complete, which costs next to nothing when nobody else has written.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from streams.client import Client
from streams.stage import TopicPartition
from streams.stores import Store


class Token:
    """One assignment of one partition number of a stage; identity is what counts."""

    __slots__ = ("_cancelled",)

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the assignment, from any thread."""
        self._cancelled.set()

    def cancelled(self) -> bool:
        """Return whether the assignment has ended."""
        return self._cancelled.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the assignment."""
        self._cancelled.wait(seconds)


@dataclass(eq=False)
class RestoreJob:
    """Read `changelog` over [start, end) into `store`; the job alone touches the store until it is finished."""

    changelog: TopicPartition
    start: int
    end: int
    store: Store
    token: Token
    done: bool = False
    error: Exception | None = None
    #: Changelog offset up to which has been read; for progress.
    read_to: int = 0

    def steps(self, client: Client) -> Iterator[bool]:
        """Do the work chunk by chunk; yields whether it got any further."""
        load = self.store.load
        if self.start < self.end:
            before = self.start
            for position, entries in client.read_entries(self.changelog, self.start, self.end, self.token.cancelled):
                load(entries)
                self.read_to = min(position, self.end)
                yield position > before
                before = position
        if not self.token.cancelled():
            self.done = True


class Restorer(Protocol):
    """Runs restore jobs beside the engine."""

    def start(self, job: RestoreJob) -> None:
        """Take on a job; returns at once."""
        ...

    def finished(self) -> list[RestoreJob]:
        """Return jobs that have ended since the last call: done, failed or cancelled. Never waits."""
        ...

    def close(self) -> None:
        """Take on no more jobs; running ones end when their tokens are cancelled."""
        ...


class ThreadRestorer:
    """Jobs in daemon threads of their own, so that epochs of other partitions go on.

    More threads than cores: a job mostly waits, for the broker or behind a dead worker's transaction.
    """

    #: A chunk without records must not spin; the client waits itself, this is for clients that do not.
    _IDLE_S = 0.005

    def __init__(self, client: Client, threads: int = 4) -> None:
        self._client = client
        self._jobs: queue.SimpleQueue[RestoreJob | None] = queue.SimpleQueue()
        self._ended: deque[RestoreJob] = deque()
        self._threads = [threading.Thread(target=self._work, name=f"restore-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def start(self, job: RestoreJob) -> None:
        """Queue the job for the next free thread."""
        self._jobs.put(job)

    def finished(self) -> list[RestoreJob]:
        """Return jobs that have ended since the last call."""
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        return ended

    def close(self) -> None:
        """Let each thread end after its job."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                for found in job.steps(self._client):
                    if not found:
                        job.token.pause(self._IDLE_S)
            except Exception as error:
                job.error = error
            self._ended.append(job)


class StepRestorer:
    """Jobs in the caller's thread, one chunk of each at every `finished()`: deterministic, for simulation."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._running: list[tuple[RestoreJob, Iterator[bool]]] = []

    def start(self, job: RestoreJob) -> None:
        """Remember the job; nothing is read yet."""
        self._running.append((job, job.steps(self._client)))

    def finished(self) -> list[RestoreJob]:
        """Advance every job by one chunk and return those that have ended."""
        ended: list[tuple[RestoreJob, Iterator[bool]]] = []
        going: list[tuple[RestoreJob, Iterator[bool]]] = []
        for job, steps in self._running:
            try:
                more = next(steps, None) is not None
            except Exception as error:
                job.error, more = error, False
            (going if more else ended).append((job, steps))
        self._running = going
        return [job for job, _ in ended]

    def close(self) -> None:
        """Forget all jobs."""
        self._running.clear()
