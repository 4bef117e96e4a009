"""`leadflow demo`: watch leads flow from a file to buyers, with a crash on the way."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from console.audit.evidence import gather
from console.audit.topics import audit
from console.cluster.cluster import Cluster
from console.demo import leads
from console.demo.cast import START, cast, drain, import_leads, plan_path, pretended, write_leads
from console.demo.result import buyers_table, differences, show_verdict, totals, totals_table
from console.demo.stories import stories
from console.reach import Reach
from console.screen import fetching_kafka, hanging, progress, screen

LEADS_MAX = 20_000
NEXT = """
look around in it        ./leadflow demo --keep
bring in leads of yours  ./leadflow up --plan config/plan/samples/reference.yaml"""


@click.command()
@click.option(
    "--leads", "count", type=click.IntRange(100, LEADS_MAX), default=2_000, show_default=True, help="How many leads."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Another number makes other people.")
@click.option("--keep", is_flag=True, help="Stay up afterwards, to look around; Ctrl-C ends it.")
def command(count: int, seed: int, keep: bool) -> None:
    """Watch leads flow from a file through Kafka to the buyers, with a crash on the way.

    Starts Kafka, Valkey and two workers in a folder of its own, applies a sample plan, imports leads that it makes up
    itself, kills a worker with -9 half way, and lets a separate reader judge the result. Leaves nothing behind.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="leadflow-demo-"))
    try:
        good = _run(screen(), folder, count, seed, keep=keep)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise click.Abort from None
    except BrokenPipeError:
        shutil.rmtree(folder, ignore_errors=True)
        raise  # the reader of our output (head, less) has seen enough
    except BaseException:
        click.echo(f"the demo failed; its logs are in {folder}", err=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    if not good:
        raise click.ClickException("the result is not what it must be, see above")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class _Steps:
    """Prints each step with the time it took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()

    def note(self, what: str) -> None:
        """Print what happened on the way, without the log's place: it goes away with the demo's folder."""
        hanging(self._console, " " * 9, Text(what.partition(" (log: ")[0], style="dim"))

    def done(self, what: str) -> None:
        """Print a step that is done."""
        now = time.monotonic()
        hanging(self._console, Text(f"{now - self._begun:5.1f} s  ", style="dim"), Text(what))
        self._begun = now


def _run(console: Console, folder: Path, count: int, seed: int, *, keep: bool) -> bool:
    steps = _Steps(console)
    environ = pretended(os.environ)
    console.print(Text.assemble(("leadflow demo", "bold"), f": {count:,} leads for the buyers of {plan_path().name}"))
    console.print(f"For leadflow it is {START:%A, %-d %B %Y, %H:%M} UTC, whatever the hour is here.")
    file, made = write_leads(folder, count, seed)
    steps.done(f"{count:,} leads made up in a CSV file (seed {seed})")
    with cast(folder, environ, steps.note, steps.done, fetching_kafka) as (cluster, way):
        killed_at = _import(console, cluster, way, file, count)
        steps.done(f"imported; worker w1, killed with -9 at lead {killed_at:,}, came back by itself")
        drain(cluster, way)
        steps.done("every lead has come to its end")
        good = _judge(console, way, made, killed_at)
        if keep:
            _stay(console, cluster)
    if not keep:
        console.print(NEXT, style="dim", soft_wrap=True)
    return good


def _import(console: Console, cluster: Cluster, way: Reach, file: Path, count: int) -> int:
    with progress(console) as bar:
        task = bar.add_task("importing", total=count)
        kill, _ = import_leads(cluster, way, file, count, lambda: bar.advance(task))
    return kill.sent


def _judge(console: Console, way: Reach, made: list[leads.Lead], killed_at: int) -> bool:
    """Read everything back with the separate reader and print what it found; return whether all is well."""
    evidence = gather(way.reader, way.codec)
    verdict, found = audit(way.reader, way.codec), totals(evidence)
    mismatches = differences(found, leads.counts(made))
    console.print()
    console.print(buyers_table(evidence, verdict))
    console.print()
    console.print(totals_table(found))
    console.print()
    for story in stories(evidence):
        console.print(Text.assemble((story.title, "bold"), f"  {story.lead_id}"))
        for line in story.lines:
            hanging(console, "  ", Text(line))
    console.print()
    show_verdict(console, verdict, killed_at, mismatches)
    return verdict.good and not mismatches


def _stay(console: Console, cluster: Cluster) -> None:
    console.print(
        f"\nStill running. In another terminal:\n  export LEADFLOW_DATA={cluster.folder}\n"
        "  ./leadflow buyer list\n  ./leadflow lead show F00001\n  ./leadflow tail leads.sold\nCtrl-C ends it.",
        soft_wrap=True,
    )
    try:
        cluster.run(until=lambda: False)
    except KeyboardInterrupt:
        console.print("stopping")
