"""Whole worker processes under Faust's own command line: exactly once through kill -9, exit codes, clean stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.cluster.kafka import KafkaServer
from schemas.errors import Unavailable
from streams.kafka.admin import KafkaAdmin
from streams.kafka.records import Names
from streams.stage import TopicPartition
from tests.integration.streams.conftest import Cluster

ROOT = Path(__file__).parents[3]
WAIT_S = 60.0
KEYS = 7
PARTITIONS = 2


@dataclass
class Workers:
    """Processes of this test, each with its log beside the others; all are gone after it."""

    cluster: Cluster
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    admin: KafkaAdmin | None = None

    def start(self, name: str = "w1", **environ: str) -> subprocess.Popen[bytes]:
        """Start a worker with Faust's command line."""
        variables = {
            "WORKER_KAFKA": self.cluster.bootstrap,
            "WORKER_PREFIX": self.cluster.prefix,
            "WORKER_NAME": name,
            "WORKER_DATA": str(self.folder),
            **environ,
        }
        command = [
            sys.executable,
            "-m",
            "faust",
            "-A",
            "tests.integration.streams.worker_process",
            "worker",
            "-l",
            "info",
        ]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **variables}, stdout=log, stderr=subprocess.STDOUT
            )
        self.running.append(process)
        return process

    def send(self, start: int, stop: int) -> None:
        """Write records `start` to `stop` of KEYS keys, each key in one partition."""
        for partition in range(PARTITIONS):
            self.cluster.send_keyed(
                "in",
                [(f"k{n % KEYS}".encode(), b"%d" % n) for n in range(start, stop) if n % KEYS % 2 == partition],
                partition,
            )

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition; its failure shows the workers' last words."""
        end = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < end, self.last_words()
            time.sleep(0.1)

    def written(self) -> int:
        """Return how many offsets of `out` are taken, markers included; -1 while a busy broker does not answer."""
        if self.admin is None:
            self.admin = KafkaAdmin(self.cluster.settings(), Names(self.cluster.prefix))
        try:
            bounds = self.admin.log_bounds([TopicPartition("out", number) for number in range(PARTITIONS)])
        except Unavailable:
            return -1
        return sum(end for _, end in bounds.values())

    def last_words(self) -> str:
        """Return the end of every log."""
        return "\n".join(file.read_text(errors="replace")[-1500:] for file in self.folder.glob("*.log"))

    def seen(self) -> list[str]:
        """Return what a read-committed stranger finds, sorted."""
        return sorted(value.decode() for value in self.cluster.seen("out"))


def expected(count: int) -> list[str]:
    """Return what `count` records must lead to: each key counted from 1 without a gap."""
    counts = Counter(n % KEYS for n in range(count))
    return sorted(f"k{key}={n}" for key, total in counts.items() for n in range(1, total + 1))


@pytest.fixture
def workers(cluster: Cluster, tmp_path: Path) -> Iterator[Workers]:
    """Topics of the counting stage on the session's broker."""
    cluster.make_topics({"internal.routing.changelog": PARTITIONS, "in.dead": 1})
    found = Workers(cluster, tmp_path)
    yield found
    for process in found.running:
        process.kill()
        process.wait(10)


def test_sigterm_ends_with_0_and_the_work_goes_on_in_the_next_process(workers: Workers) -> None:
    workers.send(0, 700)
    first = workers.start()
    workers.until(lambda: len(workers.seen()) == 700)
    first.terminate()
    assert first.wait(15) == 0, workers.last_words()
    workers.send(700, 1400)
    second = workers.start()
    workers.until(lambda: len(workers.seen()) >= 1400)
    second.terminate()
    assert second.wait(15) == 0
    assert workers.seen() == expected(1400)


@pytest.mark.parametrize(("error", "code"), [("StateInDoubt", 70), ("Fenced", 75), ("NeedsPerson", 78)])
def test_the_exit_code_says_what_must_happen(workers: Workers, error: str, code: int) -> None:
    workers.send(0, 10)
    process = workers.start(WORKER_END=error)
    assert process.wait(WAIT_S) == code, workers.last_words()
    assert workers.seen() == []


def test_a_twin_under_the_same_name_sends_the_first_one_away_with_75(workers: Workers) -> None:
    """Restarted at once, the two would fence each other for ever; 75 says: wait, and name it."""
    workers.send(0, 70)
    first = workers.start()
    workers.until(lambda: len(workers.seen()) >= 70)
    workers.start()
    assert first.wait(WAIT_S) == 75, workers.last_words()
    workers.send(70, 140)
    workers.until(lambda: len(workers.seen()) >= 140)
    assert workers.seen() == expected(140)


def test_kill_9_in_the_middle_loses_and_doubles_nothing(workers: Workers) -> None:
    """Killed three times while records flow, at whatever step it happens to be; static membership brings it back."""
    process = workers.start(WORKER_SLOW_S="0.05")
    for turn in range(3):
        workers.send(turn * 3000, (turn + 1) * 3000)
        begun = workers.written() + 200
        workers.until(lambda at=begun: workers.written() >= at)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert len(workers.seen()) < (turn + 1) * 3000, "killed too late to prove anything"
        process = workers.start(WORKER_SLOW_S="0.05")
    workers.until(lambda: len(workers.seen()) >= 9000)
    assert workers.seen() == expected(9000)


def test_a_frozen_worker_that_wakes_after_its_take_over_writes_nothing_more(workers: Workers) -> None:
    """SIGSTOP: the session ends, another worker takes over; SIGCONT: the zombie's epoch is refused."""
    workers.send(0, 700)
    first = workers.start("w1", WORKER_SLOW_S="0.01")
    workers.until(lambda: len(workers.seen()) >= 100)
    first.send_signal(signal.SIGSTOP)
    workers.start("w2")
    workers.until(lambda: len(workers.seen()) >= 700)
    first.send_signal(signal.SIGCONT)
    workers.send(700, 1400)
    workers.until(lambda: len(workers.seen()) >= 1400)
    assert workers.seen() == expected(1400)


def test_a_broker_that_dies_is_waited_out(own_kafka: KafkaServer, prefix: str, tmp_path: Path) -> None:
    cluster = Cluster(own_kafka.start(), prefix)
    cluster.make_topics({"in": PARTITIONS, "out": PARTITIONS, "internal.routing.changelog": PARTITIONS, "in.dead": 1})
    workers = Workers(cluster, tmp_path)
    workers.send(0, 700)
    process = workers.start()
    try:
        workers.until(lambda: len(workers.seen()) >= 700)
        own_kafka.kill()
        time.sleep(2)
        own_kafka.start()
        workers.send(700, 1400)
        if process.poll() is not None:  # an epoch was open: its outcome was unknown, and a supervisor starts it again
            assert process.returncode == 70, workers.last_words()
            process = workers.start()
        workers.until(lambda: len(workers.seen()) >= 1400)
        assert workers.seen() == expected(1400)
    finally:
        process.kill()
        process.wait(10)
