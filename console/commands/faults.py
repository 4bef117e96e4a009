"""`leadflow faults`: bring faults about on real parts under load, and say what was promised and what came."""

from __future__ import annotations

import datetime
import fnmatch
import random
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from rich.text import Text

from console.cluster.stop_signals import interrupted_by_signals
from console.faults.all_faults import CATALOGUE
from console.faults.catalogue import Fault
from console.faults.report import MARK, Figures, markdown, on_screen, read_json, set_aside, write_json
from console.faults.restoring import ENTRIES_DEFAULT, OVERWRITES_DEFAULT, restore_large_table
from console.faults.running import Outcome
from console.faults.series import run_each, summary
from console.faults.soak import Soak, Soaked
from console.page import write_between_marks
from console.screen import count, near, screen, table

RESTORE = "restore-large-table"
JSON_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)


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
    screen().print("* by name only, not part of a run of all")


@command.command(name="run")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "file", type=JSON_FILE, help="Keep the figures here, after each fault.")
@click.option("--resume", is_flag=True, help="With --json: leave out what ended exact in that file, and add to it.")
@click.option("--verbose", is_flag=True, help="Say what the supervisor says.")
def run_(names: tuple[str, ...], file: Path | None, resume: bool, verbose: bool) -> None:
    """Bring faults about, by name or else all of them.

    Exits with 1 when a promise did not hold. A name may be a pattern in quotes, such as 'secured-*'.

    A fault that fails keeps no other from being run. Ctrl-C stops everything that runs; what has ended before is
    shown, and with --json it is kept.
    """
    if resume and file is None:
        raise click.UsageError("--resume goes on with the figures of a file; name it with --json")
    chosen = _chosen(names)
    earlier = read_json([file]).outcomes if resume and file is not None and file.exists() else []
    if not resume:
        _set_aside(file)
    exact = {one.fault for one in earlier if one.verdict == "exact"}
    _run_and_show([fault for fault in chosen if fault.name not in exact], earlier, file, verbose)


@command.command(name="restore")
@click.option(
    "--entries",
    type=click.IntRange(1000, 5_000_000),
    default=ENTRIES_DEFAULT,
    show_default=True,
    help="How many the table has.",
)
@click.option(
    "--overwrites",
    type=click.IntRange(0, 50_000_000),
    default=OVERWRITES_DEFAULT,
    show_default=True,
    help="How often one of them was written again before.",
)
@click.option("--json", "file", type=JSON_FILE, help="Keep the figures here.")
@click.option("--verbose", is_flag=True, help="Say what the supervisor says.")
def restore_(entries: int, overwrites: int, file: Path | None, verbose: bool) -> None:
    """Let a worker restore a large table that was overwritten often.

    Takes minutes and 1 GB of disk.
    """
    sized = partial(restore_large_table, entries=entries, overwrites=overwrites)
    share = (entries + overwrites) / (ENTRIES_DEFAULT + OVERWRITES_DEFAULT)
    fault = CATALOGUE[RESTORE]
    _set_aside(file)
    _run_and_show([replace(fault, alone=sized, takes_s=30 + share * fault.takes_s)], [], file, verbose)


@command.command(name="soak")
@click.option("--minutes", type=click.FloatRange(0.1, 240), default=10.0, show_default=True, help="For how long.")
@click.option("--seed", type=click.IntRange(0), help="Draw the faults of an earlier soak again.")
@click.option("--json", "file", type=JSON_FILE, help="Keep the figures here, after each fault.")
@click.option("--verbose", is_flag=True, help="Say what the supervisor says.")
def soak_(minutes: float, seed: int | None, file: Path | None, verbose: bool) -> None:
    """Bring random faults about under load, for some minutes.

    One after the other, and one at least; exits with 1 when a promise breaks.

    Afterwards all leads come to their end and the auditor judges, which takes a minute more. Ctrl-C stops everything
    that runs and shows what came before.
    """
    _set_aside(file)
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix=f"leadflow-soak-{seed}-"))
    soak = Soak(folder, minutes, seed, file, _tell, _tell if verbose else _silent)
    _tell(f"seed {seed}; the same faults again: {soak.soaked.command()}")
    with interrupted_by_signals(_say_stopping):
        try:
            soak.run()
        except KeyboardInterrupt:
            shutil.rmtree(folder, ignore_errors=True)
            _show_soak(soak.soaked)
            raise click.Abort from None
    _show_soak(soak.soaked)
    if soak.soaked.verdict != "exact":
        raise click.ClickException(
            f"seed {seed}: {soak.soaked.judged} (everything is kept in {folder})\nagain: {soak.soaked.command()}"
        )
    shutil.rmtree(folder, ignore_errors=True)


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--page", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Write between the marks of this page."
)
def report(files: tuple[Path, ...], page: Path | None) -> None:
    """Make one table of the figures of several runs.

    As `run --json` wrote them; the promises are today's.

    Of a fault that is in more than one file, that of the last file counts.
    """
    found = read_json(files)
    today = [
        replace(one, promised=CATALOGUE[one.fault].promised) if one.fault in CATALOGUE else one
        for one in _in_order(found.outcomes)
    ]
    text = markdown(Figures(today, found.made))
    if page is None:
        click.echo(text)
    else:
        write_between_marks(page, MARK, text)


