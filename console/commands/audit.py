"""`leadflow audit`: recompute from the topics alone what must hold, and say what does not."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from config.garbage import collect_rarely
from console.audit.auditor import Auditor
from console.audit.counts import Fill
from console.audit.metrics import served
from console.audit.monitor import Monitor
from console.audit.plans import Limit
from console.audit.scope import Scope
from console.audit.slack import USUAL
from console.audit.topics import Window, audit
from console.audit.verdict import Verdict
from console.cluster.stop_signals import interrupted_by_signals
from console.reach import Reach, reach
from console.screen import count, money, progress, screen, table, utc
from console.work_left import left
from schemas.codec import Codec

#: Findings printed; the rest are counted, and all are in `--json`.
SHOWN_MAX = 100
LOOK_EVERY_S = 0.5
DAY_MS = 86_400_000
METRICS_PORT = 6067
_OFFSETS = re.compile(r"\d+:\d+(,\d+:\d+)*")


class Moment(click.ParamType):
    """A time, ISO 8601 (UTC where no zone is named), in ms."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-06-02T17:00 or 2026-06-02T10:00-07:00", param, ctx)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


class Start(Moment):
    """A time, or offsets of leads.received as `partition:offset,partition:offset`."""

    name = "TIME|OFFSETS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it: ms, or offsets by partition."""
        if isinstance(value, str) and _OFFSETS.fullmatch(value):
            pairs = (each.split(":") for each in value.split(","))
            return {int(partition): int(offset) for partition, offset in pairs}
        return super().convert(value, param, ctx)


@click.command()
@click.option("--from", "start", type=Start(), help="Judge leads received since then; 0:120,1:98 are offsets.")
@click.option(
    "--to", "to_ms", type=Moment(), help="Judge leads received before then; what came of them is read to now."
)
@click.option("--wait", "wait_s", type=click.FloatRange(0, 3600), default=10.0, show_default=True, metavar="SECONDS",
              help="Wait so long for work on its way; it would count as lost.")  # fmt: skip
@click.option(
    "--follow", is_flag=True, help="Go on for ever: print findings as they appear, serve metrics; Ctrl-C ends it."
)
@click.option("--overdue", "overdue_s", type=click.FloatRange(1), default=300.0, show_default=True, metavar="SECONDS",
              help="With --follow: a lead that is on its way for longer is lost.")  # fmt: skip
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=METRICS_PORT, show_default=True,
              help="With --follow: port of its metrics, at LEADFLOW_WEB_HOST; 0 takes a free one.")  # fmt: skip
@click.option("--caps", is_flag=True, help="Also list how far each cap was used in each window.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict, its figures and all findings as JSON.")
def command(
    start: int | dict[int, int] | None,
    to_ms: int | None,
    wait_s: float,
    follow: bool,
    overdue_s: float,
    metrics_port: int,
    caps: bool,
    as_json: bool,
) -> None:
    """Recompute the promises from the topics and say what does not hold; exit 1 if anything.

    Nothing lost, nothing sold twice, no cap passed in any window; filters, hours, terms, prices, grades, fields and
    sums as the plan says. Reads only what is committed, shares no code with what it judges, changes nothing. Meant for
    a moment without traffic; with traffic, end the window before now.
    """
    way, console = reach(), screen()
    collect_rarely()
    offsets = start if isinstance(start, dict) else None
    window = Window(start if isinstance(start, int) else None, offsets, to_ms)
    if follow:
        if to_ms is not None or caps:
            raise click.UsageError("--follow never ends, so --to and --caps have no meaning with it")
        _follow(way, window if start is not None else Window(way.clock.now_ms()), overdue_s, metrics_port, as_json)
        return
    if to_ms is None and (open_ := _wait(way, wait_s)):
        screen(error=True).print(f"{count(open_, 'record')} on the way: their leads count as lost", style="yellow")
    verdict = _audit(way, console, window, quiet=as_json)
    if as_json:
        click.echo(json.dumps(verdict.as_json(), indent=2))
    else:
        _show(console, verdict, caps=caps)
    if not verdict.good:
        raise click.ClickException("the promises do not hold")


