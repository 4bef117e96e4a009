"""Restoring beside the running epochs: in threads, cancelled by token, failing loudly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.records import Credit
from streams.client import Entries
from streams.positions import table_key
from streams.restore import RestoreJob, Restorer, StepRestorer, ThreadRestorer, Token
from streams.stage import TopicPartition
from streams.stores import Store

CODEC = Codec()
CHANGELOG = TopicPartition("internal.routing.changelog", 0)


class Log:
    """A client that can only read: chunks of one log; what asks for more waits at the gate."""

    def __init__(self, entries: int, gate: threading.Event | None = None, error: Exception | None = None) -> None:
        self.entries = entries
        self.gate = gate
        self.error = error

    def read_entries(
        self, partition: TopicPartition, start: int, end: int, cancelled: Callable[[], bool]
    ) -> Iterable[tuple[int, Entries]]:
        value, position = CODEC.encode(Credit(1)), start
        for first in range(start, min(end, self.entries), 1000):
            keys = range(first, min(end, self.entries, first + 1000))
            position = keys.stop
            yield position, [(table_key("counts", f"k{n}"), value) for n in keys]
        if self.error is not None:
            raise self.error
        while self.gate is not None and end > self.entries and not self.gate.is_set():
            if cancelled():
                return
            yield position, []


def job(end: int, start: int = 0) -> RestoreJob:
    return RestoreJob(CHANGELOG, start, end, Store({"counts": Credit}, CODEC.decode), Token(), read_to=start)


def ended(restorer: Restorer, timeout_s: float = 10) -> RestoreJob:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := restorer.finished():
            return found[0]
        threading.Event().wait(0.002)
    raise AssertionError("the job did not end")


def client(log: Log) -> Any:
    return log


def test_a_job_fills_its_store_in_a_thread_of_its_own() -> None:
    restorer = ThreadRestorer(client(Log(2500)))
    restorer.start(job(2500))
    done = ended(restorer)
    assert done.done
    assert done.error is None
    assert done.store.entries() == 2500
    assert done.read_to == 2500
    restorer.close()


def test_a_job_reads_on_from_its_start() -> None:
    restorer = StepRestorer(client(Log(2500)))
    restorer.start(job(2500, start=2400))
    done = ended(restorer)
    assert done.store.entries() == 100


def test_an_empty_range_is_done_at_once() -> None:
    restorer = StepRestorer(client(Log(0)))
    restorer.start(job(0))
    assert ended(restorer).done


def test_a_cancelled_job_ends_undone() -> None:
    gate = threading.Event()
    restorer = ThreadRestorer(client(Log(10, gate)))
    waiting = job(11)
    restorer.start(waiting)
    assert restorer.finished() == []
    waiting.token.cancel()
    assert not ended(restorer).done
    restorer.close()


def test_a_job_that_waits_does_not_hold_up_another() -> None:
    gate = threading.Event()
    restorer = ThreadRestorer(client(Log(10, gate)), threads=2)
    waiting = job(11)
    restorer.start(waiting)
    restorer.start(job(10))
    assert ended(restorer) is not waiting
    gate.set()
    assert ended(restorer) is waiting
    restorer.close()


def test_an_error_comes_back_with_the_job() -> None:
    restorer = ThreadRestorer(client(Log(10, error=Unavailable("away"))))
    restorer.start(job(11))
    failed = ended(restorer)
    assert isinstance(failed.error, Unavailable)
    assert not failed.done
    restorer.close()


def test_steps_are_one_chunk_at_a_time() -> None:
    restorer = StepRestorer(client(Log(2500)))
    own = job(2500)
    restorer.start(own)
    sizes = []
    while not restorer.finished():
        sizes.append(own.store.entries())
    assert sizes == [1000, 2000, 2500]
