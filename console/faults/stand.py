"""What a fault is tried on: real parts in a folder of their own, a plan in force, workers that can be struck.

with stand(needs, folder, said.append) as here:
    here.cluster    console.cluster.Cluster: Kafka, Valkey and workers under supervision
    here.way        how a command reaches it
    here.brokers    the brokers themselves; more than one where `needs` says so
    here.proxy      what worker w1 reaches its broker through, if `needs` says so
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import load_settings
from console.bench import w1
from console.bench.stand import apply_plan, environment
from console.cluster.cluster import KAFKA, Cluster
from console.cluster.jars import class_path
from console.cluster.kafka import KafkaServer
from console.cluster.kafka_settings import BRIEF
from console.cluster.ports import HOST
from console.cluster.valkey import ValkeyServer
from console.cluster.worker_process import WorkerProcess
from console.faults import worker as struck_worker
from console.faults.brokers import NODES, SECURED, OpenKafka, ProxiedKafka, one_broker, three_brokers
from console.faults.failure import FaultFailed, NotHere
from console.faults.proxy import Proxy
from console.faults.securing import Security
from console.reach import Reach, reach
from console.topics import create_topics

MOUNT_LIMIT_S = 10
#: The file with which a disk is filled up.
BALLAST = "ballast"
#: The plan's caps are for this many leads: after as many, its twelve capped buyers are exactly full.
LEADS_MIN = 1000
#: W1's, but each lead is sold to at most two, so that rights of one lead meet.
PLAN = w1.plan_yaml(LEADS_MIN).replace("sell: exclusive", "sell: {shared: 2}")


@dataclass(frozen=True)
class Needs:
    """What a fault is tried on.

    `proxy`: w1's way to the broker. `secured`: TLS, and log-ins that last for seconds. `disk_mib`: a disk of its own,
    of this size. `plan`: YAML. The pretended time begins at `clock_start` (ISO, UTC) and passes `clock_rate` times as
    fast as real time.
    """

    workers: int = 2
    brokers: int = 1
    proxy: bool = False
    secured: bool = False
    disk_mib: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    plan: str = PLAN
    clock_start: str = w1.CLOCK_START
    clock_rate: float = 1.0


class StruckWorker(WorkerProcess):
    """A worker of the harness: `console.faults.worker`."""

    def _module(self) -> tuple[str, ...]:
        return (struck_worker.__name__,)


@dataclass
class Stand:
    """The parts; workers are added and taken away here."""

    cluster: Cluster
    way: Reach
    brokers: tuple[KafkaServer, ...]
    proxy: Proxy | None = None

    @property
    def valkey(self) -> ValkeyServer:
        """The Redis of the claims."""
        if (server := self.cluster.valkey_server) is None:
            raise FaultFailed("this stand has no Valkey of its own")
        return server

    def doom(self, name: str) -> Path:
        """Return the file that strikes a worker."""
        return self.cluster.folder / f"{name}.doom"

    def add_worker(self, name: str, **more: str) -> WorkerProcess:
        """Start a worker and keep it running. `more` are settings of its own."""
        worker = self.make_worker(name, **more)
        self.cluster.workers[name] = worker
        self.cluster.supervisor.add(name, worker)
        self.cluster.supervisor.start(name)
        return worker

    def make_worker(self, name: str, *, folder: str = "", **more: str) -> WorkerProcess:
        """Return a worker that is neither started nor looked after."""
        own = {struck_worker.DOOM: str(self.doom(name)), **more}
        if self.proxy is not None and name == "w1":
            own["LEADFLOW_KAFKA"] = f"{HOST}:{self.proxy.port}"
        return StruckWorker(
            name, self.cluster.folder / "workers" / (folder or name), lambda: {**self.cluster.environment(), **own}
        )

    def take_away(self, name: str) -> int | None:
        """Stop a worker for good, as a person would; returns its exit code."""
        self.cluster.supervisor.stop([name])
        return self.cluster.workers.pop(name).exit_code()


@contextlib.contextmanager
def stand(needs: Needs, folder: Path, say: Callable[[str], None]) -> Iterator[Stand]:
    """Yield the parts with their workers ready; all of them are stopped afterwards.

    Raises:
        NotHere: this machine has not what it takes.
        StartFailed: a part did not start; the message says why.
    """
    with contextlib.ExitStack() as held:
        if needs.disk_mib:
            held.enter_context(_disk(folder, needs.disk_mib))
        brokers, proxy = held.enter_context(_outside_brokers(needs, folder))
        environ = environment(folder, needs.clock_start, needs.clock_rate) | dict(needs.settings) | _way_to(brokers)
        cluster = held.enter_context(Cluster(folder, load_settings(environ), environ, say=say, profile=BRIEF))
        cluster.start_parts()
        if len(brokers) == 1:
            cluster.supervisor.add(KAFKA, brokers[0])
        way = reach(cluster.environment())
        create_topics(way.settings)
        apply_plan(way, folder, needs.plan)
        own = (cluster.kafka_server,) if cluster.kafka_server else ()
        here = Stand(cluster, way, brokers or own, proxy)
        for number in range(1, needs.workers + 1):
            here.add_worker(f"w{number}")
        cluster.wait_ready()
        yield here


@contextlib.contextmanager
def _outside_brokers(needs: Needs, folder: Path) -> Iterator[tuple[tuple[OpenKafka, ...], Proxy | None]]:
    """Give the brokers that the cluster cannot start by itself, and what stands before the only one of them."""
    if needs.brokers != NODES and not needs.proxy and not needs.secured:
        yield (), None
        return
    security = Security(folder / "security") if needs.secured else None
    if security is not None:
        security.make()
    if needs.brokers == NODES:
        with three_brokers(folder, class_path(), security) as three:
            yield three, None
        return
    with one_broker(folder, class_path(), security, proxied=needs.proxy) as broker, contextlib.ExitStack() as held:
        proxy = None
        if isinstance(broker, ProxiedKafka):
            proxy = Proxy(broker.proxy_port, broker.proxied_port, readable=not needs.secured)
            proxy.start()
            held.callback(proxy.stop)
        yield (broker,), proxy


def _way_to(brokers: Sequence[OpenKafka]) -> dict[str, str]:
    """Return the settings by which workers and commands reach brokers that the cluster has not started."""
    if not brokers:
        return {}
    security = brokers[0].security
    return {
        "LEADFLOW_KAFKA": ",".join(broker.address(SECURED) for broker in brokers),
        "LEADFLOW_REPLICATION": str(len(brokers)),
        **({} if security is None else {"LEADFLOW_KAFKA_SECURITY_FILE": str(security.file)}),
    }


@contextlib.contextmanager
def _disk(folder: Path, size_mib: int) -> Iterator[None]:
    """Mount a disk of this size, in memory, at `folder`. Raises NotHere where that is not allowed.

    What it holds goes with it, unless something failed: then the folder has it afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _call("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "leadflow-faults", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHere(f"a disk of its own needs the right to mount one (root on Linux): {error}") from None
    kept = folder.with_name(f"{folder.name}-kept")
    try:
        yield
    except Exception:
        with contextlib.suppress(OSError):  # what failed is more worth telling than what could not be copied
            shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(BALLAST))
        raise
    finally:
        _call("umount", "--lazy", str(folder))
        if kept.exists():
            kept.replace(folder)


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=MOUNT_LIMIT_S)
