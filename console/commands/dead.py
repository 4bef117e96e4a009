"""`leadflow dead`: records that could not be processed."""

from __future__ import annotations

import click
from rich.text import Text

from console.commands.tail import print_record
from console.decoding import Shown, show
from console.masking import shown
from console.reach import Reach, reach
from console.screen import agree, count, near, screen, table, utc
from console.setting_aside import Found, find, one, send_back
from schemas.topics import OFFERS, dead_topic
from streams.stage import Message

LISTED_MAX = 200


@click.group()
def command() -> None:
    """Look at records that could not be processed, and send them back.

    A dead letter keeps the record as it was, with the reason; the lead behind it has no other end until it is sent
    back and goes its way.
    """


@command.command("list")
@click.option("--topic", default="", help="Only those of this topic, such as leads.received.")
@click.option("--all", "everything", is_flag=True, help="Also those that were sent back.")
def list_(topic: str, everything: bool) -> None:
    """List dead letters with their reasons."""
    way = reach()
    _check(way, topic)
    letters = [each for each in find(way, topic) if everything or not each.retried]
    console = screen()
    if not letters:
        console.print("no dead letters")
        return
    listed = table("name", "set aside", "reason", "why")
    listed.columns[0].no_wrap = listed.columns[2].no_wrap = True  # both are copied from here
    for each in letters[-LISTED_MAX:]:
        why = each.letter.detail + (" (sent back)" if each.retried else "")
        listed.add_row(each.ref, utc(each.letter.at)[:19], each.letter.reason, Text(why))
    console.print(listed)
    if len(letters) > LISTED_MAX:
        console.print(f"and {len(letters) - LISTED_MAX:,} older ones; --topic narrows the list")


@command.command("show")
@click.argument("name")
@click.option("--unmask", is_flag=True, help="Show persons' values as they are.")
def show_(name: str, unmask: bool) -> None:
    """Show one dead letter and, if it can be read, the record in it. NAME is as `dead list` shows it."""
    way, console = reach(), screen()
    found = one(way, name)
    letter = found.letter
    print_record(console, Shown(found.ref, letter.at, "DeadLetter", "", shown(letter, unmask=unmask)))
    inner = Message(letter.topic, letter.partition, letter.offset, letter.timestamp_at, letter.key, letter.value)
    print_record(console, show(inner, way.codec, unmask=unmask))


@command.command("retry")
@click.argument("names", nargs=-1)
@click.option("--topic", default="", help="All of this topic that were not sent back yet.")
@click.option("--all", "everything", is_flag=True, help="All that were not sent back yet.")
@click.option("--yes", is_flag=True, help="Send back without asking.")
def retry(names: tuple[str, ...], topic: str, everything: bool, yes: bool) -> None:
    """Send dead letters back to the topics they came from, each once.

    Mend the cause first: what fails again comes back here. Offers are not sent back, their rights have ended.
    """
    if bool(names) + bool(topic) + everything != 1:
        raise click.UsageError("name the dead letters, or say --topic TOPIC, or --all")
    way, console = reach(), screen()
    _check(way, topic)
    letters = [one(way, name) for name in names] if names else _waiting(find(way, topic))
    if not letters:
        console.print("no dead letters to send back")
        return
    agree(
        f"Send {count(len(letters), 'record')} back to {', '.join(sorted({f.letter.topic for f in letters}))}?", yes=yes
    )
    console.print(f"{count(send_back(way, letters), 'record')} sent back")


def _check(way: Reach, topic: str) -> None:
    """Raise a usage error for a topic that has no dead letters and never will."""
    sources = sorted(name.removesuffix(dead_topic("")) for name in way.reader.topics() if name.endswith(dead_topic("")))
    if topic and topic not in sources:
        raise click.BadParameter(f"no topic {topic!r} has dead letters{near(topic, sources)}", param_hint="--topic")


def _waiting(letters: list[Found]) -> list[Found]:
    return [each for each in letters if not each.retried and each.letter.topic != OFFERS]
