"""`leadflow acls`: the permissions that a role needs at Kafka, as commands that grant them."""

from __future__ import annotations

import os

import click

from config.plan.scalars import ID
from config.settings import load_settings
from console.permissions import ROLES, Place, commands

ADDRESS_UNKNOWN = "HOST:9092"


@click.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.argument("buyer", required=False)
@click.option("--principal", required=True, help="Who gets them, as Kafka knows it, such as User:sunco.")
def command(role: str, buyer: str | None, principal: str) -> None:
    """Print the commands that let a role do its work at a Kafka that checks permissions.

    Roles: worker; operator, who does all that this command line can; import, for `leadflow import` alone; supplier,
    who writes leads without it; buyer, with its id; data, who reads facts. Nothing is changed and Kafka is not asked:
    a super user runs what is printed. What is optional begins with # and says what it adds.
    """
    if role == "buyer" and not buyer:
        raise click.UsageError("which buyer? leadflow acls buyer ID --principal User:...")
    if buyer and role != "buyer":
        raise click.UsageError(f"the role {role} takes no buyer")
    if buyer and not ID.fullmatch(buyer):
        raise click.BadParameter(f"{buyer!r} is no buyer's id: lower-case letters, digits, dashes", param_hint="BUYER")
    settings = load_settings(os.environ)
    at = Place(settings.prefix, settings.group, buyer or "")
    for permission, line in commands(role, at, principal, settings.kafka or ADDRESS_UNKNOWN):
        click.echo(f"# {'optional: ' if permission.optional else ''}{permission.why}")
        click.echo(f"# {line}" if permission.optional else line)
