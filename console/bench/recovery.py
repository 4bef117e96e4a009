"""How long nothing comes out after the only worker was killed with -9, under a paced load, and where the time goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from console.audit.topics import audit
from console.bench import w1
from console.bench.failure import BenchFailed
from console.bench.latency import Arrivals, send_paced
from console.bench.machine import this_machine
from console.bench.probe import start_steps, wait_joined
from console.bench.result import Figure, Result
from console.bench.stand import send, stand
from console.cluster.cluster import Cluster
from console.reach import Reach
from console.work_left import left
from streams.start_steps import STEPS

GOAL_S: Final = 4.0
RATE = 100
#: Leads that come before the first kill, and between two.
WARM_UP_LEADS = 2_000
BETWEEN_S = 8.0
RECOVERY_LIMIT_S = 60.0
DRAIN_LIMIT_S = 120.0
LOOK_EVERY_S = 0.01
#: What happens one after the other: noticed and spawned, the steps of `streams.start_steps`, seen by a buyer.
PHASES = ("spawned", *STEPS, "seen")
#: What arrives so soon after the kill was committed before it.
ON_THE_WAY_S = 0.15


def measure(kills: int) -> Result:
    """Kill the worker some times and wait for the next sale each time. Raises BenchFailed when the end is not exact."""
    paced = int(RATE * (kills + 1) * (BETWEEN_S + 4))
    total = WARM_UP_LEADS + paced
    with stand(w1.plan_yaml(100 * total)) as (cluster, way):
        send(way, w1.leads(WARM_UP_LEADS, way.clock.now_ms()))
        cluster.start_workers(1)
        wait_joined(next(iter(cluster.workers.values())))
        live = [(lead, way.codec.encode(lead)) for lead in list(w1.leads(total, way.clock.now_ms()))[WARM_UP_LEADS:]]
        with Arrivals(way) as arrivals:
            sending = threading.Thread(target=send_paced, args=(way, live, RATE), daemon=True)
            sending.start()
            found = [_kill(cluster, arrivals) for _ in range(kills)]
            _drain(cluster, way, sending)
        verdict = audit(way.reader, way.codec)
    if not verdict.good:
        raise BenchFailed(f"the output is not exact: {verdict}")
    took = sorted(back.took_s for back in found)
    figures = (
        Figure("output again after", round(took[len(took) // 2], 2), "s", GOAL_S),
        Figure("  the slowest", round(took[-1], 2), "s"),
        Figure("  the fastest", round(took[0], 2), "s"),
        *(Figure(f"  {name}", seconds, "s") for name, seconds in phases([back.ended_s for back in found]).items()),
    )
    work = f"kill -9 of the only worker, {kills} times, at {RATE} leads a second"
    return Result("recovery", work, this_machine(), figures, str(verdict))


@dataclass(frozen=True)
class Back:
    """One recovery: seconds from the kill to the next sale, and to the end of each phase of `PHASES`."""

    took_s: float
    ended_s: Mapping[str, float]


def phases(recoveries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median length of each phase, from when the phases of each recovery ended (seconds after the kill)."""
    lengths = {}
    for before, phase in zip(("", *PHASES), PHASES, strict=False):
        took = sorted(ended[phase] - ended.get(before, 0.0) for ended in recoveries)
        lengths[phase] = round(took[len(took) // 2], 2)
    return lengths


def _kill(cluster: Cluster, arrivals: Arrivals) -> Back:
    """Let it work for a while, kill it, and return how long it took until something came out again."""
    _supervise(cluster, time.monotonic() + BETWEEN_S, lambda: False)
    (worker,) = cluster.workers.values()
    killed, killed_wall_s = time.monotonic(), time.time()
    worker.kill()
    if not _supervise(cluster, killed + RECOVERY_LIMIT_S, lambda: arrivals.last > killed + ON_THE_WAY_S):
        raise BenchFailed(f"nothing came out within {RECOVERY_LIMIT_S:.0f} s; {worker.log_tail()}")
    took_s = arrivals.last - killed
    began_s, steps = start_steps(worker)
    ends = [began_s - killed_wall_s, *(began_s - killed_wall_s + steps[step] for step in STEPS), took_s]
    # Where a few partitions were ahead of the others, something came out before the last step.
    return Back(took_s, {phase: min(end, took_s) for phase, end in zip(PHASES, ends, strict=True)})


def _drain(cluster: Cluster, way: Reach, sending: threading.Thread) -> None:
    deadline = time.monotonic() + DRAIN_LIMIT_S
    _supervise(cluster, deadline, lambda: not sending.is_alive())
    if not _supervise(cluster, deadline, lambda: not left(way.reader, way.group)):
        raise BenchFailed("the leads did not all end in time")


def _supervise(cluster: Cluster, until_s: float, done: Callable[[], bool]) -> bool:
    """Keep the worker running until something is done; returns whether it was in time."""
    while not (is_done := done()) and time.monotonic() < until_s:
        cluster.round()
        time.sleep(LOOK_EVERY_S)
    return is_done
