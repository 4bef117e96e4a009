"""What happens outside of leadflow in a run, and when: leads, plans, pauses, clocks, Redis, missing topics."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from console.simulation.arrivals import Arrival, draw_arrivals
from console.simulation.plan_chain import VERSIONS
from console.simulation.scenario import Scenario, Setup

_LEAPS_MOST: Final = 6
#: Turns before a leap in which few leads come: what waits when the time leaps is mostly too late to be sold.
_BEFORE_A_LEAP: Final = 50


class Happening(NamedTuple):
    """Something that happens at a turn. `lot` in [0, 1) settles whatever is left open until then."""

    turn: int
    kind: str
    lot: float
    number: int = 0
    arrival: Arrival | None = None


class Points(NamedTuple):
    """Turns around which a run is built, whether or not something happens there: `leaps` in time, and `plans`."""

    leaps: list[int]
    plans: list[int]


def draw_story(
    scenario: Scenario, setup: Setup, campaigns: tuple[str, ...], arrivals: Sequence[Arrival] = ()
) -> list[Happening]:
    """Draw all that will happen, in order. Each matter has chances of its own, so leaving one out changes no other.

    `arrivals`: what is sent, instead of what would be drawn for these campaigns.
    """
    chance = _chance(scenario, "points")
    points = Points(
        sorted(chance.randrange(60, setup.turns) for _ in range(_LEAPS_MOST)),
        sorted(chance.randrange(40, setup.turns) for _ in range(VERSIONS - 1)),
    )
    arrivals = arrivals or draw_arrivals(_chance(scenario, "arrivals"), setup.leads, campaigns, setup.town)
    story = [*_leads(scenario, setup, points, arrivals), *_plans(scenario, setup, points), *_pauses(scenario, setup)]
    story += [*_times(scenario, setup, points), *_redis(scenario, setup), *_topics(scenario, setup)]
    return sorted(story, key=lambda happening: happening.turn)


def _chance(scenario: Scenario, matter: str) -> Random:
    return Random(f"{matter}/{scenario.seed}")


def _leads(scenario: Scenario, setup: Setup, points: Points, arrivals: Sequence[Arrival]) -> list[Happening]:
    """Single leads all the time, now and then a file of them at once; many just before a plan, few before a leap."""
    chance = _chance(scenario, "leads")
    bulk_at, bulk_from = chance.randrange(setup.turns), chance.randrange(len(arrivals) + 1)
    bulk = chance.choice((0, 0, len(arrivals) // 2))
    turns = sorted(_lead_turn(chance, setup, points) for _ in arrivals)
    return [
        Happening(bulk_at if bulk_from <= at < bulk_from + bulk else turn, "lead", chance.random(), at, arrival)
        for at, (turn, arrival) in enumerate(zip(turns, arrivals, strict=True))
    ]


def _lead_turn(chance: Random, setup: Setup, points: Points) -> int:
    turn, lot = chance.randrange(5, setup.turns), chance.random()
    if lot < 0.2:
        return max(1, chance.choice(points.plans) - chance.randrange(30))
    leap = next((leap for leap in points.leaps if turn <= leap < turn + _BEFORE_A_LEAP), None)
    return turn if leap is None or lot > 0.9 else leap + 1 + chance.randrange(20)


def _plans(scenario: Scenario, setup: Setup, points: Points) -> list[Happening]:
    chance = _chance(scenario, "plans")
    most = min(setup.weather.plans, scenario.changes)
    return [Happening(turn, "plan", chance.random(), at + 1) for at, turn in enumerate(points.plans)][:most]


def _pauses(scenario: Scenario, setup: Setup) -> list[Happening]:
    chance = _chance(scenario, "pauses")
    found = []
    for number in range(setup.weather.pauses):
        turn = chance.randrange(10, setup.turns)
        found.append(Happening(turn, "pause", chance.random(), number))
        if chance.random() < 0.7:
            found.append(Happening(turn + chance.choice((5, 60)), "resume", chance.random(), number))
    return found


def _times(scenario: Scenario, setup: Setup, points: Points) -> list[Happening]:
    """Idle time, some of it up to a midnight; and clocks that are wrong, some of them at a midnight."""
    chance = _chance(scenario, "times")
    found = []
    for turn in points.leaps[: setup.weather.leaps]:
        kind = chance.choice(("leap.seconds", "leap.hours", "leap.midnight", "leap.midnight", "leap.day"))
        found.append(Happening(turn, kind, chance.random()))
    for _ in range(setup.weather.clocks):
        turn = chance.randrange(10, setup.turns)
        kind = chance.choice(("time.back", "time.forward", "time.skew", "time.midnight", "time.midnight"))
        if kind != "time.midnight":
            found.append(Happening(turn, kind, chance.random()))
            continue
        found.append(Happening(turn, "leap.before-midnight", 0.0))
        found.append(Happening(turn + chance.choice((15, 40)), "leap.seconds", chance.random()))
        found.append(Happening(turn + chance.choice((45, 90)), "time.back", 0.9))
    return found


def _redis(scenario: Scenario, setup: Setup) -> list[Happening]:
    chance = _chance(scenario, "redis")
    found = []
    for _ in range(setup.weather.redis_losses):
        turn = chance.randrange(10, setup.turns)
        kind = chance.choice(("redis.away", "redis.restart", "redis.wipe", "redis.wipe", "redis.failover"))
        found.append(Happening(turn, kind, chance.random()))
        if kind == "redis.away":
            found.append(Happening(turn + chance.choice((10, 80)), "redis.back", 0.0))
        if kind == "redis.failover":
            found.append(Happening(max(1, turn - chance.choice((5, 60))), "redis.replicate", 0.0))
    return found


def _topics(scenario: Scenario, setup: Setup) -> list[Happening]:
    chance = _chance(scenario, "topics")
    found = []
    for number in range(setup.weather.topics):
        turn = chance.randrange(10, setup.turns)
        found.append(Happening(turn, "topic.away", chance.random(), number))
        found.append(Happening(turn + chance.choice((10, 60)), "topic.back", chance.random(), number))
    return found
