"""The one-machine cluster as a whole: one data folder, its parts in order, its state file, its disk.

Used by `leadflow up`, and by everything else that needs a whole cluster for a while:

    with Cluster(folder, settings, environ, say=click.echo) as cluster:
        cluster.start_parts()                 # Kafka and Valkey, or those given from outside
        ...                                   # topics, plan
        cluster.start_workers(2)
        cluster.wait_ready()
        cluster.run(until=event.is_set)       # restarts what ends, watches the disk

Leaving the block stops workers, then Valkey, then Kafka. Not for use from two threads at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from config.intake import open_intake, pause_intake, pause_reason
from config.settings import Settings
from console.cluster import processes
from console.cluster.jars import Progress, class_path
from console.cluster.kafka import KafkaServer
from console.cluster.kafka_settings import BRIEF, STEADY, Profile
from console.cluster.problems import StartFailed
from console.cluster.state import KEY_FILE, ClusterState, hash_key_file, only_supervisor, read_state, write_state
from console.cluster.supervisor import Say, Supervisor
from console.cluster.valkey import ValkeyServer
from console.cluster.worker_process import Readiness, WorkerProcess

ROUND_S = 0.1
DISK_EVERY_S = 5.0
READY_TIMEOUT_S = 90.0
LEFTOVER_TIMEOUT_S = 15.0
REOPEN_SHARE = 1.25
"""Intake opens again with a quarter more than the limit, so that it does not flutter."""

KAFKA = "kafka"
VALKEY = "valkey"


class Cluster:
    """All parts of one data folder under one supervisor. `environ` is what workers inherit."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        say: Say,
        profile: Profile = STEADY,
        progress: Progress | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.supervisor = Supervisor(say)
        self.workers: dict[str, WorkerProcess] = {}
        self._settings = settings
        self._environ = environ
        self._say = say
        self._profile = profile
        self._progress = progress
        self._kafka: KafkaServer | None = None
        self._valkey: ValkeyServer | None = None
        self._addresses = ("", "")
        self._disk_at_s = 0.0
        self._trouble = ""
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Cluster:
        """Take the folder and end what an earlier supervisor left. Raises AlreadyRunning."""
        self._held.enter_context(only_supervisor(self.folder))
        if left := read_state(self.folder):
            self._end_left(left)
        if not self._has_key():
            hash_key_file(self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and let the folder go."""
        try:
            self.stop()
        finally:
            self._held.close()

    @property
    def kafka(self) -> str:
        """Address of Kafka, own or outside."""
        return self._kafka.bootstrap if self._kafka else self._settings.kafka

    @property
    def redis(self) -> str:
        """URL of Valkey, own or outside Redis."""
        return self._valkey.url if self._valkey else self._settings.redis

    @property
    def kafka_server(self) -> KafkaServer | None:
        """Our own broker; None when an outside one is used."""
        return self._kafka

    @property
    def valkey_server(self) -> ValkeyServer | None:
        """Our own Valkey; None when an outside Redis is used."""
        return self._valkey

    def environment(self) -> dict[str, str]:
        """Return the environment in which commands and workers find this cluster. The secret is not in it."""
        own = {
            "LEADFLOW_DATA": str(self.folder),
            "LEADFLOW_KAFKA": self.kafka,
            "LEADFLOW_REDIS": self.redis,
            "LEADFLOW_PREFIX": self._settings.prefix,
            "LEADFLOW_GROUP": self._settings.group,
            "LEADFLOW_LEAD_PARTITIONS": str(self._settings.lead_partitions),
            "LEADFLOW_BUYER_PARTITIONS": str(self._settings.buyer_partitions),
        }
        return {**self._environ, **own}

    def start_parts(self) -> None:
        """Start Kafka and Valkey, unless settings name outside ones, and wait until both answer.

        Raises:
            StartFailed, DownloadFailed: which part, why, and where its log is.
        """
        if self._settings.origin("redis") != "environment":
            self._valkey = ValkeyServer(self.folder / VALKEY, durable=True, death_signal=signal.SIGTERM)
        if self._settings.origin("kafka") != "environment":
            jars = class_path(self._progress)
            self._kafka = KafkaServer(
                self.folder / KAFKA,
                jars,
                profile=self._profile,
                death_signal=signal.SIGTERM,
                learn=self._profile is BRIEF,  # learning costs a little all the time: not for a broker that stays
            )
            self._kafka.launch()
            self.supervisor.add(KAFKA, self._kafka)
        if self._valkey:
            self._valkey.start()
            self.supervisor.add(VALKEY, self._valkey)
        if self._kafka:
            self._note()  # whoever looks after us now would find these two
            self._kafka.wait_ready()
            self._kafka.warm_up()
        self._addresses = (self.kafka, self.redis)
        self._note()

    def start_workers(self, count: int) -> None:
        """Start workers w1 ... w<count>, without waiting for them."""
        for number in range(1, count + 1):
            name = f"w{number}"
            self.workers[name] = WorkerProcess(name, self.folder / "workers" / name, self.environment)
            self.supervisor.add(name, self.workers[name])
            self.supervisor.start(name)
        self._note()

    def wait_ready(self, *, timeout_s: float = READY_TIMEOUT_S, or_answering: bool = False) -> None:
        """Wait until all workers say that they are ready; restarts go on meanwhile.

        `or_answering`: an answer with reasons is enough, for workers that cannot be ready yet (no plan).

        Raises:
            StartFailed: who is not ready, why, and the end of its log. Everything still runs.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.round()
            answers = {name: worker.readiness() for name, worker in self.workers.items()}
            waiting = {name: one for name, one in answers.items() if not (one.ready or (or_answering and one.answer))}
            if not waiting:
                return
            if any(self.supervisor.is_given_up(name) for name in waiting) or time.monotonic() > deadline:
                raise StartFailed(self._not_ready(waiting))
            time.sleep(ROUND_S)

    def _not_ready(self, waiting: Mapping[str, Readiness]) -> str:
        lines = [
            f"{name} is not ready: {', '.join(answer.reasons) or 'no reason given'}" for name, answer in waiting.items()
        ]
        name = next(iter(waiting))
        return "\n".join([*lines, f"the end of {self.workers[name].log_file}:", self.workers[name].log_tail()])

    def run(self, until: Callable[[], bool]) -> None:
        """Keep everything running until told to end."""
        while not until():
            self.round()
            time.sleep(ROUND_S)

    def round(self) -> None:
        """Do one round without waiting: restart what has ended, watch the disk, write down what has changed."""
        self.supervisor.tick()
        self._follow_addresses()
        if time.monotonic() - self._disk_at_s >= DISK_EVERY_S:
            self._disk_at_s = time.monotonic()
            self._watch_disk()
        if self.supervisor.changed:
            try:
                self._note()
            except OSError as error:  # a full disk must not end the one who looks after everything
                self.supervisor.changed = True
                self._tell_once(f"{self.folder} cannot be written to ({error.strerror}): status is out of date")

    def _tell_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._say(trouble)

    def stop(self) -> None:
        """Stop workers, then Valkey, then Kafka, and write down that nothing runs."""
        self.supervisor.stop(list(self.workers))
        self.supervisor.stop([VALKEY])
        self.supervisor.stop([KAFKA])
        if state := read_state(self.folder):
            write_state(self.folder, state.stopped())

    def _has_key(self) -> bool:
        return self._settings.origin("hash_key") == "environment"

    def _end_left(self, left: ClusterState) -> None:
        """End the processes of a supervisor that is gone, workers first; strangers with their pids are let be."""
        for name, part in reversed(list(left.parts.items())):
            if part.identity and processes.end(part.identity, timeout_s=LEFTOVER_TIMEOUT_S):
                self._say(f"{name}: was left over from an earlier run (pid {part.identity.pid}) and has been ended")

    def _follow_addresses(self) -> None:
        """Restart the workers when a part came back at another address, because its port had been taken."""
        if (now := (self.kafka, self.redis)) != self._addresses:
            self._addresses = now
            self._say(f"addresses have changed: Kafka {now[0]}, Valkey {now[1]}; restarting the workers")
            for worker in self.workers.values():
                worker.kill()

    def _watch_disk(self) -> None:
        """Pause intake while the disk is nearly full: a full one would stop Kafka in the middle of a write."""
        limit = self._settings.disk_free_min_mib << 20
        free = shutil.disk_usage(self.folder).free
        paused = pause_reason(self.folder) is not None
        if free < limit:
            reason = f"{free >> 20} MiB free in {self.folder}, {limit >> 20} MiB are needed"
            if not paused:
                pause_intake(self.folder, reason)
                self._say(f"intake pauses: {reason}; leads wait in the log until there is room")
        elif paused and free >= limit * REOPEN_SHARE:
            open_intake(self.folder)
            self._say("intake goes on: there is room on the disk again")

    def _note(self) -> None:
        """Write `cluster.json`."""
        self.supervisor.changed = False
        settings = self._settings
        me = processes.identify(os.getpid())
        state = ClusterState(
            kafka=self.kafka,
            redis=self.redis,
            prefix=settings.prefix,
            group=settings.group,
            lead_partitions=settings.lead_partitions,
            buyer_partitions=settings.buyer_partitions,
            hash_key_file=None if self._has_key() else KEY_FILE,
            clock_start=settings.clock_start,
            clock_anchor_ms=settings.clock_anchor_ms,
            clock_rate=settings.clock_rate,
            supervisor=me,
            parts=self.supervisor.states(),
            ports={name: worker.web_port for name, worker in self.workers.items()},
        )
        write_state(self.folder, state)
