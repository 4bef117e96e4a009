"""A real Apache Kafka broker (KRaft) as a child process: format, start, ready, stop, kill, start again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from console.cluster import java, processes
from console.cluster.aot import AotCache
from console.cluster.kafka_settings import BRIEF, LOG4J, Node, Profile, properties
from console.cluster.layout import lay_out, new_id
from console.cluster.ports import HOST, are_free, free_ports, wait_listening
from console.cluster.problems import StartFailed

MAIN_CLASS = "kafka.Kafka"
FORMAT_CLASS = "kafka.tools.StorageTool"

START_TIMEOUT_S = 60.0
"""Ready takes 1.5-2.5 s on a quiet machine and 10-40 s on a badly loaded one."""

STOP_TIMEOUT_S = 20.0
EXIT_CLEAN = 143
"""128 + SIGTERM, as Java ends when it was asked to and has closed its logs."""

LEARN_TIMEOUT_S = 90.0
FORMAT_TIMEOUT_S = 60.0
START_ATTEMPTS = 2
"""The second one with other ports: another process may take ours between looking and listening."""

LOG_TAIL_LINES = 12

WARM_POLL_S = 0.1
"""Between two questions for a coordinator that is still loading."""

_LOADING = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)

_quiet: Mapping[str, str | int | float | bool] = {"log_level": 0}
"""librdkafka writes to standard error at each disconnect, and brokers here are killed on purpose."""


class KafkaServer:
    """One broker that owns `folder`: data, ports, logs and settings live there and survive a restart.

    The address stays the same as long as its ports can be had again. The process ends with ours. `learn` makes the
    first clean stop write the cache that later starts are faster with. Not for use from two threads at once.

        folder/ports.json  server.properties  log4j2.yaml  data/  logs/server.log  logs/console.log  tmp/
    """

    def __init__(
        self,
        folder: Path,
        class_path: Sequence[Path],
        *,
        profile: Profile = BRIEF,
        death_signal: signal.Signals = signal.SIGKILL,
        learn: bool = False,
    ) -> None:
        self.folder = folder
        self._learn = learn
        self._aot = AotCache(class_path, profile.jvm)
        self._class_path = tuple(class_path)
        self._profile = profile
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: tuple[int, int] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, `host:port`. Raises StartFailed before the first start."""
        if self._ports is None:
            raise StartFailed(f"the Kafka of {self.folder} has not been started yet")
        return f"{HOST}:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self.is_alive() else None

    @property
    def log_file(self) -> Path:
        """The broker's own log."""
        return self.folder / "logs" / "server.log"

    def is_alive(self) -> bool:
        """Tell whether the process runs; it may not be ready yet."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Return the last process's exit code (negative: a signal), None while it runs or before it did."""
        return self._process.poll() if self._process else None

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """Start the broker and wait until it answers; a running one is left alone. Returns `bootstrap`.

        Raises:
            StartFailed: it ended or did not answer in time; the message carries the end of its log.
        """
        self.launch()
        return self.wait_ready(timeout_s=timeout_s)

    def launch(self) -> None:
        """Start the process without waiting for it; a running one is left alone."""
        if self.is_alive():
            return
        self._ports = self._choose_ports()
        self._prepare()
        logs = self.folder / "logs"
        options = [
            *self._profile.jvm,
            *self._aot.options(learn=self._learn),
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",  # native libraries are unpacked there; /tmp may be noexec
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}",
            f"-Dleadflow.kafka.log={self.log_file}",
            f"-XX:ErrorFile={logs / 'jvm-crash.log'}",
        ]
        arguments = [str(self.folder / "server.properties")]
        self._process = processes.spawn(
            java.command(self._class_path, MAIN_CLASS, arguments, options),
            output=logs / "console.log",
            environ=java.environment(),
            folder=self.folder,
            death_signal=self._death_signal,
        )

    def wait_ready(self, *, timeout_s: float = START_TIMEOUT_S) -> str:
        """Wait until the launched broker answers a client. Returns `bootstrap`; raises StartFailed."""
        deadline = time.monotonic() + timeout_s
        for attempt in range(START_ATTEMPTS):
            if self._answers(deadline):
                return self.bootstrap
            if self.exit_code() is None or attempt + 1 == START_ATTEMPTS or not self._may_be_cured():
                break
            self.launch()
        ended = self.exit_code()
        what = f"did not answer within {timeout_s:.0f} s" if ended is None else f"ended with code {ended}"
        self.kill()
        raise StartFailed(f"Kafka {what}; the end of {self.log_file}:\n{self.log_tail()}")

    def _may_be_cured(self) -> bool:
        """Take away what may have ended the start: ports that another process took, a cache that does not fit."""
        lost_port = "Address already in use" in self.log_tail()
        if lost_port:
            (self.folder / "ports.json").unlink(missing_ok=True)
        return self._aot.distrust() or lost_port

    def _answers(self, deadline: float) -> bool:
        """Wait for the port, then for a client's list of brokers: a client that comes earlier backs off for long."""
        assert self._ports is not None  # noqa: S101 - launch has set it; tells the type checker
        if not wait_listening(self._ports[0], deadline=deadline, still_alive=self.is_alive):
            return False
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **_quiet})
        while self.is_alive() and time.monotonic() < deadline:
            try:
                if admin.list_topics(timeout=2).brokers:
                    return True
            except KafkaException:
                continue  # it waited up to 2 s
        return False

    def warm_up(self, *, timeout_s: float = 30.0) -> None:
        """Create the offsets and transaction topics and load their coordinators, so that no first user waits 1-3 s.

        Raises:
            StartFailed: a coordinator did not answer in time.
        """
        try:
            with ThreadPoolExecutor(2) as pool:
                for waiting in [pool.submit(self._warm_offsets, timeout_s), pool.submit(self._warm_ids, timeout_s)]:
                    waiting.result()
        except KafkaException as error:
            raise StartFailed(f"Kafka's coordinators did not answer: {error}; see {self.log_file}") from None

    def _warm_offsets(self, timeout_s: float) -> None:
        """Ask until the coordinator has loaded: right after a restart it says for a moment that it is none."""
        deadline = time.monotonic() + timeout_s
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "leadflow-warm-up", **_quiet})
        try:
            while not _answers_for_offsets(consumer, timeout_s, deadline):
                consumer.poll(WARM_POLL_S)
        finally:
            consumer.close()

    def _warm_ids(self, timeout_s: float) -> None:
        Producer(
            {"bootstrap.servers": self.bootstrap, "transactional.id": "leadflow-warm-up", **_quiet}
        ).init_transactions(timeout_s)

    def stop(self, *, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """Stop cleanly (0.4 s, once 5 s when it learns), by force after `timeout_s`. Returns the code, 143 if clean."""
        if self._process is None:
            return None
        code = processes.stop(self._process, timeout_s=LEARN_TIMEOUT_S if self._aot.learning else timeout_s)
        if code == EXIT_CLEAN:
            self._aot.learnt()
        return code

    def kill(self) -> None:
        """Kill -9 and wait until the process is gone; what was acknowledged is there after the next start."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def suspend(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open and nothing answers."""
        if self._process is not None and self.is_alive():
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        if self._process is not None and self.is_alive():
            self._process.send_signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """Return the last lines of the broker's log, or of its console when it did not get that far."""
        for file in (self.log_file, self.folder / "logs" / "console.log"):
            if file.exists() and (lines := file.read_text(encoding="utf-8", errors="replace").splitlines()):
                return "\n".join(lines[-LOG_TAIL_LINES:])
        return "(no log was written)"

    def _choose_ports(self) -> tuple[int, int]:
        """Return client and controller port: those of the last start if they can be had, else new ones."""
        file = self.folder / "ports.json"
        if file.exists():
            known = json.loads(file.read_text(encoding="utf-8"))
            ports = (int(known["client"]), int(known["controller"]))
            if are_free(ports):
                return ports
        client, controller = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"client": client, "controller": controller}), encoding="utf-8")
        return client, controller

    def _prepare(self) -> None:
        """Write settings and logging, empty the scratch folder, format the data folder if that was never done."""
        assert self._ports is not None  # noqa: S101 - launch has set it; tells the type checker
        node = self._node(*self._ports)
        for part in ("logs", "data"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        (self.folder / "server.properties").write_text(properties(node, self._profile), encoding="utf-8")
        (self.folder / "log4j2.yaml").write_text(LOG4J, encoding="utf-8")
        lay_out(node.log_dir, node.node_id, self._format, self._cluster_id())

    def _node(self, client_port: int, controller_port: int) -> Node:
        """Return who this broker is: the only one of its cluster."""
        return Node(1, client_port, controller_port, {1: controller_port}, self.folder / "data")

    def _cluster_id(self) -> str:
        """Return the id of the cluster that it belongs to: one of its own."""
        return new_id()

    def _format(self, cluster_id: str) -> None:
        """Let Kafka's own tool lay out the data folder."""
        # with "=", because one id in 64 begins with a dash and would be taken for an option
        arguments = ["format", f"--cluster-id={cluster_id}", "-c", str(self.folder / "server.properties")]
        options = [*self._profile.jvm, "-Dlog4j2.level=ERROR"]
        done = subprocess.run(
            java.command(self._class_path, FORMAT_CLASS, arguments, options),
            env=java.environment(),
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise StartFailed(f"Kafka could not lay out {self.folder / 'data'}:\n{done.stdout}{done.stderr}")


def _answers_for_offsets(consumer: Consumer, timeout_s: float, deadline: float) -> bool:
    """Return whether the group's coordinator answered. Raises its error when it is no passing one or time is up."""
    try:
        consumer.committed([TopicPartition("leadflow-warm-up", 0)], timeout=timeout_s)
    except KafkaException as error:
        if error.args[0].code() not in _LOADING or time.monotonic() > deadline:
            raise
        return False
    return True
