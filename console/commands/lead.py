"""`leadflow lead show`: the whole story of one lead, from what was written down with each decision."""

from __future__ import annotations

import click

from console.reach import reach
from console.screen import screen
from console.story.gathering import gather
from console.story.showing import show
from console.story.telling import tell, tell_buyer


@click.group()
def command() -> None:
    """Tell the story of a lead."""


@command.command("show")
@click.argument("name", metavar="ID")
@click.option("--for-buyer", metavar="BUYER", help="Only what this buyer may know: no supplier, score, margin, others.")
@click.option("--unmask", is_flag=True, help="Show the person's values as they are.")
def show_(name: str, for_buyer: str | None, unmask: bool) -> None:
    """Tell the whole story of a lead.

    ID is its lead_id, its supplier's id, or the place where it came in (partition@offset of leads.received, 3@1234).
    Times are in UTC, and in the buyer's zone beside them.
    """
    story = gather(reach(), name)
    sections = tell_buyer(story, for_buyer, unmask=unmask) if for_buyer else tell(story, unmask=unmask)
    show(screen(), sections)
