"""What a run is: a seed, and what is left out of it. Everything else is drawn from the seed, each matter by itself.

Leaving something out leaves the rest as it is: fewer leads are the first of the same leads, fewer faults the first of
the same chances. So a failing run can be made smaller and stays a run that anybody can repeat.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final

from console.simulation.plan_chain import SEEDS_A_CHAIN, VERSIONS


@dataclass(frozen=True)
class Weather:
    """Chances of a fault at each step of a worker, and how often things happen outside (a count per run).

    Steps: `crash` dies, `freeze` sleeps beyond its session, `slow` lets others work on meanwhile, `lost` is refused by
    Kafka, `away` gets no answer of Kafka, `doubt` never learns the outcome of a commit, `redis` gets no answer of
    Redis, `lag` reads no news of plans, pauses and standings for a while. Outside: `markers` are late with this chance;
    the others say how many times they happen at most. `town`: persons for each lead; few are often alike.
    """

    crash: float = 0.0
    freeze: float = 0.0
    slow: float = 0.002
    lost: float = 0.0
    away: float = 0.0
    doubt: float = 0.0
    redis: float = 0.0
    lag: float = 0.002
    markers: float = 0.0
    redis_losses: int = 0
    clocks: int = 0
    leaps: int = 2
    plans: int = 1
    pauses: int = 1
    topics: int = 0
    town: float = 2.0


WEATHERS: Final[dict[str, Weather]] = {
    "fair": Weather(),
    "crashes": Weather(crash=0.008, doubt=0.01, markers=0.3),
    "zombies": Weather(freeze=0.006, crash=0.001, slow=0.004),
    "refusals": Weather(lost=0.03, away=0.02, markers=0.3),
    "redis": Weather(
        redis=0.01, redis_losses=8, crash=0.002, lost=0.01, freeze=0.002, slow=0.01, markers=0.3, town=0.3
    ),
    "caps": Weather(plans=3, leaps=0, pauses=0, town=4.0, slow=0.004, markers=0.3),
    "claims": Weather(redis_losses=12, slow=0.03, town=0.15, leaps=0, pauses=0, plans=0),
    "clocks": Weather(clocks=4, leaps=6, crash=0.002),
    "plans": Weather(plans=3, pauses=4, topics=2, crash=0.002, lost=0.005, slow=0.01, lag=0.006, markers=0.6, town=0.6),
    "timers": Weather(freeze=0.01, slow=0.004, pauses=10, topics=4, plans=3, leaps=4),
    "everything": Weather(
        crash=0.003,
        freeze=0.003,
        lag=0.004,
        slow=0.004,
        lost=0.008,
        away=0.01,
        doubt=0.004,
        redis=0.006,
        markers=0.3,
        redis_losses=2,
        clocks=2,
        leaps=4,
        plans=3,
        pauses=2,
        topics=1,
    ),
}
#: Every second run has everything in it.
_DRAWN: Final = (*WEATHERS, *("everything",) * (len(WEATHERS) - 2))

#: What `Scenario.without` may name: every fault of a weather.
KINDS: Final = tuple(field.name for field in fields(Weather) if field.name != "town")


@dataclass(frozen=True)
class Setup:
    """What a seed has drawn before anything happens."""

    weather: Weather
    weather_name: str
    workers: int
    static: bool
    protocol: str
    lead_partitions: int
    buyer_partitions: int
    epoch_records_max: int
    kept_state_ms: int
    leads: int
    town: int
    turns: int
    start_ms: int
    chain: int
    handed_over_records_max: int


@dataclass(frozen=True)
class Scenario:
    """One run. `weather` "" is drawn; `leads`, `changes`, `workers` and `faults` are the most there may be."""

    seed: int
    weather: str = ""
    leads: int = 60
    changes: int = VERSIONS - 1
    workers: int = 3
    faults: int = 1_000_000
    without: frozenset[str] = frozenset()

    def setup(self) -> Setup:
        """Draw what the run is made of. The order of the draws is part of what a seed means."""
        chance = Random(f"setup/{self.seed}")
        drawn = Random(f"weather/{self.seed}").choice(_DRAWN)
        workers, protocol = chance.choice((1, 2, 2, 3, 3)), chance.choice(("eager", "eager", "incremental"))
        static = chance.random() < 0.5 and protocol == "eager"  # KIP-848 refuses a static member's successor for long
        name = self.weather or drawn
        leads = chance.choice((20, 30, 40, 60))
        return Setup(
            weather=replace(WEATHERS[name], **dict.fromkeys(self.without, 0)),
            weather_name=name,
            workers=min(workers, self.workers),
            static=static,
            protocol=protocol,
            lead_partitions=chance.choice((1, 2, 3)),
            buyer_partitions=chance.choice((1, 2, 3)),
            epoch_records_max=chance.choice((2, 5, 20, 100)),
            kept_state_ms=chance.choice((500, 5_000, 60_000)),
            leads=min(leads, self.leads),
            town=max(3, int(leads * WEATHERS[name].town)),
            turns=leads * chance.choice((6, 10, 15)),
            start_ms=1_767_225_600_000 + chance.randrange(365 * 24 * 3_600) * 1_000,  # some second of 2026
            chain=self.seed // SEEDS_A_CHAIN,
            handed_over_records_max=chance.choice((0, 256, 256, 256)),
        )

    def command(self) -> str:
        """Return the command that repeats this run."""
        plain = Scenario(self.seed)
        limits = [(name, getattr(self, name)) for name in ("weather", "leads", "changes", "workers", "faults")]
        words = ["leadflow simulate", f"--seed {self.seed}"]
        words += [f"--{name} {value}" for name, value in limits if value != getattr(plain, name)]
        words += [f"--without {kind}" for kind in sorted(self.without)]
        return " ".join(words)
