"""A file against its campaign, and a file on its way into leadflow."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

import config.plan.samples as samples
from config.plan.check import load_plan
from config.plan.compiled import CompiledPlan, compile_plan
from console.demo import leads
from console.demo.leads import Kind
from console.importing.mapping import ColumnMap, MappingProblem, Origin, guess
from console.importing.reading import FileProblem, Row, Unreadable, detect, read_header, read_rows
from console.importing.sending import Rejects, Tally, send
from console.importing.verdict import FileVerdict, admit, judge
from console.producing import Outgoing
from schemas.codec import Codec
from schemas.records import LeadReceived

ORIGIN = Origin("solar-us", "acme-forms", test=False, key=b"k")
SAMPLES = Path(next(iter(samples.__path__)))


@pytest.fixture(scope="module")
def plan() -> CompiledPlan:
    return compile_plan(load_plan(SAMPLES / "demo.yaml"), 1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("csv") / "leads.csv"
    leads.write(leads.make(2_000, 7), path)
    return path


def opened(path: Path, plan: CompiledPlan) -> tuple[ColumnMap, Iterator[Row | Unreadable]]:
    form = detect(path)
    header = read_header(path, form)
    columns = guess(header, [rule.name for rule in plan.campaigns["solar-us"].fields], {})
    return columns, read_rows(path, form, len(header))


def judged(path: Path, plan: CompiledPlan) -> FileVerdict:
    columns, rows = opened(path, plan)
    return judge(rows, columns, ORIGIN, admit(plan, ORIGIN))


class Taken(list[Outgoing]):
    """Takes everything."""

    def send(self, record: Outgoing) -> None:
        self.append(record)


def sent(path: Path, plan: CompiledPlan, folder: Path) -> tuple[Taken, Tally]:
    columns, rows = opened(path, plan)
    taken, tally = Taken(), Tally()
    with Rejects(folder / "rejects.csv", path) as rejects:
        for _ in send(rows, columns, ORIGIN, Codec(), taken, rejects, lambda: 1_000, tally):
            pass
    return taken, tally


def test_the_verdict_finds_exactly_the_trouble_that_was_made(file: Path, plan: CompiledPlan) -> None:
    made = leads.counts(leads.make(2_000, 7))
    verdict = judged(file, plan)
    assert (verdict.rows, verdict.unreadable) == (2_000, 0)
    assert verdict.invalid == made[Kind.INVALID]
    assert verdict.repeats == made[Kind.REPEAT]
    assert verdict.duplicates == made[Kind.DUPLICATE]
    assert verdict.valid == made[Kind.GOOD] + made[Kind.DUPLICATE] + made[Kind.OUT_OF_AREA]
    assert {field for field, _ in verdict.faults} >= {"email", "phone", "state", "postal_code", "monthly_bill"}
    assert any(note.startswith("postal_code") for note in verdict.notes)


def test_faults_never_quote_a_value(file: Path, plan: CompiledPlan) -> None:
    words = " ".join(detail for _, detail in judged(file, plan).faults)
    for value in ("nobody@", "California Dreaming", "call me", "a lot"):
        assert value not in words


def test_unreadable_rows_are_counted_apart(tmp_path: Path, plan: CompiledPlan) -> None:
    path = tmp_path / "leads.csv"
    path.write_text('email,phone\na@example.org,1\n"open,2\nb@example.org\n')
    verdict = judged(path, plan)
    assert (verdict.rows, verdict.unreadable, verdict.invalid, verdict.valid) == (3, 2, 1, 0)
    assert verdict.unread.total() == 2
    assert {verdict.unread_line[reason] for reason in verdict.unread} <= {3, 4}


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        (Origin("solar", "acme-forms", False, b""), "no campaign 'solar'; it has: solar-us"),
        (Origin("solar-us", "acme", False, b""), "no supplier 'acme'; it has: acme-forms, clickriver"),
    ],
)
def test_unknown_campaigns_and_suppliers_are_refused(plan: CompiledPlan, origin: Origin, message: str) -> None:
    with pytest.raises(MappingProblem, match=message):
        admit(plan, origin)


def test_a_supplier_of_another_campaign_is_refused() -> None:
    other = compile_plan(load_plan(SAMPLES / "us500.yaml"), 1)
    admit(other, Origin("business-us", "us-data", False, b""))


def test_every_row_is_sent_once_with_an_identity_that_repeats(file: Path, plan: CompiledPlan, tmp_path: Path) -> None:
    one, tally = sent(file, plan, tmp_path)
    two, _ = sent(file, plan, tmp_path)
    assert one == two
    assert (tally.handed_over, tally.rejected) == (2_000, 0)
    assert not (tmp_path / "rejects.csv").exists()
    assert {record.topic for record in one} == {"leads.received"}
    first = Codec().decode(one[0].value)
    assert isinstance(first, LeadReceived)
    assert (first.campaign_id, first.supplier_id, first.submitted_at) == ("solar-us", "acme-forms", 1_000)
    assert first.supplier_lead_id == one[0].key == "F00001"


def test_rows_that_cannot_be_sent_are_listed_by_line_without_their_values(tmp_path: Path, plan: CompiledPlan) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("email,city\na@example.org,x\nb@example.org\nc@example.org," + "é" * 40_000 + "\nd@example.org,\n")
    taken, tally = sent(path, plan, tmp_path)
    assert (len(taken), tally.rejected) == (2, 2)
    with (tmp_path / "rejects.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "reason"]
    assert rows[1] == ["3", "2 columns expected, 1 found"]
    assert rows[2][0] == "4"
    assert "example.org" not in (tmp_path / "rejects.csv").read_text()


def test_a_rejects_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with (
        Rejects(tmp_path / "no folder" / "rejects.csv", tmp_path) as rejects,
        pytest.raises(FileProblem, match="--rejects"),
    ):
        rejects.add(2, "why")


def test_the_file_of_the_leads_is_never_its_own_rejects_file(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("email\na@example.org\n")
    (tmp_path / "same.csv").symlink_to(path)
    with pytest.raises(FileProblem, match="is the file of the leads itself"):
        Rejects(tmp_path / "same.csv", path)


def test_duplicates_are_told_by_the_fields_and_the_match_of_the_campaign(tmp_path: Path) -> None:
    other = compile_plan(load_plan(SAMPLES / "us500.yaml"), 1)
    path = tmp_path / "leads.csv"
    head, rest = "first_name,last_name,state,zip,phone,email\n", ",NY,10025,"
    rows = [
        f"Ann,Lee{rest}212-555-0101,ann@example.org",
        f"Anna,Lee{rest}(212) 555-0101,ANN@example.org",  # both, in another hand
        f"Bob,Lee{rest}212-555-0101,bob@example.org",  # the phone alone
    ]
    path.write_text(head + "\n".join(rows) + "\n")
    form = detect(path)
    header = read_header(path, form)
    origin = Origin("insurance-us", "us-data", test=False, key=b"k")  # match: all
    columns = guess(header, [rule.name for rule in other.campaigns["insurance-us"].fields], {})
    verdict = judge(read_rows(path, form, len(header)), columns, origin, admit(other, origin))
    assert (verdict.valid, verdict.invalid, verdict.duplicates) == (3, 0, 1)
