"""CPU of one worker per lead on W1: the input is there first, the worker starts and drains it, the output is judged."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from console.audit.topics import audit
from console.audit.verdict import Verdict
from console.bench import w1
from console.bench.stand import send, stand
from console.cluster.cluster import Cluster
from console.cluster.worker_process import WorkerProcess
from console.reach import Reach
from schemas.topics import CLOSED

#: A run that takes longer than this for each thousand leads, plus a start, is broken.
LIMIT_S_PER_1000 = 2.0
START_LIMIT_S = 60.0
LOOK_EVERY_S = 0.02


class BenchFailed(Exception):
    """The run did not end, or its output is not exact. The message says which."""


@dataclass(frozen=True)
class Throughput:
    """What one run measured; CPU is user and system time of the worker's process alone, start-up not counted."""

    leads: int
    contracts: int
    seconds: float
    leads_per_s: float
    cpu_us_per_lead: float
    peak_rss_mb: float
    unique: int
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def measure(leads: int, contracts: int = w1.BUYERS) -> Throughput:
    """Run W1 with this many leads through one worker. Raises BenchFailed when it is not exact."""
    with stand(w1.plan_yaml(leads, contracts=contracts)) as (cluster, way):
        send(way, w1.leads(leads, way.clock.now_ms()))
        took, cpu_s, rss = _drain(cluster, way, leads)
        verdict = audit(way.reader, way.codec)
        unique = _closed(way)
    _must_be_exact(verdict, unique, leads)
    return Throughput(
        leads, contracts, round(took, 2), round(leads / took), round(cpu_s / leads * 1e6, 1), rss, unique, str(verdict)
    )


def _drain(cluster: Cluster, way: Reach, leads: int) -> tuple[float, float, float]:
    """Start the worker, wait for the last closed lead; return seconds, CPU seconds and the RSS in MB.

    The clocks start when the worker has partitions; what its start-up cost until then is left out.
    """
    cluster.start_workers(1)
    (worker,) = cluster.workers.values()
    process = psutil.Process(_pid(worker))
    _wait_joined(worker)
    began, cpu_before = time.monotonic(), _cpu_s(process)
    deadline = began + START_LIMIT_S + LIMIT_S_PER_1000 * leads / 1000
    expected, seen = w1.mix(leads).unique, 0
    for messages in way.reader.follow(dict.fromkeys(way.reader.partitions(CLOSED), 0)):
        seen += len(messages)
        if seen >= expected:
            break
        if time.monotonic() > deadline:
            raise BenchFailed(f"{seen} of {expected} leads were closed in time; {worker.log_tail()}")
    rss_mb = round(process.memory_info().rss / 1e6, 1)
    return time.monotonic() - began, _cpu_s(process) - cpu_before, rss_mb


def _wait_joined(worker: WorkerProcess) -> None:
    """Wait until the worker runs partitions; a look every few milliseconds, at most `START_LIMIT_S`."""
    deadline = time.monotonic() + START_LIMIT_S
    while not worker.readiness().answer.get("running"):
        if time.monotonic() > deadline:
            raise BenchFailed(f"the worker did not join its group: {worker.log_tail()}")
        time.sleep(LOOK_EVERY_S)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _pid(worker: WorkerProcess) -> int:
    pid = worker.pid
    if pid is None:
        raise BenchFailed(f"the worker did not start: {worker.log_tail()}")
    return pid


def _closed(way: Reach) -> int:
    """Return how many leads were closed, by a count of its own."""
    return sum(1 for _ in way.reader.scan(CLOSED))


def _must_be_exact(verdict: Verdict, closed: int, leads: int) -> None:
    expected = w1.mix(leads)
    if not verdict.good:
        raise BenchFailed(f"the output is not exact: {verdict}")
    if closed != expected.unique:
        raise BenchFailed(f"{closed} leads were closed, and {expected.unique} of the input are unique")
