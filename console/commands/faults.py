"""`leadflow faults`: bring faults about on real parts under load, and say what was promised and what came."""

from __future__ import annotations

import datetime
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from rich.text import Text

from console.cluster.problems import ClusterProblem
from console.faults.all_faults import CATALOGUE
from console.faults.catalogue import Fault
from console.faults.failure import FaultFailed
from console.faults.report import as_json, machine, markdown, on_screen, read_json, write_between_marks
from console.faults.restoring import restore_large_table
from console.faults.running import Outcome, run
from console.faults.soak import soak
from console.screen import count, screen, table

RESTORE = "restore-large-table"


@click.group()
def command() -> None:
    """Bring faults about under load, on a Kafka, a Valkey and workers of their own, and let the auditor judge.

    Each fault has a stand of its own in a folder that goes away (kept when the fault failed). A fault counts only
    if records were in flight before it and were processed after it. docs/faults.md says more.
    """


@command.command(name="list")
def list_() -> None:
    """Show the faults and what is promised of each."""
    listed = table("fault", "promised")
    for fault in CATALOGUE.values():
        listed.add_row(fault.name + ("" if fault.whole else " *"), fault.promised)
    screen().print(listed)
    screen().print("* by name only, not part of --all")


@command.command(name="run")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "all_", is_flag=True, help="All faults of the table.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write figures here too.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table as a page has it.")
@click.option("--verbose", is_flag=True, help="Say what the supervisor says.")
def run_(names: tuple[str, ...], all_: bool, json_file: Path | None, as_markdown: bool, verbose: bool) -> None:
    """Bring faults about, by name or all of them; exit 1 when a promise did not hold."""
    chosen = _chosen(names, all_)
    say = _to_stderr if verbose else _silent
    outcomes: list[Outcome] = []
    for number, fault in enumerate(chosen, start=1):
        outcomes.append(_run_one(fault, f"[{number}/{len(chosen)}]", say))
        if json_file:
            json_file.write_text(as_json(outcomes, machine(), _today()), encoding="utf-8")
    if as_markdown:
        click.echo(markdown(outcomes, machine(), _today()))
    else:
        screen().print(on_screen(outcomes))
    if failed := [one.fault for one in outcomes if one.verdict == "FAILED"]:
        raise click.ClickException(f"{count(len(failed), 'fault')} broke a promise: {', '.join(failed)}")


@command.command(name="soak")
@click.option("--minutes", type=click.FloatRange(0.1, 240), default=10.0, show_default=True, help="For how long.")
@click.option("--seed", type=int, help="Draw the faults of an earlier soak again.")
def soak_(minutes: float, seed: int | None) -> None:
    """Bring random faults about, one after the other under load, for some minutes; exit 1 when a promise breaks."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix=f"leadflow-soak-{seed}-"))
    try:
        soaked = soak(folder, minutes, seed, _to_stderr)
    except (FaultFailed, ClusterProblem) as error:
        raise click.ClickException(f"seed {seed}: {error} (everything is kept in {folder})") from None
    shutil.rmtree(folder, ignore_errors=True)
    listed = table("fault", "times", "longest silence", right=[1, 2])
    for what, (times, longest_s) in sorted(soaked.longest().items()):
        listed.add_row(what, str(times), f"{longest_s:.1f} s")
    screen().print(listed)
    screen().print(f"seed {seed}, {soaked.seconds:.0f} s, {soaked.leads:,} leads: {soaked.judged}")


@command.command()
@click.option("--entries", type=click.IntRange(1000, 5_000_000), default=1_000_000, show_default=True)
@click.option("--overwrites", type=click.IntRange(0, 50_000_000), default=10_000_000, show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write figures here too.")
def restore(entries: int, overwrites: int, json_file: Path | None) -> None:
    """Let a worker restore a table of so many entries after so many overwrites; takes minutes and 1 GB of disk."""
    sized = partial(restore_large_table, entries=entries, overwrites=overwrites)
    outcome = _run_one(replace(CATALOGUE[RESTORE], alone=sized), "[1/1]", _silent)
    if json_file:
        json_file.write_text(as_json([outcome], machine(), _today()), encoding="utf-8")
    screen().print(on_screen([outcome]))
    if outcome.verdict == "FAILED":
        raise click.ClickException(f"the restore broke its promise: {outcome.observed}")


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--page", type=click.Path(path_type=Path, exists=True), help="Write between the marks of this page.")
def report(files: tuple[Path, ...], page: Path | None) -> None:
    """Make one table of the figures of several runs, as `run --json` wrote them; the promises are today's."""
    found = [
        replace(one, promised=CATALOGUE[one.fault].promised) if one.fault in CATALOGUE else one
        for one in read_json(files)
    ]
    order = list(CATALOGUE)
    found.sort(key=lambda one: order.index(one.fault) if one.fault in order else len(order))
    text = markdown(found, machine(), _today())
    if page is None:
        click.echo(text)
    else:
        write_between_marks(page, text)


def _chosen(names: tuple[str, ...], all_: bool) -> list[Fault]:
    if unknown := [name for name in names if name not in CATALOGUE]:
        raise click.UsageError(f"no such fault: {', '.join(unknown)}; `leadflow faults list` names them")
    if not names and not all_:
        raise click.UsageError("name a fault, or say --all; `leadflow faults list` names them")
    return [fault for fault in CATALOGUE.values() if fault.name in names or (all_ and fault.whole)]


def _run_one(fault: Fault, number: str, say: Callable[[str], None]) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix=f"leadflow-fault-{fault.name}-"))
    outcome = run(fault, folder, say)
    told = f"{number} {fault.name}: {outcome.verdict} in {outcome.seconds:.0f} s; {outcome.observed}; {outcome.judged}"
    screen(error=True).print(Text(told))
    return outcome


def _silent(_: str) -> None:
    pass


def _to_stderr(text: str) -> None:
    click.echo(text, err=True)


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
