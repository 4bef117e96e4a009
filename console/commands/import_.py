"""`leadflow import`: bring in the leads of a CSV file, after showing what will become of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from config.plan.compiled import CompiledPlan
from console.importing.mapping import ColumnMap, MappingProblem, Origin, guess, parse_asked
from console.importing.pacing import Pace, waiting_at_intake
from console.importing.reading import FileProblem, Format, Row, Unreadable, detect, read_header, read_rows
from console.importing.sending import Rejects, Tally, send
from console.importing.verdict import FileVerdict, admit, judge
from console.masking import mask
from console.pausing import pauses
from console.producing import NotTaken, Sender
from console.reach import Reach, reach
from console.screen import NAMED_MAX, agree, count, progress, screen, table
from schemas.errors import LeadflowError
from schemas.records import Pause

#: Rows shown before the question.
SHOWN_ROWS = 5
#: Columns of the screen for names, and for each row's values: 80 in all.
NAME_COLUMN, VALUE_COLUMN = 19, 8
#: Characters of a column's name that are shown in a list: a line that holds no names is long.
NAME_CHARS_MAX = 60
#: Kinds of fault shown; the rest are counted.
SHOWN_FAULTS = 12


@dataclass(frozen=True, slots=True)
class File:
    """A file that can be read: how it is written, which column is what, and how it was when it was looked at."""

    path: Path
    form: Format
    columns: ColumnMap
    state: tuple[int, int]

    def check_unchanged(self) -> None:
        """Raise FileProblem when the file is another one than was shown."""
        if _state(self.path) != self.state:
            raise FileProblem(f"{self.path} has changed since it was checked; nothing was sent, start again")

    def rows(self) -> Iterator[Row | Unreadable]:
        """Read it once more from its first row."""
        return read_rows(self.path, self.form, len(self.columns.columns))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--campaign", required=True, help="Campaign that the leads are for.")
@click.option("--supplier", required=True, help="Supplier that they come from.")
@click.option(
    "--map", "asked", multiple=True, metavar="COLUMN=FIELD", help="Say what a column is; 'COLUMN=' leaves it out."
)
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--check", "only_check", is_flag=True, help="Look at the file and send nothing.")
@click.option("--test", is_flag=True, help="Send them as test leads: no cap, no price, only to buyers that take tests.")
@click.option("--delimiter", help="The sign between columns ('tab' for tabs); found by itself otherwise.")
@click.option("--encoding", help="How the text is encoded, such as cp1252; found by itself otherwise.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where rows that cannot be read are listed. Default: FILE.rejects.csv.",
)
def command(
    file: Path,
    campaign: str,
    supplier: str,
    asked: tuple[str, ...],
    yes: bool,
    only_check: bool,
    test: bool,
    delimiter: str | None,
    encoding: str | None,
    rejects: Path | None,
) -> None:
    """Bring in the leads of a CSV file.

    Shows the mapping of columns to fields, five masked rows and what the campaign will say to each row, then asks.
    A row's identity is its `supplier_lead_id` column if one is mapped, else a hash of the mapped row. Importing a
    file again, or going on after an interruption, sells nothing twice: what was received before counts as a repeat.
    """
    console, way = screen(), reach()
    way.settings.need("hash_key")
    origin = Origin(campaign, supplier, test, way.settings.hash_key_bytes)
    plan = way.plan()
    admission = admit(plan, origin)
    source = _open(file, plan, campaign, asked, _sign(delimiter), encoding)
    refused = Rejects(rejects or file.with_name(file.name + ".rejects.csv"), file)
    show_mapping(console, source)
    with progress(console) as bar:
        task = bar.add_task("checking", total=None)
        verdict = judge(source.rows(), source.columns, origin, admission, lambda: bar.advance(task))
        bar.update(task, total=verdict.rows)
    show_verdict(console, verdict, plan, campaign)
    show_pauses(console, pauses(way), origin)
    if only_check:
        return
    if verdict.rows == verdict.unreadable:
        raise FileProblem(f"{file} has no row that can be sent")
    agree(_question(verdict, supplier, campaign), yes=yes)
    with refused:
        if verdict.unreadable:
            refused.begin()  # that it cannot be written is said before anything is sent
        _send(console, way, source, origin, verdict.rows, refused)


def _question(verdict: FileVerdict, supplier: str, campaign: str) -> str:
    refused = f", {'all' if not verdict.valid else f'{verdict.invalid:,}'} of them to be refused"
    whole = f"Send {count(verdict.rows - verdict.unreadable, 'lead')} of {supplier} into {campaign}"
    return whole + (refused if verdict.invalid else "") + "?"


def _sign(delimiter: str | None) -> str | None:
    sign = "\t" if delimiter in ("tab", "\\t") else delimiter
    if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
        raise click.BadParameter(f"one sign is wanted, or 'tab', not {delimiter!r}", param_hint="--delimiter")
    return sign


def _open(
    path: Path, plan: CompiledPlan, campaign: str, asked: Sequence[str], delimiter: str | None, encoding: str | None
) -> File:
    form = detect(path, encoding, delimiter)
    fields = [rule.name for rule in plan.campaigns[campaign].fields]
    columns = guess(read_header(path, form), fields, parse_asked(asked))
    required = [rule.name for rule in plan.campaigns[campaign].fields if rule.required]
    without = [name for name in required if columns.column_of(name) is None]
    if not columns.fields or len(without) == len(required) > 0:
        alone = " or, if another sign stands between its columns, that with --delimiter" * (len(columns.columns) == 1)
        raise MappingProblem(
            f"no column of {path} is known as a field of {campaign}; say which with --map COLUMN=FIELD{alone}. "
            f"Columns: {_some(columns.columns)}. Fields: {_some(fields)}"
        )
    return File(path, form, columns, _state(path))


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def show_mapping(console: Console, source: File) -> None:
    """Print how the file is written, what each column is taken for, and the first rows, persons masked."""
    console.print(Text.assemble((str(source.path), "bold"), f": {source.form}"))
    rows = list(islice((row for row in source.rows() if isinstance(row, Row)), SHOWN_ROWS))
    mapped = table("column", "field", *(f"row {number}" for number in range(1, len(rows) + 1)))
    for column in mapped.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for column in mapped.columns[:2]:
        column.max_width = NAME_COLUMN
    for column in mapped.columns[2:]:
        column.max_width = VALUE_COLUMN
    for index, field in source.columns.fields:
        values = [mask(field, row.values[index].strip()) for row in rows]
        mapped.add_row(*map(Text, (source.columns.columns[index], field, *values)))
    console.print(mapped)
    if source.columns.unused:
        console.print(f"not used: {_some(source.columns.unused)}", style="dim")


def _some(names: Sequence[str]) -> str:
    """Return names in their order, as many as one can read."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(name[:NAME_CHARS_MAX] for name in names[:NAMED_MAX]) + more


