"""`leadflow topics`: create, check and list the topics."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click
from rich.text import Text

from config.settings import Settings, load_settings
from console.reach import Reach
from console.screen import count, hanging, screen, table
from console.topics import create_topics, differences, sizes, topic_admin
from schemas.topics import DAY_MS, TopicSpec, catalogue

KIB = 1024


@click.group()
def command() -> None:
    """Create, check or list the topics.

    One catalogue describes them all: key, records, partitions, retention. Partition counts are chosen when the
    topics are made and never change, because the key decides the partition and with it who owns the lead.
    """


@command.command()
@click.option("--lead-partitions", type=click.IntRange(1, 1000), help="Partitions of topics keyed by lead.")
@click.option("--buyer-partitions", type=click.IntRange(1, 1000), help="Partitions of the buyers' inbox.")
@click.option("--mend", is_flag=True, help="Also set the topics' settings that differ from the catalogue.")
def create(lead_partitions: int | None, buyer_partitions: int | None, mend: bool) -> None:
    """Make the topics that are missing; what exists is left alone."""
    asked = {"LEADFLOW_LEAD_PARTITIONS": lead_partitions, "LEADFLOW_BUYER_PARTITIONS": buyer_partitions}
    given = {name: str(number) for name, number in asked.items() if number}
    settings = _settings(given)
    made = create_topics(settings)
    for name in made:
        click.echo(f"made {settings.prefix}{name}")
    click.echo(f"{count(len(made), 'topic')} made, {len(catalogue()) - len(made)} there before")
    if mend:
        wrong = differences(settings)
        topic_admin(settings).mend(wrong)
        mended = sum(bool(one.setting) and one.setting != "partitions" for one in wrong)
        click.echo(f"{count(mended, 'setting')} mended")
    if given and (other := [one for one in differences(settings) if one.setting == "partitions"]):
        raise click.ClickException("not as asked for\n" + "\n".join(f"  {one}" for one in other))
    if given:
        click.echo("set the same counts for every worker: LEADFLOW_LEAD_PARTITIONS, LEADFLOW_BUYER_PARTITIONS")


@command.command()
def check() -> int:
    """Compare the topics with the catalogue; exit 1 if one differs."""
    found = differences(_settings({}))
    for one in found:
        click.echo(str(one))
    click.echo(count(len(found), "difference") if found else "all topics are as the catalogue says")
    return 1 if found else 0


@command.command(name="list")
def list_() -> None:
    """Show what each topic carries, by which key, and for how long."""
    settings = load_settings(os.environ)
    shown = table("topic", "key", "parts", "kept", right=(2,))
    for spec in catalogue():
        shown.add_row(spec.name, spec.key, str(spec.partitions(sizes(settings))), _kept(spec, settings))
    shown.add_row("buyers.<buyer_id>.leads", "lead_id", "1", f"{settings.retention_days} d")
    console = screen()
    console.print(shown)
    for spec in catalogue():
        names = ", ".join(record.__name__ for record in spec.records)
        person = " Carries a person." if spec.personal else ""
        console.print(Text.assemble("\n", (spec.name, "bold"), f" ({names})"))
        hanging(console, "  ", Text(f"{spec.doc}{person}"))
    console.print(Text.assemble("\n", ("buyers.<buyer_id>.leads", "bold"), " (BuyerLead)"))
    console.print("  Made for each buyer when a plan is applied.")


def _kept(spec: TopicSpec, settings: Settings) -> str:
    if spec.keeping == "personal":
        return f"{spec.retention_ms(sizes(settings)) // DAY_MS} d"
    return spec.keeping


def _settings(given: Mapping[str, str]) -> Settings:
    settings = load_settings({**os.environ, **given})
    settings.need("kafka")
    Reach(settings).reader.topics()  # when Kafka does not answer, this says where it was looked for
    return settings
