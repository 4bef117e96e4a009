"""What a supervisor does when a part has ended: a pure decision from the exit code and how often it ended soon."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from schemas.errors import EXIT_FENCED, EXIT_NEEDS_PERSON

STEADY_AFTER_S = 60.0
"""A part that ran this long has started well: its earlier failures no longer count."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
TWIN_WAIT_S = 10.0
"""Longer than a twin's session, so that the second try sees whether it is gone."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Start the part again after `wait_s` seconds; None leaves it stopped until a person acts. `why` is for people."""

    wait_s: float | None
    why: str


def decide(exit_code: int, quick_failures: int, ran_s: float) -> Decision:
    """Judge the end of a part that nobody had asked to end.

    Args:
        exit_code: as `subprocess` gives it; negative is the signal that ended it.
        quick_failures: how many times in a row it had ended within `STEADY_AFTER_S` before this time.
        ran_s: how long it ran; counts as waited, since only starts in close succession are to be avoided.

    Source: exit codes of design section 4 (70 again at once, 75 a twin has the name, 78 a person is needed).
    """
    if exit_code == EXIT_NEEDS_PERSON:
        return Decision(None, "stays stopped (exit 78): a person is needed, the end of its log says what for")
    if exit_code == EXIT_FENCED:
        return Decision(
            TWIN_WAIT_S, f"another process works under this name (exit 75): end it; trying again in {TWIN_WAIT_S:.0f} s"
        )
    wait_s = round(max(0.0, backoff_s(quick_failures) - ran_s), 1)
    return Decision(wait_s, f"{_ended(exit_code)}; starting it again {f'in {wait_s:g} s' if wait_s else 'at once'}")


def backoff_s(quick_failures: int) -> float:
    """Return the least time between two starts: 0 for the first failure, then 0.5, 1, 2 ... to `LONGEST_WAIT_S`."""
    if quick_failures == 0:
        return 0.0
    doublings = min(quick_failures - 1, 16)
    return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**doublings))


def _ended(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"
