"""`leadflow faults run`: all or some, one after the other, going on after a failure, keeping what it has."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from console.commands import faults
from console.faults.catalogue import Fault, Observed
from console.faults.failure import FaultFailed, NotHere
from console.faults.report import read_json
from console.faults.series import Took, rest_s

Alone = Callable[[Path, Callable[[str], None]], Observed]


def ends_well(folder: Path, say: Callable[[str], None]) -> Observed:
    assert folder.is_dir()
    say("the supervisor says this")
    return Observed("it was brought about", 1.5, 1000, "0 lost")


def breaks(folder: Path, say: Callable[[str], None]) -> Observed:
    say("w1: ended with code 70")
    raise FaultFailed("not all leads ended")


def stumbles(folder: Path, say: Callable[[str], None]) -> Observed:
    raise OSError("no space left")


def lacks(folder: Path, say: Callable[[str], None]) -> Observed:
    raise NotHere("it takes root")


def is_interrupted(folder: Path, say: Callable[[str], None]) -> Observed:
    signal.raise_signal(signal.SIGTERM)
    raise AssertionError("the signal has ended it")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary folders: what a run leaves is seen there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def call(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `leadflow faults` with a table of these faults."""

    def called(table: dict[str, Alone], *arguments: str) -> Result:
        catalogue = {
            name: Fault(name, "All goes on.", alone=measure, takes_s=10.0, whole=not name.endswith("-long"))
            for name, measure in table.items()
        }
        monkeypatch.setattr(faults, "CATALOGUE", catalogue)
        return CliRunner().invoke(faults.command, arguments)

    return called


def verdicts(file: Path) -> dict[str, str]:
    return {one.fault: one.verdict for one in read_json([file]).outcomes}


def test_without_names_all_are_run_but_those_by_name_only(call: Callable[..., Result], scratch: Path) -> None:
    done = call({"one": ends_well, "two": ends_well, "two-long": ends_well}, "run")
    assert done.exit_code == 0, done.output
    assert "[1/2] one:" in done.stderr
    assert "[2/2] two:" in done.stderr
    assert "two-long" not in done.output
    assert "2 faults, 2,000 leads: 2 exact" in done.stdout
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("measure", [breaks, stumbles])
def test_a_fault_that_fails_keeps_no_other_from_being_run(
    call: Callable[..., Result], scratch: Path, tmp_path: Path, measure: Alone
) -> None:
    file = tmp_path / "figures.json"
    done = call({"bad": measure, "good": ends_well, "missing": lacks}, "run", "--json", str(file))
    assert done.exit_code == 1
    assert verdicts(file) == {"bad": "FAILED", "good": "exact", "missing": "not run"}
    assert "1 fault broke a promise: bad" in done.stderr
    assert "again: leadflow faults run --verbose bad" in done.stderr
    (kept,) = scratch.iterdir()
    assert str(kept) in done.stderr, "it says where everything is kept"


def test_what_ended_before_an_interruption_is_kept_and_the_rest_is_run_by_resume(
    call: Callable[..., Result], scratch: Path, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    before = signal.getsignal(signal.SIGTERM)
    table = {"one": ends_well, "two": is_interrupted, "three": ends_well}
    done = call(table, "run", "--json", str(file))
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 1, "click's own code for Abort; `leadflow` ends with 130"
    assert "stopping (SIGTERM)" in done.stderr
    assert "--resume goes on with the rest" in done.stderr
    assert verdicts(file) == {"one": "exact"}
    assert list(scratch.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before

    resumed = call({**table, "two": ends_well}, "run", "--json", str(file), "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "[1/2] two:" in resumed.stderr
    assert verdicts(file) == {"one": "exact", "two": "exact", "three": "exact"}
    assert "3 faults, 3,000 leads: 3 exact" in resumed.stdout


def test_a_fault_that_failed_is_run_again_by_resume(call: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    call({"one": breaks}, "run", "--json", str(file))
    done = call({"one": ends_well}, "run", "--json", str(file), "--resume")
    assert done.exit_code == 0, done.output
    assert verdicts(file) == {"one": "exact"}


def test_without_resume_the_figures_of_an_earlier_run_are_not_lost(call: Callable[..., Result], tmp_path: Path) -> None:
    file, old = tmp_path / "figures.json", tmp_path / "figures.json.old"
    call({"one": ends_well}, "run", "--json", str(file))
    done = call({"two": ends_well}, "run", "--json", str(file))
    assert str(old) in done.stderr
    assert verdicts(old) == {"one": "exact"}
    assert verdicts(file) == {"two": "exact"}


def test_resume_without_a_file_is_wrong_use(call: Callable[..., Result]) -> None:
    done = call({"one": ends_well}, "run", "--resume")
    assert done.exit_code == 2
    assert "--json" in done.stderr


def test_a_file_that_cannot_be_written_is_told_before_the_first_fault(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    done = call({"one": ends_well}, "run", "--json", str(tmp_path / "missing" / "figures.json"))
    assert isinstance(done.exception, FaultFailed)
    assert "cannot be kept in" in str(done.exception)
    assert "[1/1]" not in done.stderr


def test_a_misspelt_name_is_told_with_what_it_may_have_been(call: Callable[..., Result]) -> None:
    done = call({"zombie": ends_well}, "run", "zombi")
    assert done.exit_code == 2
    assert "did you mean zombie?" in done.stderr


def test_a_pattern_names_all_that_match(call: Callable[..., Result]) -> None:
    done = call({"one": ends_well, "two": ends_well, "two-long": ends_well}, "run", "two*")
    assert "2 faults, 2,000 leads: 2 exact" in done.stdout, done.output
    assert call({"one": ends_well}, "run", "two*").exit_code == 2


def test_what_the_supervisor_says_is_shown_with_verbose_alone(call: Callable[..., Result]) -> None:
    assert "the supervisor says this" not in call({"one": ends_well}, "run").stderr
    assert "the supervisor says this" in call({"one": ends_well}, "run", "--verbose").stderr


def test_the_end_of_what_the_supervisor_said_is_part_of_a_failure(call: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    call({"one": breaks}, "run", "--json", str(file))
    (told,) = json.loads(file.read_text())["faults"]
    assert "not all leads ended [w1: ended with code 70]" in told["observed"]


def test_the_rest_is_told_by_how_slow_this_machine_was_so_far() -> None:
    assert rest_s([], [40.0, 200.0]) == pytest.approx(240.0)
    assert rest_s([Took(40.0, 60.0), Took(40.0, 100.0)], [40.0, 200.0]) == pytest.approx(480.0)
