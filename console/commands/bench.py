"""`leadflow bench`: what a lead costs, measured on real parts in a folder that goes away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.table import Table

from console.bench.latency import measure as measure_latency
from console.bench.throughput import measure as measure_throughput
from console.bench.w1 import BUYERS
from console.screen import screen

LEADS_MAX = 10_000_000


@click.group()
def command() -> None:
    """Measure CPU and latency of a lead on W1, the reference workload (docs/performance.md).

    Each run starts a Kafka, a Valkey and a worker of its own, judges the output with a separate reader, and fails
    when it is not exact. Nothing else should run on the machine meanwhile.
    """


@command.command()
@click.option("--leads", type=click.IntRange(1000, LEADS_MAX), default=300_000, show_default=True, help="How many.")
@click.option("--contracts", type=click.IntRange(1, 5000), default=BUYERS, show_default=True, help="How many buyers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def throughput(leads: int, contracts: int, as_json: bool) -> None:
    """CPU microseconds a lead of one worker with all agents; the input is there before it starts."""
    _show("W1 through one worker", measure_throughput(leads, contracts).as_json(), as_json)


@command.command()
@click.option("--rate", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Leads a second.")
@click.option("--seconds", type=click.IntRange(5, 3600), default=30, show_default=True, help="For how long.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def latency(rate: int, seconds: int, as_json: bool) -> None:
    """Milliseconds from a received lead to the buyer having it, at a steady rate through one worker."""
    _show("from received to the buyer", measure_latency(rate, seconds).as_json(), as_json)


def _show(title: str, found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    table = Table("figure", "value", title=title)
    for name, value in found.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else value)
    screen().print(table)
