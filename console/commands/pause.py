"""`leadflow pause`: stop selling to a buyer or contract, or taking from a supplier or into a campaign."""

from __future__ import annotations

import click

from console.pausing import KINDS, UntilTime, outgoing, until_ms, write
from console.reach import reach
from console.screen import screen, utc


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("id_", metavar="ID")
@click.option("--until", type=UntilTime(), help="A time with zone, or a span such as 2h. Default: until resumed.")
def command(kind: str, id_: str, until: tuple[str, int] | None) -> None:
    """Stop selling to a buyer or contract, or taking from a supplier or into a campaign.

    In force within 3 s; a new plan does not end it. Leads that come meanwhile go to other buyers (buyer, contract)
    or are rejected with the reason (supplier, campaign).
    """
    way = reach()
    end = until_ms(until, way.clock.now_ms())
    write(way, outgoing(way, kind, id_, paused=True, until=end))
    when = "until it is resumed" if end < 0 else f"until {utc(end)}"
    screen().print(f"{kind} {id_} is paused {when}; `leadflow resume {kind} {id_}` ends it")
