"""Counters exact, outputs exactly once, changelog equal to table: under every weather, seed by seed."""

from __future__ import annotations

import dataclasses

import pytest

from tests.simulation.storm import Storm, Weather

WEATHERS = {
    "fair": Weather(),
    "crashes": Weather(crash=0.03),
    "crashes of static members": Weather(crash=0.03, static=True),
    "crashes with late markers": Weather(crash=0.03, hold_markers=0.8),
    "zombies": Weather(freeze=0.03),
    "zombies of static members": Weather(freeze=0.03, static=True, crash=0.01),
    "lost epochs": Weather(lost=0.05),
    "an outside world that is away": Weather(away=0.1),
    "unknown commits": Weather(unknown_commit=0.1, hold_markers=0.5),
    "poison": Weather(poison=4, crash=0.01),
    "timers": Weather(every_ms=300, crash=0.01, freeze=0.02),
    "everything": Weather(
        poison=3, crash=0.01, freeze=0.01, lost=0.02, away=0.03, unknown_commit=0.02, every_ms=500, hold_markers=0.5
    ),
}


#: KIP-848 refuses a static member's successor until the session has ended, so those two do not go together.
CASES = [
    (name, protocol)
    for name, weather in WEATHERS.items()
    for protocol in ("eager", "incremental")
    if not (weather.static and protocol == "incremental")
]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_is_exact(name: str, protocol: str, seed: int) -> None:
    storm = Storm(dataclasses.replace(WEATHERS[name], protocol=protocol), seed)
    storm.run()
    storm.check()


def test_the_weathers_do_what_they_say() -> None:
    """A storm in which nothing happens would prove nothing: each kind of fault has come, and killed."""
    seen: set[str] = set()
    deaths = 0
    for name in ("crashes", "zombies of static members", "unknown commits"):
        for seed in range(4):
            storm = Storm(WEATHERS[name], seed)
            storm.run()
            seen |= storm.seen
            deaths += storm.deaths
    assert seen == {"Crash", "Fenced", "StateInDoubt"}
    assert deaths > 12