def _audit(way: Reach, console: Console, window: Window, *, quiet: bool) -> Verdict:
    horizon_ms = way.settings.retention_days * DAY_MS
    with progress(screen(error=True) if quiet else console) as bar:
        task = bar.add_task("auditing", total=None)
        return audit(
            way.reader,
            way.codec,
            window,
            horizon_ms=horizon_ms,
            watch=lambda read, of: bar.update(task, completed=read, total=of),
        )


def _follow(way: Reach, window: Window, overdue_s: float, port: int, as_json: bool) -> None:
    """Print what is found as it is found, a line each, until somebody ends it."""
    host = way.settings.web_host
    horizon_ms, slack = way.settings.retention_days * DAY_MS, USUAL.at_rate(way.reader.rate)

    def auditor(codec: Codec, scope: Scope) -> Auditor:
        return Auditor(codec, scope, horizon_ms=horizon_ms, slack=slack)

    overdue_ms = int(overdue_s * 1000 * way.settings.clock_rate)
    monitor = Monitor(way.reader, way.codec, auditor, way.clock.now_ms, overdue_ms)
    try:
        with interrupted_by_signals(_say_stopping), served(monitor.watched, host, port) as served_at:
            click.echo(f"auditing; metrics at http://{host}:{served_at}/metrics; Ctrl-C ends it", err=True)
            for finding in chain.from_iterable(monitor.run(window)):
                click.echo(json.dumps(finding.as_json()) if as_json else f"{utc(way.clock.now_ms())} {finding}")
    except OSError as error:
        raise click.ClickException(f"port {port} of {host}: {error.strerror}; give another --metrics-port") from None
    except KeyboardInterrupt:
        return


def _say_stopping(signal_name: str) -> None:
    click.echo(f"stopping ({signal_name})", err=True)


def _wait(way: Reach, wait_s: float) -> int:
    """Wait until all work is done, at most so long; return what is left."""
    deadline = time.monotonic() + wait_s
    while (open_ := left(way.reader, way.group)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return open_


def _show(console: Console, verdict: Verdict, *, caps: bool) -> None:
    figures = verdict.figures
    if caps:
        _show_caps(console, verdict.fills, figures.currency or "USD")
    for finding in verdict.findings[:SHOWN_MAX]:
        console.print(Text(str(finding)))
    if len(verdict.findings) > SHOWN_MAX:
        console.print(f"... and {len(verdict.findings) - SHOWN_MAX:,} more")
    console.print(Text(verdict.accounting()))
    if figures.closed:
        tests = f", {count(figures.tests, 'test lead')}" if figures.tests else ""
        unsold = ", ".join(f"{number:,} {reason}" for reason, number in figures.unsold.most_common())
        console.print(
            Text(
                f"{count(figures.sold, 'lead')} sold in {count(figures.sales, 'sale')} for "
                f"{money(figures.revenue_minor, figures.currency)}, payout "
                f"{money(figures.payout_minor, figures.currency)}{tests}" + (f"; unsold: {unsold}" if unsold else "")
            )
        )
    sales = count(figures.sales, "sale")
    console.print(Text(f"{count(figures.received, 'lead')} received, {sales}: {verdict}"))


def _show_caps(console: Console, fills: tuple[Fill, ...], currency: str) -> None:
    listed = table("cap of", "", "window from", "used", "of", "", right=[3, 4])
    for column in listed.columns[1:]:
        column.no_wrap = True  # where it is narrow only the id takes a second line
    for fill in fills:
        used, limit = (_amount(fill.limit, value, currency) for value in (fill.used, fill.limit.limit))
        since = utc(fill.window_start_at)[:16] if fill.limit.window != "total" else ""
        whose = fill.contract_id or fill.buyer_id
        listed.add_row(
            whose, f"{fill.limit.measure} a {fill.limit.window}", since, used, limit, "full" if fill.full else ""
        )
    console.print(listed)


def _amount(limit: Limit, value: int, currency: str) -> str:
    return f"{value:,}" if limit.measure == "leads" else money(value, currency)
