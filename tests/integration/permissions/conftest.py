"""One guarded Kafka for all cases, and a leadflow at it: topics and plan made by its operator, nobody at work yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from config.kafka import KafkaSettings
from console.cli import cli
from console.cluster.worker_process import WorkerProcess
from console.demo import leads
from console.demo.cast import CAMPAIGN, SUPPLIER
from console.permissions import ROLES, Permission, Place
from console.reading import Address, Reader
from console.work_left import left
from streams.kafka.client import KafkaClient
from tests.integration.permissions.guarded_kafka import GuardedKafka
from tests.support.one_worker import OneWorker

LIMIT_S = 60.0
MADE = 300
PREFIX = "acme."
BUYER, OTHER = "sunco", "homebase"
OPERATOR, WORKER, IMPORT, SUPPLIERS, DATA = "operator", "worker", "import", "supplier", "data"


class Leadflow(OneWorker):
    """Who does what: every command and process comes as a user of its own."""

    def __init__(self, kafka: GuardedKafka, redis: str, folder: Path) -> None:
        super().__init__(kafka.door, redis, PREFIX, folder)
        self.server = kafka
        self.process = self.worker("w1", WORKER)
        self._made = leads.make(MADE, seed=3)
        (folder / "data").mkdir()

    def as_user(self, user: str) -> dict[str, str]:
        """Return the environment of a user."""
        file = self.folder / f"{user}.security"
        file.write_text("".join(f"{name} = {value}\n" for name, value in self.server.options(user).items()))
        return self.environ | {"LEADFLOW_KAFKA_SECURITY_FILE": str(file)}

    def worker(self, name: str, user: str) -> WorkerProcess:
        """Return a worker that was not started yet."""
        return WorkerProcess(name, self.folder / name, lambda: self.as_user(user))

    def run(self, user: str, *arguments: str) -> Result:
        """Run a command as a user."""
        return CliRunner().invoke(cli, list(arguments), env=self.as_user(user))

    def did(self, user: str, *arguments: str) -> str:
        """Run a command that must work; what it said, in one line."""
        done = self.run(user, *arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        return " ".join(done.output.split())

    def refusal(self, user: str, *arguments: str) -> str:
        """Run a command that must be refused; what it said."""
        done = self.run(user, *arguments)
        assert done.exit_code != 0, (arguments, done.output)
        return f"{done.output} {done.exception}"

    def send(self, count: int) -> None:
        """Import so many new leads as who may do only that."""
        file = self.folder / f"leads-{len(self._made)}.csv"
        now, self._made = self._made[:count], self._made[count:]
        leads.write(now, file)
        said = self.did(IMPORT, "import", str(file), "--campaign", CAMPAIGN, "--supplier", SUPPLIER, "--yes")
        assert f"{count} leads received by leadflow" in said

    def sell_new(self, count: int) -> None:
        """Import leads, and wait until each has come to its end."""
        before = self.ended()
        self.send(count)
        self.until(lambda: self.ended() - before >= count, "the leads to end")

    def start(self) -> None:
        """Start the worker and wait until it is ready."""
        self.process.launch()
        self.until(lambda: self.process.readiness().ready, "the worker to be ready")

    def audited(self) -> int:
        """Wait until nothing waits; how many leads the operator's audit, which must find nothing wrong, has seen."""
        self.until(lambda: left(self.super_way(), f"{PREFIX}leadflow") == 0, "all leads to end")
        return int(self.did(OPERATOR, "audit").rpartition(" leads received")[0].split()[-1])

    def super_way(self) -> Reader:
        """Return a reader that may read everything."""
        return Reader(Address(self.server.bootstrap, PREFIX))

    def written_to(self, topic: str) -> int:
        """Return how many offsets of a topic are taken."""
        reader = self.super_way()
        return sum(reader.ends(reader.partitions(topic)).values())

    def newest(self, topic: str) -> bytes:
        """Return the value of the newest record of a topic."""
        (message,) = self.super_way().last(topic, 1)
        return message.value or b""

    def client(self, user: str) -> KafkaClient:
        """Return the client of a worker that is called w9; it has taken its name."""
        security = self.server.options(user)
        return KafkaClient(KafkaSettings(self.kafka, prefix=PREFIX, name="w9", security=security))

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a condition, as long as the worker lives."""
        end = time.monotonic() + LIMIT_S
        while not holds():
            assert self.process.exit_code() is None, self.process.log_tail()
            assert time.monotonic() < end, f"waited for {what}\n{self.process.log_tail()}"
            time.sleep(0.1)


def needed(role: str, *, buyer: str = "", optional: bool = False) -> list[Permission]:
    """Return a role's permissions, as `leadflow acls` prints them."""
    found = ROLES[role](Place(PREFIX, "leadflow", buyer))
    return [replace(each) for each in found if optional or not each.optional]


def ended_with(process: WorkerProcess, limit_s: float = LIMIT_S) -> int:
    """Wait until a process has ended; its exit code."""
    end = time.monotonic() + limit_s
    while (code := process.exit_code()) is None:
        assert time.monotonic() < end, f"{process.name} does not end\n{process.log_tail()}"
        time.sleep(0.1)
    return code


def last_words(process: WorkerProcess) -> str:
    """Return the last line of a worker's log."""
    return process.log_tail().rstrip().splitlines()[-1]
