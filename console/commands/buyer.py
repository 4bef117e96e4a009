"""`leadflow buyer`: how buyers stand: caps used and left, open or not, what they have not read yet."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.reach import Reach, reach
from console.screen import WIDTH, age, local, money, near, screen, table, utc
from console.standing import Standing, Unread, Use, standings

ID_COLUMN, UNREAD_COLUMN_MIN = 16, 8


@click.group()
def command() -> None:
    """Show buyers, their caps and what they have not read."""


@command.command("list")
def list_() -> None:
    """List all buyers of the plan: bought today, closest cap, open or not.

    The last column is how many records of its topic the buyer has not read.
    """
    way, console = reach(), screen()
    plan = way.plan()
    listed = table("buyer", "today", f"spent {plan.currency}", "closest cap", "now", "unread", right=[1, 2, 5])
    if console.width >= WIDTH:
        _give_room(listed)
    now = way.clock.now_ms()
    for standing in standings(way, plan.buyer_ids):
        leads, spent = standing.sold_today(now)
        listed.add_row(
            standing.buyer_id,
            f"{leads:,}",
            money(spent, plan.currency).removesuffix(f" {plan.currency}"),
            Text(_closest(standing.uses(now), plan.currency)),
            Text(_state(standing, now)),
            _unread_in_short(standing.unread),
        )
    console.print(listed)


def _give_room(listed: Table) -> None:
    """Keep amounts and reasons whole, for a reason is a word to search for, and let ids and caps break instead."""
    listed.columns[0].max_width = ID_COLUMN
    listed.columns[5].min_width = UNREAD_COLUMN_MIN
    for column in (listed.columns[2], listed.columns[4]):
        column.no_wrap = True


@command.command("show")
@click.argument("buyer_id", metavar="BUYER")
def show_(buyer_id: str) -> None:
    """Show one buyer: every cap with used and left, its contracts.

    Below them its pauses, and for every consumer group the records of its topic that were not read, with the age of
    the oldest.
    """
    way, console = reach(), screen()
    plan = way.plan()
    if buyer_id not in plan.buyer_ids:
        raise click.BadParameter(
            f"the plan has no buyer {buyer_id!r}{near(buyer_id, plan.buyer_ids)}", param_hint="BUYER"
        )
    (standing,) = standings(way, [buyer_id])
    buyer = next(each for each in plan.plan.buyers if each.id == buyer_id)
    now = way.clock.now_ms()
    console.print(Text.assemble((buyer_id, "bold"), f"  {buyer.name}, {local(now, buyer.time_zone)} there"))
    leads, spent = standing.sold_today(now)
    console.print(f"bought today: {leads:,} leads for {money(spent, plan.currency)}")
    show_caps(console, standing.uses(now), plan.currency, buyer.time_zone)
    _show_contracts(console, standing, now)
    _show_unread(console, way, standing)


def show_caps(console: Console, uses: list[Use], currency: str, zone: str) -> None:
    """Print every cap: used, left, and when its window ends in the buyer's zone."""
    if not uses:
        console.print("no caps")
        return
    caps = table("cap of", "", "used", "left", "limit", "window ends", right=[2, 3, 4])
    for use in uses:
        cap = use.cap
        numbers = [_amount(cap.measure, value, currency) for value in (use.used, use.left, cap.limit)]
        resets = "" if use.resets_at < 0 else f"{utc(use.resets_at)[:10]} {local(use.resets_at, zone)}"
        caps.add_row(use.contract_id or "buyer", f"{cap.measure} a {cap.window}", *numbers, resets)
    console.print(caps)


def _amount(measure: str, value: int, currency: str) -> str:
    return f"{value:,}" if measure == "leads" else money(value, currency)


def _closest(uses: list[Use], currency: str) -> str:
    if not uses:
        return "-"
    use = min(uses, key=lambda use: use.left / use.cap.limit)
    used, limit = (_amount(use.cap.measure, value, currency) for value in (use.used, use.cap.limit))
    return f"{used} of {limit} a {use.cap.window}"


def _state(standing: Standing, now_ms: int) -> str:
    if standing.terms is None:
        return "not told yet"
    closed = [each for each in standing.status if not each.open and not 0 <= each.closed_until <= now_ms]
    if not closed:
        return "open"
    if len(closed) < len(standing.status):
        return f"{len(closed)} of {len(standing.status)} closed"
    return closed[0].reason


def _show_contracts(console: Console, standing: Standing, now_ms: int) -> None:
    contracts = table("contract", "now", "until")
    for each in sorted(standing.status, key=lambda status: status.contract_id):
        over = 0 <= each.closed_until <= now_ms
        is_open = each.open or over
        until = "" if is_open or each.closed_until < 0 else utc(each.closed_until)
        contracts.add_row(each.contract_id, "open" if is_open else f"closed: {each.reason}", until)
    console.print(contracts)
    for contract_id, end in standing.paused(now_ms).items():
        what = f"contract {contract_id}" if contract_id else "the buyer"
        console.print(f"{what} is paused by hand {'until resumed' if end < 0 else f'until {utc(end)}'}")


def _show_unread(console: Console, way: Reach, standing: Standing) -> None:
    if not standing.unread:
        console.print(f"no consumer group has read {way.settings.prefix}buyers.{standing.buyer_id}.leads yet")
        return
    groups = table("consumer group", "unread", "oldest", right=[1])
    for each in standing.unread:
        groups.add_row(each.group, _records(each), age(each.oldest_ms) if each.oldest_ms >= 0 else "-")
    console.print(groups)


def _records(unread: Unread) -> str:
    return f"{unread.records:,}" if unread.exact else f"about {unread.records:,}"


def _unread_in_short(unread: list[Unread]) -> str:
    if not unread:
        return "-"
    worst = max(unread, key=lambda each: each.records)
    return _records(worst) + (f", {age(worst.oldest_ms)}" if worst.oldest_ms >= 0 else "")
