"""CPU of one worker per lead on W1: the input is there first, the worker starts and drains it, the output is judged.

The first part of the input warms up broker, worker and caches and is not measured; everything is judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from console.audit.topics import audit
from console.audit.verdict import Verdict
from console.bench import w1
from console.bench.failure import BenchFailed
from console.bench.machine import MachineMeanwhile
from console.bench.probe import Used, rss_mb, used, wait_joined
from console.bench.result import Figure, Result
from console.bench.stand import send, stand
from console.cluster.worker_process import WorkerProcess
from console.reach import Reach
from schemas.topics import CLOSED

#: A run that takes longer than this for each thousand leads, plus a start, is broken.
LIMIT_S_PER_1000 = 4.0
START_LIMIT_S = 60.0
#: This part of the leads comes first and is not measured.
WARM_UP = 5

GOAL_CPU_US, GOAL_RSS_MB = 40.0, 300.0


def measure(leads: int, contracts: int = w1.BUYERS) -> Result:
    """Run W1 with this many measured leads through one worker. Raises BenchFailed when it is not exact."""
    warm = leads // WARM_UP
    total = warm + leads
    with stand(w1.plan_yaml(total, contracts=contracts)) as (cluster, way):
        send(way, w1.leads(total, way.clock.now_ms()))
        cluster.start_workers(1)
        (worker,) = cluster.workers.values()
        wait_joined(worker)
        closed = _closed(way, worker, total)
        _wait(closed, w1.mix(warm).unique)
        with MachineMeanwhile() as meanwhile:
            before, began = used(worker), time.monotonic()
            _wait(closed, w1.mix(total).unique)
            took, spent, rss = time.monotonic() - began, used(worker).since(before), rss_mb(worker)
        verdict = audit(way.reader, way.codec)
        unique = sum(1 for _ in way.reader.scan(CLOSED))
    _must_be_exact(verdict, unique, total)
    work = f"W1, {leads:,} leads through one worker, {contracts} contracts"
    return Result("throughput", work, meanwhile.machine(), _figures(leads, took, spent, rss), str(verdict))


def _figures(leads: int, took_s: float, spent: Used, rss: float) -> tuple[Figure, ...]:
    def each(seconds: float) -> float:
        return round(seconds / leads * 1e6, 1)

    parts = [Figure(f"  of it {part}", each(seconds), "us") for part, seconds in spent.parts_s.items()]
    rest = spent.process_s - sum(spent.parts_s.values())
    return (
        Figure("CPU a lead", each(spent.process_s), "us", GOAL_CPU_US),
        *parts,
        Figure("  of it the rest", each(rest), "us"),
        Figure("leads a second", round(leads / took_s), ""),
        Figure("memory", rss, "MB", GOAL_RSS_MB),
    )


def _closed(way: Reach, worker: WorkerProcess, leads: int) -> Iterator[int]:
    """Yield how many leads are closed, whenever there are more. Raises BenchFailed when it takes too long."""
    deadline = time.monotonic() + START_LIMIT_S + LIMIT_S_PER_1000 * leads / 1000
    seen = 0
    for messages in way.reader.follow(dict.fromkeys(way.reader.partitions(CLOSED), 0)):
        seen += len(messages)
        yield seen
        if time.monotonic() > deadline:
            raise BenchFailed(f"{seen} leads were closed in time, and not all of {leads}; {worker.log_tail()}")


def _wait(closed: Iterator[int], count: int) -> None:
    for seen in closed:
        if seen >= count:
            return


def _must_be_exact(verdict: Verdict, closed: int, leads: int) -> None:
    expected = w1.mix(leads)
    if not verdict.good:
        raise BenchFailed(f"the output is not exact: {verdict}")
    if closed != expected.unique:
        raise BenchFailed(f"{closed} leads were closed, and {expected.unique} of the input are unique")
