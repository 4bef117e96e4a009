"""`leadflow resume`: end a pause."""

from __future__ import annotations

import click

from console.pausing import KINDS, UNTIL_RESUMED, outgoing, write
from console.reach import reach
from console.screen import screen


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("id_", metavar="ID")
def command(kind: str, id_: str) -> None:
    """End a pause of a buyer, contract, supplier or campaign; in force within 3 s, harmless when there is none."""
    way = reach()
    write(way, outgoing(way, kind, id_, paused=False, until=UNTIL_RESUMED))
    screen().print(f"{kind} {id_} is resumed")
