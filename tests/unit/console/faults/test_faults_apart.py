"""What the faults' harness computes by itself: silences, tables, hostile bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.faults.all_faults import CATALOGUE
from console.faults.failure import FaultFailed
from console.faults.hostile import hostile_records
from console.faults.report import Figures, markdown, read_json, write_json
from console.faults.running import Outcome
from console.faults.watch import Move, silence_s
from schemas.codec import Codec
from schemas.errors import Poison
from schemas.records import LeadReceived

OUTCOME = Outcome("zombie", "all | well", "it was", 1.25, 7, 1000, "exact", "0 lost", 12.0)


def test_silence_is_from_the_last_output_before_to_the_first_one_appended_after() -> None:
    moves = [Move(900, 9.0), Move(990, 9.9), Move(999, 10.2), Move(1500, 15.0)]
    assert silence_s(moves, 1000, 10.0) == pytest.approx(5.0), "what was appended before and seen late is no recovery"


def test_without_an_output_since_the_silence_is_not_over() -> None:
    assert silence_s([Move(900, 9.0), Move(999, 10.2)], 1000, 10.0) is None


def test_each_fault_has_a_promise_in_one_sentence() -> None:
    assert all(fault.promised.endswith(".") and len(fault.promised) < 140 for fault in CATALOGUE.values())
    assert len(CATALOGUE) >= 25


def test_figures_survive_being_written(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    write_json(file, [OUTCOME], "2026-11-25")
    found = read_json([file])
    assert found.outcomes == [OUTCOME]
    assert len(found.made) == 1
    assert found.made[0].startswith("2026-11-25, ")
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"], "no part of a file is left"


def test_of_two_runs_of_one_fault_the_later_one_counts(tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    later = Outcome("zombie", "p", "later", 2.0, 1, 1, "exact", "", 1.0)
    for file, outcome, date in zip(files, (OUTCOME, later), ("2026-11-24", "2026-11-25"), strict=True):
        write_json(file, [outcome], date)
    found = read_json(files)
    assert found.outcomes == [later]
    assert [made[:10] for made in found.made] == ["2026-11-24", "2026-11-25"], "the table says when it was measured"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"date": "", "machine": "", "faults": [{"fault": "zombie"}]}'])
def test_a_file_of_another_kind_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(FaultFailed, match=r"other\.json is not what"):
        read_json([file])


def test_the_table_of_a_page() -> None:
    text = markdown(Figures([OUTCOME], ["2026-11-25, 2 vCPUs"]))
    assert text.startswith("| fault |")
    assert text.endswith("\n\n2026-11-25, 2 vCPUs; 1,000 leads in all.")
    assert "| `zombie` | all \\| well | it was | 1.2 s | exact |" in text


@pytest.mark.parametrize("seed", range(40))
def test_hostile_bytes_raise_poison_or_are_some_lead_and_nothing_else(seed: int) -> None:
    codec = Codec()
    for record in hostile_records(codec, 0, seed):
        try:
            found = codec.decode(record.value or b"")
        except Poison:
            continue
        assert isinstance(found, LeadReceived), record.kind
