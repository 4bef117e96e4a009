"""`leadflow import` before it sends: what cannot go well is said while nothing was sent and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.demo import leads
from console.importing.reading import FileProblem
from console.importing.sending import Rejects
from console.reach import Reach
from tests.integration.console.conftest import run, words

INTO = ("--campaign", "solar-us", "--supplier", "acme-forms")


@pytest.fixture
def file(way: Reach, demo_plan: Path, tmp_path: Path) -> Path:
    """A file of the demo's leads with one row that cannot be read, and its plan in force."""
    assert run("plan", "apply", str(demo_plan), "--yes").exit_code == 0
    path = tmp_path / "leads of [May].csv"
    leads.write(leads.make(100, 3), path)
    with path.open("a", encoding="utf-8") as end:
        end.write("short,row\n")
    return path


def received(way: Reach) -> int:
    return sum(way.reader.ends(way.reader.partitions("leads.received")).values())


def test_the_file_of_the_leads_is_not_overwritten_by_its_rejects(way: Reach, file: Path) -> None:
    before = file.read_bytes()
    done = run("import", str(file), *INTO, "--yes", "--rejects", str(file))
    assert "is the file of the leads itself" in str(done.exception)
    assert (file.read_bytes(), received(way)) == (before, 0)


def test_rejects_that_cannot_be_written_are_said_before_anything_is_sent(way: Reach, file: Path) -> None:
    done = run("import", str(file), *INTO, "--yes", "--rejects", str(file.parent / "nowhere" / "rejects.csv"))
    assert "name another place with --rejects" in str(done.exception)
    assert received(way) == 0


def test_brackets_in_the_name_of_the_file_are_shown(way: Reach, file: Path) -> None:
    assert "leads of [May].csv: utf-8" in words(run("import", str(file), *INTO, "--check"))


def test_a_column_that_looks_like_markup_and_many_unused_ones_are_shown_in_short(way: Reach, file: Path) -> None:
    wide = file.with_name("wide.csv")
    more = [f"x{number}" for number in range(300)]
    wide.write_text(",".join(["E-mail", "[/b]", *more]) + "\n" + ",".join(["ann@example.org", *["1"] * 301]) + "\n")
    said = words(run("import", str(wide), *INTO, "--check"))
    assert "not used: [/b], x0, x1" in said
    assert "and 281 more" in said


def test_a_file_that_seems_to_have_one_column_is_answered_with_the_delimiter(way: Reach, file: Path) -> None:
    odd = file.with_name("odd.csv")
    odd.write_text("First Name:E-mail\nAnn:ann@example.org\n")
    assert "--delimiter" in str(run("import", str(odd), *INTO, "--check").exception)


def test_a_pause_of_the_campaign_or_the_supplier_is_said_before_the_question(way: Reach, file: Path) -> None:
    assert "is paused" not in words(run("import", str(file), *INTO, "--check"))
    assert run("pause", "campaign", "solar-us").exit_code == 0
    assert run("pause", "supplier", "acme-forms", "--until", "2h").exit_code == 0
    assert run("pause", "supplier", "clickriver").exit_code == 0
    said = words(run("import", str(file), *INTO, "--check"))
    assert "campaign solar-us is paused: what is sent now is rejected; `leadflow resume campaign solar-us` ends" in said
    assert "supplier acme-forms is paused" in said
    assert "clickriver" not in said
    assert run("resume", "campaign", "solar-us").exit_code == 0
    assert "campaign solar-us is paused" not in words(run("import", str(file), *INTO, "--check"))


def test_an_import_that_an_error_ends_says_how_far_it_came(
    way: Reach, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Rejects, line: int, reason: str) -> None:
        raise FileProblem("the disk is full")

    monkeypatch.setattr(Rejects, "add", fails)  # the row that cannot be read is the last one
    done = run("import", str(file), *INTO, "--yes")
    assert "the disk is full" in str(done.exception)
    assert "stopped after 100 leads; run the same command again to go on" in words(done)
    assert received(way) == 100
