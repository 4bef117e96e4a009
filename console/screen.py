"""What all commands' screens have in common: 80 columns, plain tables, bounded progress, one way to ask."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from config.plan.money import amount_text
from console.harmless import harmless

WIDTH = 80
NAMED_MAX = 20
"""Names that are listed where one is wrong."""

CALENDAR_END_MS = 253_402_214_400_000
"""The last day of the year 9999, UTC: what calendars know in every zone."""

LINE_EVERY_S = 60.0
"""Between two lines about progress where no terminal is."""


class _Screen(Console):
    """Shows text as it is: brackets are no markup, and what came from outside cannot steer the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def screen(*, error: bool = False) -> Console:
    """Return the console of a command: at most 80 columns, no colours or markup of its own for what is said."""
    console = _Screen(stderr=error, highlight=False, markup=False, soft_wrap=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return console


def table(*columns: str, right: Iterable[int] = (), title: str | None = None) -> Table:
    """Return an empty table; the columns numbered in `right` hold numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    numbers = set(right)
    for index, name in enumerate(columns):
        made.add_column(name, justify="right" if index in numbers else "left", overflow="fold")
    return made


def hanging(console: Console, head: Text | str, body: Text, *, further: int = 0) -> None:
    """Print `body` behind `head`; where it needs more lines, they begin below its first word, or `further` in."""
    start = head if isinstance(head, Text) else Text(head)
    indent = len(start) + further
    for number, line in enumerate(body.wrap(console, console.width - indent)):
        line.rstrip()
        console.print((Text(" " * indent) if number else start) + line)


def item(console: Console, text: Text) -> None:
    """Print one of a list, two columns in; where it needs more lines, they begin two columns further in."""
    hanging(console, "  ", text, further=2)


def agree(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`; end the command with a word when the answer is no, or nobody is there to give one."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(f"{question} Nobody can answer here; add --yes to go on without asking.")
    if not click.confirm(question):
        raise click.ClickException("left as it was")


class _Rate(ProgressColumn):
    """Rows a second since the start."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


class _Told(Progress):
    """A progress bar that is told as a line a minute where no terminal is, as in a build's log."""

    _next_s = 0.0

    def start(self) -> None:
        self._next_s = self.get_time() + LINE_EVERY_S
        super().start()

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        if not self.disable or self.get_time() < self._next_s:
            return
        self._next_s = self.get_time() + LINE_EVERY_S
        task = self._tasks[task_id]
        of = f" of {task.total:,.0f}" if task.total else ""
        took = age(int((task.elapsed or 0) * 1000))
        click.echo(f"{task.description}: {task.completed:,.0f}{of} after {took}", err=True)


def progress(console: Console) -> Progress:
    """Return a progress bar with count, rate and time left; where no terminal is, a line a minute on standard error."""
    return _Told(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
    )


def fetching_kafka(done: int, total: int) -> None:
    """Say how many of Kafka's files are there: on a terminal one line that counts, else the first and the last."""
    text = f"fetching Kafka, once: {done} of {total} files"
    if sys.stderr.isatty():
        click.echo(f"\r{text}", err=True, nl=done == total)
    elif done in (1, total):
        click.echo(text, err=True)


def utc(at_ms: int) -> str:
    """Return a time as `2026-06-02 17:00:00.123Z`; "-" for one that is not known.

    One that is on no calendar, as of a supplier that writes microseconds, stays a number.
    """
    if at_ms < 0:
        return "-"
    if at_ms > CALENDAR_END_MS:
        return f"{at_ms:,} ms after 1970"
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03d}Z"


def local(at_ms: int, zone: str) -> str:
    """Return a time in a zone as `Tue 10:00:00 PDT`; "-" for one that is on no calendar."""
    if not 0 <= at_ms <= CALENDAR_END_MS:
        return "-"
    return f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)):%a %H:%M:%S %Z}"


def age(ms: int) -> str:
    """Return a span as its two largest units: `3 h 12 min`, `4 s`, `250 ms`."""
    if ms < 1000:
        return f"{max(ms, 0)} ms"
    seconds = ms // 1000
    for unit, size, below, step in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // step} {below}"
    return f"{seconds} s"


def money(minor: int, currency: str) -> str:
    """Return an amount in its currency's units: `1,234.50 USD`."""
    whole, point, rest = amount_text(minor, currency).partition(".")
    return f"{int(whole):,}{point}{rest} {currency}" if abs(minor) >= 100_000 else f"{whole}{point}{rest} {currency}"


def priced(minor: int, currency: str, rule: str) -> str:
    """Return a price with what set it: `30.00 USD (grade is A)`. A rule is a condition, `: ` and the amount again."""
    condition = rule.rpartition(": ")[0]
    return money(minor, currency) + (f" ({condition})" if condition else "")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 partition`, `2,000 leads`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def near(name: str, names: Sequence[str]) -> str:
    """Return a hint after a name that does not exist: what it may have been, or what there is."""
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    if not names:
        return "; there are none"
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return f"; there are: {', '.join(sorted(names)[:NAMED_MAX])}{more}"
