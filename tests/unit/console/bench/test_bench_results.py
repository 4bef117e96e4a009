"""Results are written, read again and compared; a file that is none is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from console.bench.machine import REFERENCE_US, Machine, MachineMeanwhile, this_machine
from console.bench.result import Figure, NoResult, Result, read_result

HERE = Machine(cores=2, python="3.11.9", unit_us=2 * REFERENCE_US)
FOUND = Result(
    "throughput",
    "W1, 1,000 leads",
    HERE,
    (Figure("CPU a lead", 120.0, "us", 40.0), Figure("leads a second", 5000, "")),
    "0 lost",
)


def shown(result: Result, earlier: Result | None = None) -> str:
    console = Console(width=80, record=True, file=None)
    with console.capture() as capture:
        console.print(result.table(earlier))
    return capture.get()


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "earlier.json"
    file.write_text(FOUND.as_json())
    assert read_result(file, "throughput") == FOUND


def test_cpu_is_also_shown_as_the_machine_of_the_goals_would_take() -> None:
    (line,) = [line for line in shown(FOUND).splitlines() if "CPU a lead" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == ["CPU a lead", "120 us", "60.0", "40", ""]


def test_the_change_against_an_earlier_result_is_shown_by_figure() -> None:
    earlier = replace(FOUND, figures=(Figure("CPU a lead", 240.0, "us"),))
    (line,) = [line for line in shown(FOUND, earlier).splitlines() if "CPU a lead" in line]
    assert "240 (-50%)" in line


@pytest.mark.parametrize("text", ["", "{}", '{"bench": "throughput", "figures": 3}', "[]"])
def test_a_file_without_a_result_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(NoResult, match=r"other\.json is no result of `leadflow bench --json`"):
        read_result(file, "throughput")


def test_a_result_of_another_benchmark_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "earlier.json"
    file.write_text(FOUND.as_json())
    with pytest.raises(NoResult, match="of `bench throughput`, not of `bench latency`"):
        read_result(file, "latency")


def test_this_machine_has_a_speed() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert 0.5 < machine.unit_us < 500
    assert "times the 5.7 us" in str(machine)


def test_the_unit_is_measured_while_something_runs_also_when_it_is_over_at_once() -> None:
    with MachineMeanwhile() as meanwhile:
        pass
    assert 0.5 < meanwhile.machine().unit_us < 500
