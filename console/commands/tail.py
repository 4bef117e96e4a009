"""`leadflow tail`: the newest records of a topic, decoded and masked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.decoding import Shown, as_json, as_text, show
from console.reach import Reach, reach
from console.screen import near, screen, utc
from streams.stage import Message

COUNT_MAX = 100_000


@click.command()
@click.argument("topic")
@click.option(
    "-n", "count", type=click.IntRange(0, COUNT_MAX), default=10, show_default=True, help="Records from the end."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "json_", is_flag=True, help="One line of JSON a record.")
@click.option("--unmask", is_flag=True, help="Show persons' values as they are.")
def command(topic: str, count: int, follow: bool, json_: bool, unmask: bool) -> None:
    """Show the newest records of a topic, decoded, persons masked.

    Reads only what is committed, outside of any group. `leadflow topics list` names the topics.
    """
    way, console = reach(), screen()
    if not way.reader.partitions(topic):
        known = sorted(way.reader.topics())
        raise click.BadParameter(f"there is no topic {topic!r}{near(topic, known)}", param_hint="TOPIC")
    with suppress(KeyboardInterrupt) if follow else nullcontext():
        for message in _messages(way, topic, count, follow=follow):
            _print(console, way, message, json_=json_, unmask=unmask)


def _messages(way: Reach, topic: str, count: int, *, follow: bool) -> Iterator[Message]:
    """Yield the newest records, and for ever those that come after them."""
    ends = way.reader.ends(way.reader.partitions(topic))
    newest = way.reader.last(topic, count)
    if count and not newest:
        click.echo(f"{topic} has no records yet", err=True)
    yield from newest
    if follow:
        for messages in way.reader.follow(ends):
            yield from messages


def _print(console: Console, way: Reach, message: Message, *, json_: bool, unmask: bool) -> None:
    record = show(message, way.codec, unmask=unmask)
    if json_:
        click.echo(as_json(record))
    else:
        print_record(console, record)


def print_record(console: Console, record: Shown) -> None:
    """Print a record: a heading with place and time, then a line for each field that has a value."""
    console.print(Text.assemble((record.kind, "bold"), f"  {record.place}  {utc(record.time_ms)}"))
    lines = Table.grid(padding=(0, 1))
    lines.add_column(style="dim", max_width=32, overflow="fold")
    lines.add_column(overflow="fold")
    for name, value in [("key", record.key), *as_text(record.fields)]:
        if value:
            lines.add_row(Text(f"  {name}"), Text(value))
    console.print(lines)
