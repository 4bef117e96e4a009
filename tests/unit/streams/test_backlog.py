"""Downstream first: who is held back while a later stage has too much waiting."""

from __future__ import annotations

from streams.backlog import Backlog
from streams.stage import Stage


class Named(Stage):
    """A stage that is nothing but its name."""

    def __init__(self, name: str) -> None:
        self.name = name


def backlog() -> Backlog:
    """Three stages, ten records may wait for each; records of all have just come."""
    made = Backlog([Named("early"), Named("middle"), Named("late")], records_max=10)
    made.arrived(["early", "middle", "late"], 0)
    return made


def test_all_before_the_stage_with_too_much_are_held_back_for_it() -> None:
    assert backlog().held({"late": 11}, 0) == {"early": "late", "middle": "late"}
    assert backlog().held({"middle": 11, "late": 10}, 0) == {"early": "middle"}


def test_each_is_held_back_for_the_next_one_with_too_much() -> None:
    assert backlog().held({"middle": 11, "late": 11}, 0) == {"early": "middle", "middle": "late"}


def test_a_stage_is_held_back_until_half_is_gone() -> None:
    made = backlog()
    held = [bool(made.held({"late": count}, 0)) for count in (10, 11, 6, 5, 10)]
    assert held == [False, True, True, False, False]


def test_a_backlog_of_which_nothing_comes_for_a_second_is_not_believed() -> None:
    made = backlog()
    assert made.held({"late": 11}, 999)
    assert not made.held({"late": 11}, 1000)
    made.arrived(["late"], 1000)
    assert made.held({"late": 11}, 1000)
