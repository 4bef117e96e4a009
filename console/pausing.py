"""Pauses and resumes one party by hand, until a time or until resumed; in force within seconds, kept over plans."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from config.plan.model import Plan
from console.producing import Outgoing, Sender
from console.reach import Reach
from console.screen import near
from schemas.records import BuyerCommand, Pause
from schemas.topics import OFFERS, PAUSES

KINDS = ("buyer", "contract", "supplier", "campaign")
UNTIL_RESUMED = -1
LONGEST_MS = 10 * 365 * 86_400_000
"""The longest pause with an end: ten years."""


def ids_of(plan: Plan, kind: str) -> dict[str, str]:
    """Return the ids of a kind, each with the buyer that owns it ("" for suppliers and campaigns)."""
    if kind == "buyer":
        return {buyer.id: buyer.id for buyer in plan.buyers}
    if kind == "contract":
        return {contract.id: buyer.id for buyer in plan.buyers for contract in buyer.contracts}
    parts = plan.suppliers if kind == "supplier" else plan.campaigns
    return {part.id: "" for part in parts}


def outgoing(way: Reach, kind: str, name: str, *, paused: bool, until: int) -> Outgoing:
    """Return the record that pauses or resumes; raises a usage error for an id that the plan does not have."""
    known = ids_of(way.plan().plan, kind)
    if name not in known:
        raise click.BadParameter(f"the plan has no {kind} {name!r}{near(name, sorted(known))}", param_hint="ID")
    at = way.clock.now_ms()
    check_until(until, at)
    if kind in ("supplier", "campaign"):
        return Outgoing(PAUSES, f"{kind}/{name}", way.codec.encode(Pause(kind, name, paused, until, at)))
    contract = name if kind == "contract" else ""
    command = BuyerCommand(known[name], contract, "pause" if paused else "resume", until, at)
    return Outgoing(OFFERS, known[name], way.codec.encode(command))


def check_until(until: int, now_ms: int) -> None:
    """Raise a usage error for an end that is over, or so far away that it is none."""
    if until != UNTIL_RESUMED and until <= now_ms:
        raise click.BadParameter("that time is over", param_hint="--until")
    if until > now_ms + LONGEST_MS:
        raise click.BadParameter(
            "that is more than ten years away; leave --until out to pause until resumed", param_hint="--until"
        )


def pauses(way: Reach) -> list[Pause]:
    """Return the pauses of suppliers and campaigns that are in force, by kind and id."""
    now_ms = way.clock.now_ms()
    records = [record for record in way.latest(PAUSES) if isinstance(record, Pause)]
    return [pause for pause in records if pause.paused and not 0 <= pause.until <= now_ms]


def write(way: Reach, record: Outgoing) -> None:
    """Write one record and wait until it is taken."""
    sender = Sender(way.address)
    sender.send(record)
    sender.flush()


class UntilTime(click.ParamType):
    """A time with a zone, `2026-06-03T08:00:00-07:00`, or a span from now, `2h`, `30m`, `1d`."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return ("at", ms) or ("in", ms)."""
        if isinstance(value, tuple):
            return value
        text = str(value)
        units = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
        if text[-1:] in units and text[:-1].isdigit() and int(text[:-1]) > 0:
            return ("in", int(text[:-1]) * units[text[-1]])
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                self.fail(f"{text!r} has no time zone; write {at.isoformat()}Z for UTC", param, ctx)
            return ("at", round(at.astimezone(UTC).timestamp() * 1000))
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no time such as 2026-06-03T08:00:00-07:00, nor a span such as 2h", param, ctx)


def until_ms(given: tuple[str, int] | None, now_ms: int) -> int:
    """Return when a pause ends, UTC ms; -1 without an end."""
    if given is None:
        return UNTIL_RESUMED
    how, value = given
    return now_ms + value if how == "in" else value
