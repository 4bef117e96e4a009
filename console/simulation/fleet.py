"""Many seeds in several processes: each run is alone in its process, results come as they are ready."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing import get_context
from typing import Final, NamedTuple

from console.simulation.plan_chain import SEEDS_A_CHAIN
from console.simulation.runs import Outcome, run
from console.simulation.scenario import Scenario
from console.simulation.tally import Tally

#: Seeds that a process takes at once: whole chains of plans, little enough that a stop comes soon.
_BLOCK: Final = 4 * SEEDS_A_CHAIN


class Block(NamedTuple):
    """What came of some seeds: how many ran, what happened in them, and those that failed."""

    seeds: int
    turns: int
    tally: Tally
    failures: tuple[Outcome, ...]


def run_block(scenarios: list[Scenario]) -> Block:
    """Run scenarios one after the other."""
    tally, turns, failures = Tally(), 0, []
    for scenario in scenarios:
        outcome = run(scenario)
        tally.update(outcome.tally)
        turns += outcome.turns
        if not outcome.good:
            failures.append(outcome)
    return Block(len(scenarios), turns, tally, tuple(failures))


def run_all(template: Scenario, first: int, count: int, jobs: int, until_s: float | None) -> Iterator[Block]:
    """Run the seeds [first, first + count) by this template; yield each block when it is done, in no order.

    With `until_s` no further block is begun after so many seconds.
    """
    ends_at = None if until_s is None else time.monotonic() + until_s
    blocks = _blocks(template, first, count)
    if jobs == 1:
        for block in blocks:
            if ends_at is not None and time.monotonic() >= ends_at:
                return
            done = run_block(block)
            yield done
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running: set[Future[Block]] = set()
        for block in blocks:
            running.add(pool.submit(run_block, block))
            if len(running) <= jobs:
                continue
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
            if ends_at is not None and time.monotonic() >= ends_at:
                break
        for future in running:
            yield future.result()


def _blocks(template: Scenario, first: int, count: int) -> Iterator[list[Scenario]]:
    for start in range(first, first + count, _BLOCK):
        yield [replace(template, seed=seed) for seed in range(start, min(start + _BLOCK, first + count))]
