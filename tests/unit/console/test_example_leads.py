"""The file of leads that the README imports: what the reference plan says to it, and that the README speaks of it."""

from __future__ import annotations

import re
from pathlib import Path

import config.plan.samples as samples
from config.plan.check import load_plan
from config.plan.compiled import compile_plan
from console.importing.mapping import Origin, guess
from console.importing.reading import detect, read_header, read_rows
from console.importing.verdict import FileVerdict, admit, judge
from tests.support.checkout import ROOT

FILE = ROOT / "docs" / "examples" / "leads.csv"
ORIGIN = Origin("solar-us", "acme-forms", test=False, key=b"k")


def judged() -> FileVerdict:
    plan = compile_plan(load_plan(Path(next(iter(samples.__path__))) / "reference.yaml"), 1)
    header = read_header(FILE, detect(FILE))
    columns = guess(header, [rule.name for rule in plan.campaigns["solar-us"].fields], {})
    assert not columns.unused
    return judge(read_rows(FILE, detect(FILE), len(header)), columns, ORIGIN, admit(plan, ORIGIN))


def test_it_holds_good_leads_a_repeat_and_two_faults() -> None:
    verdict = judged()
    assert (verdict.rows, verdict.valid, verdict.invalid, verdict.repeats, verdict.unreadable) == (12, 9, 2, 1, 0)
    assert {field for field, _ in verdict.faults} == {"email", "monthly_bill"}
    ids = [line.partition(",")[0] for line in FILE.read_text(encoding="utf-8").splitlines()]
    assert ids.count("W1002") == 2, "repeats a lead that is like no other, or it may come to be a duplicate"
    assert list(verdict.notes) == ["postal_code: leading zeros put back"]


def test_the_readme_imports_it_and_asks_for_a_lead_that_is_in_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "leadflow import docs/examples/leads.csv --campaign solar-us --supplier acme-forms" in readme
    (asked,) = re.findall(r"leadflow lead show (\S+)", readme)
    assert f"\n{asked}," in FILE.read_text(encoding="utf-8")
