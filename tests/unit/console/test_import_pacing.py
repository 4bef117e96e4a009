"""An import is held back while its leads wait, and never by workers that do not work."""

from __future__ import annotations

from console.importing.pacing import IDLE_S, LOOK_EVERY, WAITING_MAX, Pace
from console.reading import Unreachable


class Intake:
    """Leads that wait, and workers that take some in each pause; the clock is theirs."""

    def __init__(self, taken_a_pause: int) -> None:
        self.waiting = 0
        self.most = 0
        self.now_s = 0.0
        self._taken = taken_a_pause

    def look(self) -> int:
        self.most = max(self.most, self.waiting)
        return self.waiting

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        self.waiting = max(0, self.waiting - self._taken)


def sent(leads: int, intake: Intake) -> None:
    pace = Pace(intake.look, lambda: intake.now_s, intake.pause)
    for _ in range(leads):
        intake.waiting += 1
        pace.hold()


def test_a_bulk_never_has_much_more_waiting_than_it_may() -> None:
    intake = Intake(taken_a_pause=40)
    sent(20_000, intake)
    assert WAITING_MAX < intake.most <= WAITING_MAX + LOOK_EVERY
    assert intake.now_s > 5, "it has waited for the workers"


def test_a_small_file_does_not_wait() -> None:
    intake = Intake(taken_a_pause=0)
    sent(WAITING_MAX, intake)
    assert intake.now_s == 0


def test_where_nobody_works_the_leads_wait_in_the_log() -> None:
    intake = Intake(taken_a_pause=0)
    sent(20_000, intake)
    assert intake.waiting == 20_000
    assert IDLE_S <= intake.now_s < 2 * IDLE_S, "it waits once, and then no more"


def test_a_look_that_fails_holds_nobody_back_and_the_next_one_is_taken() -> None:
    intake = Intake(taken_a_pause=40)
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        if looks < 4:
            raise Unreachable("Kafka starts again")
        return intake.look()

    pace = Pace(look, lambda: intake.now_s, intake.pause)
    for _ in range(2_000):
        intake.waiting += 1
        pace.hold()
    assert looks > 4
    assert intake.now_s > 0, "it waits for the workers again"
