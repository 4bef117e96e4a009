"""How long a worker takes to have a large table back in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import click

from console.bench.failure import BenchFailed
from console.bench.machine import this_machine
from console.bench.result import Figure, Result
from console.faults import restoring
from console.faults.failure import FaultFailed
from console.faults.stand import Needs, stand

GOAL_S: Final = 2.0
GOAL_RSS_MB: Final = 300.0


def measure(entries: int, overwrites: int) -> Result:
    """Fill a changelog, start a worker, wait until every entry is there. Raises BenchFailed."""
    with tempfile.TemporaryDirectory(prefix="leadflow-bench-") as folder:
        try:
            with stand(Needs(workers=0), Path(folder), lambda text: click.echo(text, err=True)) as here:
                found = restoring.measure(here, entries, overwrites)
        except FaultFailed as failed:
            raise BenchFailed(str(failed)) from None
    figures = (
        Figure("restored after", found.restored_s, "s", round(GOAL_S * entries / 1_000_000, 1)),
        Figure("ready after launch", found.ready_s, "s"),
        *(Figure(f"  {step} after", round(seconds, 2), "s") for step, seconds in found.steps_s.items()),
        Figure("memory", found.rss_mb, "MB", GOAL_RSS_MB),
        Figure("changelog on disk", found.log_mb, "MB"),
        Figure("entries a second", round(entries / max(found.restored_s, 0.1)), ""),
    )
    work = f"{entries:,} entries after {overwrites:,} overwrites, 8 partitions, one worker"
    return Result("restore", work, this_machine(), figures, f"all {entries:,} entries are there")