def _chosen(names: tuple[str, ...]) -> list[Fault]:
    """Return the faults of these names or patterns in the order of the table; without one, all that are part of it."""
    for name in names:
        if not fnmatch.filter(CATALOGUE, name):
            raise click.UsageError(f"no fault {name}{near(name, list(CATALOGUE))}; `leadflow faults list` shows them")
    named = {fault for name in names for fault in fnmatch.filter(CATALOGUE, name)}
    return [fault for fault in CATALOGUE.values() if (fault.name in named if names else fault.whole)]


def _set_aside(file: Path | None) -> None:
    if file is not None and (old := set_aside(file)) is not None:
        _tell(f"the figures that were in {file} are in {old} now")


def _run_and_show(faults: list[Fault], earlier: Iterable[Outcome], file: Path | None, verbose: bool) -> None:
    """Run faults, keep what came of each, show the table; what came earlier is part of both."""
    outcomes = {one.fault: one for one in earlier}

    def keep() -> list[Outcome]:
        found = _in_order(outcomes.values())
        if file is not None:
            write_json(file, found, datetime.datetime.now(datetime.UTC).date().isoformat())
        return found

    keep()  # a file that cannot be written is told now, not after the first fault
    with interrupted_by_signals(_say_stopping):
        try:
            for outcome in run_each(faults, _tell, _tell if verbose else _silent):
                outcomes[outcome.fault] = outcome
                keep()
        except KeyboardInterrupt:
            _show(keep())
            if file is not None:
                _tell(f"{file} has what ended; the same command with --resume goes on with the rest")
            raise click.Abort from None
    found = keep()
    _show(found)
    if failed := [one.fault for one in found if one.verdict == "FAILED"]:
        again = f"again: leadflow faults run --verbose {' '.join(failed)}"
        raise click.ClickException(f"{count(len(failed), 'fault')} broke a promise: {', '.join(failed)}\n{again}")


def _in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes in the order of the table; faults that there are no more come last."""
    order = {name: number for number, name in enumerate(CATALOGUE)}
    return sorted(outcomes, key=lambda one: order.get(one.fault, len(order)))


def _show(outcomes: list[Outcome]) -> None:
    if outcomes:
        screen().print(on_screen(outcomes))
    screen().print(summary(outcomes))


def _show_soak(soaked: Soaked) -> None:
    listed = table("fault", "times", "longest silence", right=[1, 2])
    for what, (times, longest_s) in soaked.longest().items():
        listed.add_row(what, str(times), f"{longest_s:.1f} s")
    if soaked.struck:
        screen().print(listed)
    told = f"{soaked.verdict}: seed {soaked.seed}, {count(len(soaked.struck), 'fault')}, {soaked.seconds:.0f} s"
    judged = f": {soaked.judged}" if soaked.verdict != "FAILED" else ""
    screen().print(Text(f"{told}, {count(soaked.leads, 'lead')}{judged}"))


def _say_stopping(signal_name: str) -> None:
    _tell(f"stopping ({signal_name}): workers, then Valkey, then Kafka")


def _silent(_: str) -> None:
    pass


def _tell(text: str) -> None:
    click.echo(text, err=True)
