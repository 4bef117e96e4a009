"""`leadflow simulate`: it runs seeds, tells one of them, and makes one that fails smaller."""

from __future__ import annotations

from click.testing import CliRunner

from console.commands.simulate import command
from console.simulation.rules_off import RULES


def test_the_command_runs_seeds_and_says_what_happened() -> None:
    done = CliRunner().invoke(command, ["--seeds", "3", "--from", "8", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "3 seeds from 8" in done.output
    assert "nothing lost, nothing sold twice" in done.output


def test_the_command_tells_one_seed_turn_by_turn() -> None:
    done = CliRunner().invoke(command, ["--seed", "3", "--leads", "5", "--trace"])
    assert done.exit_code == 0, done.output
    assert "w0: starts" in done.output
    assert "seed 3: all holds" in done.output


def test_the_command_makes_a_failing_seed_smaller_and_prints_how_to_repeat_it() -> None:
    rule = next(rule for rule in RULES if rule.name == "all-rights")
    one = f"--seeds 1 --from {rule.seed} --jobs 1 --weather fair --workers 1 --faults 0".split()
    with rule.switched_off():
        done = CliRunner().invoke(command, one)
    assert done.exit_code == 1
    assert f"leadflow simulate --seed {rule.seed} --weather fair --leads 1" in done.output
