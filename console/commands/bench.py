"""`leadflow bench`: what a lead costs, measured on real parts in a folder that goes away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from console.bench.failure import BenchFailed
from console.bench.result import NoResult, Result, read_result
from console.bench.w1 import BUYERS
from console.screen import screen

LEADS_MAX = 10_000_000


@click.group()
def command() -> None:
    """Measure what a lead costs on W1, the reference workload (docs/performance.md).

    Each run starts parts of its own, judges the output, and fails when it is not exact. Nothing else should run on the
    machine meanwhile. Every result says how fast this machine is, so that figures of two machines can be compared.
    """


def _with_output(run: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every benchmark."""
    run = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(run)
    earlier = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--compare", type=earlier, help="An earlier result, as --json printed it.")(run)


@command.command()
@click.option("--leads", type=click.IntRange(1000, LEADS_MAX), default=300_000, show_default=True, help="How many.")
@click.option("--contracts", type=click.IntRange(1, 5000), default=BUYERS, show_default=True, help="How many buyers.")
@_with_output
def throughput(leads: int, contracts: int, as_json: bool, compare: Path | None) -> None:
    """CPU microseconds a lead of one worker with all agents.

    The input is there before the worker starts.
    """
    from console.bench.throughput import measure

    _show("throughput", lambda: measure(leads, contracts), as_json, compare)


@command.command()
@click.option("--rate", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Leads a second.")
@click.option("--seconds", type=click.IntRange(5, 3600), default=30, show_default=True, help="For how long.")
@click.option(
    "--import", "bulk", type=click.IntRange(0, LEADS_MAX), default=0, help="Leads that are imported in bulk meanwhile."
)
@_with_output
def latency(rate: int, seconds: int, bulk: int, as_json: bool, compare: Path | None) -> None:
    """Milliseconds from a received lead to the buyer having it.

    At a steady rate through one worker.
    """
    from console.bench.latency import measure

    _show("latency", lambda: measure(rate, seconds, bulk), as_json, compare)


@command.command()
@click.option("--kills", type=click.IntRange(1, 100), default=5, show_default=True, help="How often.")
@_with_output
def recovery(kills: int, as_json: bool, compare: Path | None) -> None:
    """Seconds without output after kill -9 of the only worker."""
    from console.bench.recovery import measure

    _show("recovery", lambda: measure(kills), as_json, compare)


@command.command()
@click.option(
    "--entries", type=click.IntRange(1000, LEADS_MAX), default=1_000_000, show_default=True, help="How many it has."
)
@click.option(
    "--overwrites",
    type=click.IntRange(0, 10 * LEADS_MAX),
    default=0,
    show_default=True,
    help="How often one of them was written again: a longer changelog.",
)
@_with_output
def restore(entries: int, overwrites: int, as_json: bool, compare: Path | None) -> None:
    """Seconds until a worker has a large table back in memory."""
    from console.bench.restore import measure

    _show("restore", lambda: measure(entries, overwrites), as_json, compare)


@command.command()
@click.option("--contracts", type=click.IntRange(50, 20_000), default=5000, show_default=True, help="How many.")
@_with_output
def contracts(contracts: int, as_json: bool, compare: Path | None) -> None:
    """CPU of a decision among many contracts against one among 50.

    As many contracts accept the lead in both.
    """
    from console.bench.contracts import measure

    _show("contracts", lambda: measure(contracts), as_json, compare)


def _show(bench: str, measure: Callable[[], Result], as_json: bool, compare: Path | None) -> None:
    try:
        earlier = None if compare is None else read_result(compare, bench)
        result = measure()
    except (BenchFailed, NoResult) as problem:
        raise click.ClickException(str(problem)) from None
    if as_json:
        click.echo(result.as_json())
        return
    console = screen()
    console.print(result.table(earlier))
    console.print(Text(f"{result.verdict}\n{result.machine}".strip()))
