"""`leadflow repair`: settle partitions whose state and offsets disagree."""

from __future__ import annotations

import click
from rich.text import Text

from console.mending import Disagreement, disagreements, settle
from console.reach import reach
from console.screen import agree, count, screen


@click.command()
@click.option("--yes", is_flag=True, help="Settle without asking.")
@click.option("--check", "only_check", is_flag=True, help="Look and change nothing; exit 1 when something is wrong.")
def command(yes: bool, only_check: bool) -> None:
    """Show partitions that workers will not go on with, and settle them.

    A worker stops a partition when its state and the committed offset disagree (offsets were reset or have expired,
    a log was cut): going on would lose leads or sell them twice. The state says how far the work has really come;
    settling commits that offset. The other partitions go on all the while.
    """
    way, console = reach(), screen()
    found = disagreements(way)
    if not found:
        console.print("state and offsets agree in every partition")
        return
    for each in found:
        console.print(Text.assemble((f"{each.partition.topic}-{each.partition.partition}", "bold"), f": {each.why}"))
        console.print(Text(f"  {each.repeats_or_skips}"))
    able = [each for each in found if each.settled >= 0]
    if only_check or not able:
        raise click.ClickException(f"{count(len(found), 'partition')} cannot go on" + _unable(found, able))
    agree(f"Settle {count(len(able), 'partition')} as said?", yes=yes)
    settle(way, able)
    console.print(
        f"{count(len(able), 'partition')} settled; whoever owns {'it' if len(able) == 1 else 'them'} goes on there "
        "within seconds" + _unable(found, able)
    )


def _unable(found: list[Disagreement], able: list[Disagreement]) -> str:
    return f"; {len(found) - len(able)} cannot be settled from here" if len(able) < len(found) else ""
