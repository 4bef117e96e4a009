"""What a benchmark asks of a running worker: its CPU by part, its memory, whether it works."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import urlopen

import psutil

from console.bench.failure import BenchFailed
from console.cluster.ports import HOST
from console.cluster.worker_process import WorkerProcess
from streams.metric_catalogue import CPU, START
from streams.start_steps import COMMITTED, process_began_s

START_LIMIT_S = 60.0
LOOK_EVERY_S = 0.02
ANSWER_LIMIT_S = 10.0


@dataclass(frozen=True)
class Used:
    """CPU seconds of a worker's process (user and system, all threads) and of the parts of its work."""

    process_s: float
    parts_s: Mapping[str, float]

    def since(self, before: Used) -> Used:
        """Return what was used after `before`."""
        parts = {part: seconds - before.parts_s.get(part, 0.0) for part, seconds in self.parts_s.items()}
        return Used(self.process_s - before.process_s, parts)


def used(worker: WorkerProcess) -> Used:
    """Return what a worker has used since it started."""
    times = _process(worker).cpu_times()
    return Used(float(times.user + times.system), _by_label(worker, f'{CPU.name}_total{{part="'))


def start_steps(worker: WorkerProcess, last: str = COMMITTED) -> tuple[float, Mapping[str, float]]:
    """Return when the worker's process began (seconds since 1970), and its steps of `streams.start_steps` since.

    Waits until the `last` one is done. Raises BenchFailed after `START_LIMIT_S`.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while last not in (steps := _by_label(worker, f'{START.name}{{step="')):
        if time.monotonic() > deadline:
            raise BenchFailed(f"the worker's start came no further than {list(steps)}: {worker.log_tail()}")
        time.sleep(LOOK_EVERY_S)
    return process_began_s(_process(worker).pid), steps


def _by_label(worker: WorkerProcess, begin: str) -> dict[str, float]:
    """Return the values of a metric with one label by that label; `begin` ends where the label's value begins."""
    with urlopen(f"http://{HOST}:{worker.web_port}/metrics", timeout=ANSWER_LIMIT_S) as answer:
        lines = answer.read().decode().splitlines()
    return {line[len(begin) :].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines if begin in line}


def rss_mb(worker: WorkerProcess) -> float:
    """Return the memory of a worker, resident, in MB."""
    return round(_process(worker).memory_info().rss / 1e6, 1)


def wait_joined(worker: WorkerProcess) -> None:
    """Wait until the worker runs partitions. Raises BenchFailed after `START_LIMIT_S`."""
    deadline = time.monotonic() + START_LIMIT_S
    while not worker.readiness().answer.get("running"):
        if time.monotonic() > deadline:
            raise BenchFailed(f"the worker did not join its group: {worker.log_tail()}")
        time.sleep(LOOK_EVERY_S)


def _process(worker: WorkerProcess) -> psutil.Process:
    if worker.pid is None:
        raise BenchFailed(f"the worker does not run: {worker.log_tail()}")
    return psutil.Process(worker.pid)
