"""`leadflow plan`: check, compare, apply and show the distribution plan."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from config.plan.check import check_sources
from config.plan.json_schema import plan_schema
from config.plan.model import Plan
from config.plan.problems import PlanProblems
from config.plan.reading import read_files
from config.settings import Settings, load_settings
from console.applying import Step, apply, check, prepare_topics, step_to
from console.reach import Reach, reach
from console.screen import agree, count, item, near, screen, utc
from schemas.records import PlanVersion

#: Buyers named in a sentence; the rest are counted.
NAMED_MAX = 12

path_argument = click.argument("path", type=click.Path(path_type=Path, exists=True))


@click.group()
def command() -> None:
    """Check, compare, apply and show the distribution plan.

    PATH is a YAML file, or a folder whose *.yaml files together are the whole plan.
    """


@command.command("check")
@path_argument
def check_(path: Path) -> None:
    """Say all that is wrong with a plan, by file and line. Needs no Kafka."""
    plan, _ = load_checked(path, load_settings(os.environ))
    contracts = sum(len(buyer.contracts) for buyer in plan.buyers)
    screen().print(
        f"the plan is right: {count(len(plan.campaigns), 'campaign')}, {count(len(plan.suppliers), 'supplier')}, "
        f"{count(len(plan.buyers), 'buyer')}, {count(contracts, 'contract')}, amounts in {plan.currency}"
    )


@command.command("diff")
@path_argument
def diff_(path: Path) -> None:
    """Say in words what a plan would change, and what refuses it."""
    show_step(screen(), _step(reach(), path))


@command.command("apply")
@path_argument
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--retire", multiple=True, metavar="ID", help="Agree that this id goes for good; once for each.")
def apply_(path: Path, yes: bool, retire: tuple[str, ...]) -> None:
    """Put a plan into force, within seconds, as a whole.

    Buyers that the change does not name go on selling as they did. What the plan leaves out must be named by
    --retire; its id can never be used again.
    """
    console, way = screen(), reach()
    step = _step(way, path)
    if step.is_same:
        version = step.version - 1
        created = prepare_topics(step.plan, way.topic_admin, way.sizes)
        console.print(f"nothing changes: version {version} says the same" + _also(created))
        return
    show_step(console, step)
    check(step, retire)
    agree(f"Apply this as version {step.version}?", yes=yes)
    created = prepare_topics(step.plan, way.topic_admin, way.sizes)
    plan, terms = apply(way, step)
    told = [each.buyer_id for each in terms]
    console.print(f"version {plan.version} is in force; {_told(told)}{_also(created)}")


@command.command("show")
@click.option("--version", type=int, help="Show this version; default: the one in force.")
@click.option("--json", "as_json", is_flag=True, help="Show the checked plan as JSON instead of its files.")
def show(version: int | None, as_json: bool) -> None:
    """Show a version of the plan as it was applied."""
    record = _version(reach(), version)
    if as_json:
        click.echo(json.dumps(json.loads(record.plan_json), indent=2))
        return
    click.echo(f"# version {record.version}, applied {utc(record.applied_at)}, {record.hash[:12]}")
    for name, text in record.sources.items():
        click.echo(f"# --- {name}")
        click.echo(text.rstrip("\n"))


@command.command("schema")
def schema() -> None:
    """Print a JSON Schema of the plan's YAML, for editors."""
    click.echo(json.dumps(plan_schema(), indent=2))


def load_checked(path: Path, settings: Settings) -> tuple[Plan, dict[str, str]]:
    """Return the checked plan and its files. Ends the command with every problem when there are any."""
    try:
        sources = read_files(path)
        return check_sources(sources, settings.retention_days, settings.memory_days), sources
    except PlanProblems as problems:
        found = count(len(problems.problems), "problem")
        raise click.ClickException(f"the plan has {found}\n{problems}") from None


def _step(way: Reach, path: Path) -> Step:
    plan, sources = load_checked(path, way.settings)
    return step_to(plan, sources, way.newest_plan())


def _version(way: Reach, number: int | None) -> PlanVersion:
    if number is None:
        newest = way.newest_plan()
        if newest is None:
            raise click.ClickException("no plan was applied yet; `leadflow plan apply PATH`")
        return newest
    versions = {record.version: record for record in way.plan_versions()}
    if number not in versions:
        raise click.ClickException(f"there is no version {number}{near(str(number), [str(v) for v in versions])}")
    return versions[number]


def show_step(console: Console, step: Step) -> None:
    """Print what a step changes, who is told, and what it would be refused for."""
    since = (
        f"version {step.before.version} of {utc(step.before.applied_at)}"
        if step.before
        else "nothing, as it is the first"
    )
    console.print(f"compared with {since}", style="bold")
    if step.is_same:
        item(console, Text("nothing changes"))
    for change in step.diff.changes:
        item(console, Text.assemble((str(change.subject), "bold"), f": {change.text}"))
    for campaign in step.diff.widened:
        wider = "looks further for duplicates, so the workers claim earlier leads again first"
        item(console, Text(f"{campaign}: {wider}"))
    for removal in step.diff.removed:
        item(console, Text.assemble((f"{removal} goes for good", "yellow"), f" (--retire {removal.id})"))
    for refusal in step.diff.refused:
        item(console, Text(f"refused: {refusal}", style="red"))
    if step.diff.buyers:
        item(console, Text(_told(list(step.diff.buyers))))


def _told(buyers: list[str]) -> str:
    if not buyers:
        return "no buyer's terms change"
    named = ", ".join(buyers[:NAMED_MAX])
    more = f" and {len(buyers) - NAMED_MAX} more" if len(buyers) > NAMED_MAX else ""
    return f"new terms for {count(len(buyers), 'buyer')}: {named}{more}"


def _also(created: list[str]) -> str:
    return f"; {count(len(created), 'topic')} made" if created else ""