def show_verdict(console: Console, verdict: FileVerdict, plan: CompiledPlan, campaign: str) -> None:
    """Print what the campaign says to the file."""
    console.print(
        Text.assemble(
            "\n",
            (campaign, "bold"),
            f" (plan {plan.version}) on {count(verdict.rows, 'row')}: "
            f"{verdict.valid:,} pass, {verdict.invalid:,} refused, "
            f"{count(verdict.repeats, 'repeat')} of an earlier row, {verdict.unreadable:,} unreadable",
        )
    )
    if verdict.duplicates:
        console.print(
            f"{count(verdict.duplicates, 'row')} of those that pass: the person of an earlier row; "
            "of two such leads one is rejected as DUPLICATE"
        )
    if verdict.faults:
        faults = table("field", "fault", "leads", right=[2])
        for (field, detail), number in verdict.faults.most_common(SHOWN_FAULTS):
            faults.add_row(field, detail, f"{number:,}")
        console.print(faults)
        if (more := len(verdict.faults) - SHOWN_FAULTS) > 0:
            console.print(f"... and {more} other faults", style="dim")
    for reason, number in verdict.unread.most_common(SHOWN_FAULTS):
        console.print(
            f"cannot be read: {count(number, 'row')}, first in line {verdict.unread_line[reason]:,}: {reason}"
        )
    for note, number in verdict.notes.most_common(SHOWN_FAULTS):
        console.print(f"mended in {count(number, 'lead')}: {note}", style="dim")


def show_pauses(console: Console, found: Sequence[Pause], origin: Origin) -> None:
    """Say what keeps the campaign from taking these leads now."""
    own = {("campaign", origin.campaign_id), ("supplier", origin.supplier_id)}
    for pause in found:
        if (pause.kind, pause.id) in own:
            console.print(
                Text.assemble(
                    (f"{pause.kind} {pause.id} is paused", "bold"),
                    f": what is sent now is rejected; `leadflow resume {pause.kind} {pause.id}` ends that",
                )
            )


def _send(console: Console, way: Reach, source: File, origin: Origin, rows: int, rejects: Rejects) -> None:
    source.check_unchanged()
    sender = Sender(way.address)
    tally, pace = Tally(), Pace(lambda: waiting_at_intake(way))
    with progress(console) as bar, _safe_to_stop(console, sender):
        task = bar.add_task("sending", total=rows)
        for _ in send(source.rows(), source.columns, origin, way.codec, sender, rejects, way.clock.now_ms, tally):
            bar.advance(task)
            pace.hold()
        sender.flush()
    console.print(f"{count(sender.acknowledged, 'lead')} received by leadflow")
    if tally.rejected:
        console.print(f"{count(tally.rejected, 'row')} could not be read: see {rejects.path}")
    console.print("what becomes of them: `leadflow buyer list`, `leadflow tail leads.closed`, `leadflow lead show ID`")


@contextmanager
def _safe_to_stop(console: Console, sender: Sender) -> Iterator[None]:
    """On Ctrl-C or an error, let what is under way arrive and say how far it came and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, LeadflowError) as stopped:
        try:
            if not isinstance(stopped, NotTaken):
                sender.flush()
        finally:
            console.print(
                f"stopped after {count(sender.acknowledged, 'lead')}; run the same command again to go on: "
                "what was received counts as a repeat"
            )
        raise
