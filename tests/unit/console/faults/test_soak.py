"""What a soak draws and says; soaks on real parts are `leadflow faults soak`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from console.cluster.problems import StartFailed
from console.commands import faults
from console.faults import soak
from console.faults.soak import Soak, Soaked, Struck
from console.faults.stand import Needs
from console.faults.strikes import STRIKES, WORKERS, draws
from console.faults.worker import STEPS


def test_the_same_seed_draws_the_same_faults() -> None:
    assert list(islice(draws(7), 50)) == list(islice(draws(7), 50))
    assert list(islice(draws(7), 50)) != list(islice(draws(8), 50))


def test_each_kind_worker_and_step_is_drawn() -> None:
    drawn = list(islice(draws(1), 400))
    assert {one.what for one in drawn} == set(STRIKES)
    assert {one.worker for one in drawn} == set(WORKERS)
    assert {one.step for one in drawn} == set(STEPS)


def test_what_is_particular_to_a_fault_is_told() -> None:
    told = {one.what: one.how() for one in islice(draws(1), 400)}
    assert " after '" in told["kill -9 of a worker at a step"]
    assert " for " in told["SIGSTOP of a worker"]
    assert told["Redis wiped"] == ""


def test_the_longest_silence_of_each_kind_counts() -> None:
    struck = [Struck(1.0, "a", "", 3, 2.0), Struck(9.0, "b", "", 3, 1.0), Struck(20.0, "a", "", 3, 5.0)]
    assert Soaked(7, 3.0, struck=struck).longest() == {"a": (2, 5.0), "b": (1, 1.0)}


class Quiet:
    """A trial in which nothing is to be seen."""

    load = SimpleNamespace(sent=0)

    def warm_up(self) -> None: ...

    def drain(self) -> None: ...

    def judge(self) -> str:
        return "0 lost"


def test_a_soak_whose_time_is_over_when_it_has_warmed_up_strikes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Soak(tmp_path, 0.0, 7, None, lambda words: None, lambda words: None)
    struck = Struck(0.0, "a", "", 3, 2.0)
    monkeypatch.setattr(one, "_strike", lambda trial: one.soaked.struck.append(struck))
    trial: Any = Quiet()
    one._under_load(trial)
    assert one.soaked.struck == [struck]
    assert one.soaked.verdict == "exact"


@contextlib.contextmanager
def stand_that_does_not_start(needs: Needs, folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    say("kafka: ended with code 1")
    (folder / "kafka").mkdir()
    raise StartFailed("Kafka did not answer within 60 s")
    yield


def test_a_soak_that_fails_says_why_where_to_look_and_how_to_draw_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, file = tmp_path / "scratch", tmp_path / "soak.json"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(soak, "stand", stand_that_does_not_start)
    done = CliRunner().invoke(faults.command, ["soak", "--minutes", "0.5", "--seed", "7", "--json", str(file)])
    assert done.exit_code == 1
    (kept,) = scratch.iterdir()
    assert (kept / "kafka").is_dir()
    assert "at the start: Kafka did not answer within 60 s [kafka: ended with code 1]" in done.stderr
    assert f"everything is kept in {kept}" in done.stderr
    assert "again: leadflow faults soak --minutes 0.5 --seed 7" in done.stderr
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["verdict"] == "FAILED"
    assert figures["again"] == "leadflow faults soak --minutes 0.5 --seed 7"
    assert figures["struck"] == []


def test_figures_of_an_earlier_soak_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "soak.json"
    file.write_text("earlier")
    monkeypatch.setattr(soak, "stand", stand_that_does_not_start)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    CliRunner().invoke(faults.command, ["soak", "--seed", "7", "--json", str(file)])
    assert (tmp_path / "soak.json.old").read_text() == "earlier"
