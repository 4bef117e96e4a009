"""Where the time of a recovery goes: the median of each phase, from when the phases ended."""

from __future__ import annotations

from console.bench.recovery import PHASES, phases


def test_phases_are_what_lies_between_their_ends() -> None:
    ends = {phase: float(number * number) for number, phase in enumerate(PHASES, 1)}
    assert phases([ends]) == {phase: 2.0 * number - 1 for number, phase in enumerate(PHASES, 1)}


def test_each_phase_has_its_own_median() -> None:
    first = {"spawned": 1.0, **dict.fromkeys(PHASES[1:], 2.0)}
    second = {"spawned": 5.0, **dict.fromkeys(PHASES[1:], 5.5)}
    third = {"spawned": 2.0, **dict.fromkeys(PHASES[1:], 9.0)}
    found = phases([first, second, third])
    assert (found["spawned"], found["loaded"], found["seen"]) == (2.0, 1.0, 0.0)
