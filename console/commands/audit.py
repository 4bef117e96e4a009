"""`leadflow audit`: recompute from the topics alone what must hold, and say what does not."""

from __future__ import annotations

import time

import click
from rich.text import Text

from console.audit.evidence import gather
from console.audit.limits import Limit
from console.audit.verdict import Fill, judge
from console.reach import Reach, reach
from console.screen import count, money, screen, table, utc
from console.work_left import left

#: Findings printed; the rest are counted.
SHOWN_MAX = 100
LOOK_EVERY_S = 0.5


@click.command()
@click.option("--wait", "wait_s", type=click.FloatRange(0, 3600), default=10.0, show_default=True, metavar="SECONDS",
              help="Wait so long for work on its way; it would count as lost.")  # fmt: skip
@click.option("--caps", is_flag=True, help="Also list how far each cap was used in each window.")
def command(wait_s: float, caps: bool) -> None:
    """Recompute the promises from the topics and say what does not hold; exit 1 if anything.

    Nothing lost, nothing sold twice, no cap passed in any window, every closing as its sales say. Reads only what is
    committed, shares no code with what it judges, changes nothing. Meant for a moment without traffic.
    """
    way, console = reach(), screen()
    if open_ := _wait(way, wait_s):
        console.print(f"{count(open_, 'record')} on the way: their leads count as lost below", style="yellow")
    evidence = gather(way.reader, way.codec)
    verdict = judge(evidence)
    if caps:
        _show_caps(verdict.fills, evidence.sold[0].currency if evidence.sold else "USD")
    for finding in verdict.findings[:SHOWN_MAX]:
        console.print(Text(f"{finding.kind}: {finding.what}"))
    if len(verdict.findings) > SHOWN_MAX:
        console.print(f"... and {len(verdict.findings) - SHOWN_MAX:,} more")
    console.print(Text(f"{count(verdict.received, 'lead')} received, {count(len(evidence.sold), 'sale')}: {verdict}"))
    if not verdict.good:
        raise click.ClickException("the promises do not hold")


def _wait(way: Reach, wait_s: float) -> int:
    """Wait until all work is done, at most so long; return what is left."""
    deadline = time.monotonic() + wait_s
    while (open_ := left(way.reader, way.group)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return open_


def _show_caps(fills: tuple[Fill, ...], currency: str) -> None:
    listed = table("cap of", "", "window from", "used", "of", "", right=[3, 4])
    for fill in fills:
        used, limit = (_amount(fill.limit, value, currency) for value in (fill.used, fill.limit.limit))
        since = utc(fill.window_start_at)[:19] if fill.limit.window != "total" else ""
        whose = fill.contract_id or fill.buyer_id
        listed.add_row(
            whose, f"{fill.limit.measure} a {fill.limit.window}", since, used, limit, "full" if fill.full else ""
        )
    screen().print(listed)


def _amount(limit: Limit, value: int, currency: str) -> str:
    return f"{value:,}" if limit.measure == "leads" else money(value, currency)
