"""`leadflow simulate`: the whole application on a broker in memory, seed by seed, with every fault a seed can draw."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from console.page import write_between_marks
from console.screen import count, progress, screen, table
from console.simulation.fleet import run_all
from console.simulation.plan_chain import VERSIONS
from console.simulation.rules_off import MARK, RARE, RULES, look_all, rules_table
from console.simulation.runs import Outcome, run
from console.simulation.scenario import KINDS, WEATHERS, Scenario
from console.simulation.shrinking import Shrinker
from console.simulation.tally import MEANINGS, Tally

SEEDS_MAX = 10_000_000
SHOWN_FAILURES = 3
EXIT_FAILED = 1


@click.command()
@click.option("--seeds", type=click.IntRange(1, SEEDS_MAX), default=200, show_default=True, help="How many seeds.")
@click.option("--from", "first", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--jobs", type=click.IntRange(1, 64), default=None, help="Processes; as many as cores by default.")
@click.option("--until-s", type=click.FloatRange(1), default=None, help="Begin nothing new after so many seconds.")
@click.option("--seed", type=click.IntRange(0), default=None, help="Run this seed alone.")
@click.option("--trace", is_flag=True, help="With --seed: say what happened, turn by turn.")
@click.option("--weather", type=click.Choice(list(WEATHERS)), help="Instead of what the seed draws.")
@click.option("--leads", type=click.IntRange(1, 60), default=60, help="With --seed: at most so many leads.")
@click.option(
    "--changes", type=click.IntRange(0, VERSIONS - 1), default=VERSIONS - 1, help="At most so many new plans."
)
@click.option("--workers", type=click.IntRange(1, 3), default=3, help="At most so many workers.")
@click.option("--faults", type=click.IntRange(0), default=Scenario.faults, help="At most so many faults at steps.")
@click.option("--without", type=click.Choice(KINDS), multiple=True, help="Leave a kind of fault out; may be repeated.")
@click.option("--rules-off", is_flag=True, help="Switch off one protective rule after the other; each must be found.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --rules-off: write the table between the marks of this page.",
)
def command(
    seeds: int,
    first: int,
    jobs: int | None,
    until_s: float | None,
    seed: int | None,
    trace: bool,
    weather: str | None,
    leads: int,
    changes: int,
    workers: int,
    faults: int,
    without: tuple[str, ...],
    rules_off: bool,
    page: Path | None,
) -> None:
    """Run leadflow in memory under crashes, zombies, lost epochs, Redis losses, wrong clocks and new plans.

    A seed settles everything: plan, leads, workers, what goes wrong at which step, and when. After each run the topics
    and tables are judged. A seed that fails is made smaller, and the command that repeats it is printed.
    """
    jobs = jobs or os.cpu_count() or 1
    template = Scenario(seed or 0, weather or "", leads, changes, workers, faults, frozenset(without))
    if rules_off:
        _show_rules(seeds, jobs, page)
    elif seed is not None:
        _show_one(run(template, trace=trace))
    else:
        _run_many(template, first, seeds, jobs, until_s)


def _run_many(template: Scenario, first: int, seeds: int, jobs: int, until_s: float | None) -> None:
    console, tally, turns, ran = screen(error=True), Tally(), 0, 0
    failures: list[Outcome] = []
    began = time.monotonic()
    with progress(console) as bar:
        task = bar.add_task("seeds", total=seeds)
        for block in run_all(template, first, seeds, jobs, until_s):
            ran, turns = ran + block.seeds, turns + block.turns
            tally.update(block.tally)
            failures += block.failures
            for outcome in block.failures:
                console.print(f"seed {outcome.scenario.seed} failed: {outcome.findings[0]}", markup=False)
            bar.update(task, completed=ran)
    _show_tally(tally)
    took_s = time.monotonic() - began
    click.echo(f"{count(ran, 'seed')} from {first} in {took_s:,.0f} s, {ran / took_s:,.1f}/s, {turns:,} turns")
    for outcome in sorted(failures, key=lambda each: each.scenario.seed)[:SHOWN_FAILURES]:
        _show_failure(outcome)
    if failures:
        click.echo(f"{len(failures)} of {count(ran, 'seed')} failed: {_list(failures)}")
        raise SystemExit(EXIT_FAILED)
    click.echo("nothing lost, nothing sold twice, no cap passed, memory and topics agree")


def _show_rules(seeds: int, jobs: int, page: Path | None) -> None:
    shown, rules = table("switched off", "of", "seed", "what broke", right=[2]), (*RULES, *RARE)
    with progress(screen(error=True)) as bar:
        found = list(bar.track(look_all(rules, range(seeds), jobs), total=len(rules), description="rules"))
    for rule, seed, finding in found:
        shown.add_row(rule.name, rule.source, "-" if seed is None else str(seed), finding[:120])
    screen().print(shown)
    for rule, seed, _ in found:
        if seed not in (None, rule.seed):
            click.echo(f"{rule.name}: its known seed {rule.seed} does not notice any more, {seed} does", err=True)
    if page is not None:
        write_between_marks(page, MARK, rules_table(found))
    missed = [rule.name for rule, seed, _ in found if seed is None and rule in RULES]
    if missed:
        click.echo(f"{count(seeds, 'seed')} have not noticed that these were off: {', '.join(missed)}")
        raise SystemExit(EXIT_FAILED)
    click.echo(f"each of {len(RULES)} rules is missed when it is off")


def _list(failures: list[Outcome]) -> str:
    numbers = sorted(outcome.scenario.seed for outcome in failures)
    return ", ".join(map(str, numbers[:20])) + (" ..." if len(numbers) > 20 else "")


def _show_failure(outcome: Outcome) -> None:
    click.echo(f"\nseed {outcome.scenario.seed} failed; making it smaller ...", err=True)
    shrinker = Shrinker(outcome)
    small = shrinker.shrink()
    for finding in small.findings[:5]:
        click.echo(f"  {finding}")
    click.echo(
        f"  {small.turns} turns and {count(small.faults, 'fault')} after {count(shrinker.tried, 'try')}".replace(
            "trys", "tries"
        )
    )
    click.echo(f"    {small.scenario.command()} --trace")


def _show_one(outcome: Outcome) -> None:
    for line in outcome.trace:
        click.echo(line)
    _show_tally(outcome.tally)
    if outcome.good:
        click.echo(f"seed {outcome.scenario.seed}: all holds after {outcome.turns:,} turns")
        return
    click.echo(f"seed {outcome.scenario.seed} fails after {outcome.turns:,} turns:")
    for finding in outcome.findings:
        click.echo(f"  {finding}")
    raise SystemExit(EXIT_FAILED)


def _show_tally(tally: Tally) -> None:
    shown = table("what happened", "times", "", right=[1])
    for name, meaning in MEANINGS.items():
        shown.add_row(name.replace("_", " "), f"{tally[name]:,}", meaning)
    screen().print(shown)
