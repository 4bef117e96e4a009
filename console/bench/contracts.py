"""What a decision costs among many contracts against a few: the stage routing alone, in memory, on the real engine.

As many contracts accept a lead in both plans: what is compared is finding them, not ranking and writing down more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from agents.routing.stage import Routing
from agents.status_view import StatusView
from config.plan.check import check_sources
from config.plan.compiled import CompiledPlan, compile_plan
from console.bench import w1
from console.bench.failure import BenchFailed
from console.bench.machine import this_machine
from console.bench.result import Figure, Result
from schemas.codec import Codec
from schemas.identity import lead_id
from schemas.records import Lead, Score, Slip
from schemas.slip import Slips
from schemas.topics import OFFERS, SCORED, UNFILLED, Sizes, catalogue
from streams.clock import ManualClock
from streams.engine import Engine
from streams.events import EpochCommitted, Event
from streams.memory_broker import MemoryBroker
from streams.memory_client import MemoryClient
from streams.options import EngineOptions
from streams.restore import StepRestorer

GOAL_TIMES: Final = 1.5
FEW, ELIGIBLE = 50, 10
LEADS, WARM_UP = 20_000, 5_000
BILL_FROM, BILL_TO = 0, 1000
IDLE_TURNS = 50
CODEC = Codec()
SLIPS = Slips(CODEC)


def measure(contracts: int) -> Result:
    """Route the same leads by both plans. Raises BenchFailed when a lead was not routed."""
    few, many = _routing_us(FEW), _routing_us(contracts)
    figures = (
        Figure(f"routing among {FEW}", round(few, 1), "us"),
        Figure(f"routing among {contracts:,}", round(many, 1), "us"),
        Figure("times as much", round(many / few, 2), "x", GOAL_TIMES),
    )
    work = f"a lead that {ELIGIBLE} of {FEW} and of {contracts:,} contracts accept on average"
    return Result("contracts", work, this_machine(), figures, f"{LEADS:,} leads were routed by each plan")


def plan_of(contracts: int) -> CompiledPlan:
    """Return a plan in which about `ELIGIBLE` of the contracts accept a lead: by state, and by a band of the bill."""
    states = max(1, ELIGIBLE * len(w1.STATES) // contracts)
    bands = max(1, contracts * states // (ELIGIBLE * len(w1.STATES)))
    draw = random.Random(11)
    buyers = "".join(_buyer(number, states, bands, draw) for number in range(contracts))
    text = w1.plan_yaml(LEADS, contracts=0).replace("buyers:\n", f"buyers:\n{buyers}")
    return compile_plan(check_sources({"contracts.yaml": text}), 1)


def _buyer(number: int, states: int, bands: int, draw: random.Random) -> str:
    chosen = ", ".join(sorted(draw.sample(w1.STATES, states)))
    step = (BILL_TO - BILL_FROM) / bands
    low = BILL_FROM + step * (number % bands)
    bill = f", monthly_bill: {{at_least: {low:.0f}, at_most: {low + step - 1:.0f}}}" if bands > 1 else ""
    return w1.buyer_yaml(f"buyer-{number:05d}", f"{{state: [{chosen}]{bill}}}", price=30 + number % 20)


def _routing_us(contracts: int) -> float:
    plan, clock = plan_of(contracts), ManualClock(int(datetime.fromisoformat(w1.CLOCK_START).timestamp() * 1000))
    broker, sizes = MemoryBroker(clock), Sizes(lead_partitions=8, buyer_partitions=8)
    counts = {spec.name: spec.partitions(sizes) for spec in catalogue()}
    for topic, count in counts.items():
        broker.create_topic(topic, count)
    spent: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, EpochCommitted):
            spent.append(event.cpu_s.get(Routing.name, 0.0))

    client = MemoryClient(broker)
    stage = Routing(CODEC, SLIPS, lambda: plan, StatusView(CODEC))
    engine = Engine(client, (stage,), CODEC, clock, EngineOptions(), restorer=StepRestorer(client), on_event=note)
    engine.start()
    for number, (key, value) in enumerate(_leads(clock.now_ms())):
        if number == WARM_UP:
            _drain(engine, clock)
            spent.clear()
        broker.send(SCORED, value, key)
    _drain(engine, clock)
    routed = len(broker.records(OFFERS)) + len(broker.records(UNFILLED))
    if routed != WARM_UP + LEADS:
        raise BenchFailed(f"{routed} of {WARM_UP + LEADS} leads were routed among {contracts} contracts")
    return sum(spent) / LEADS * 1e6


def _drain(engine: Engine, clock: ManualClock) -> None:
    idle = 0
    while idle < IDLE_TURNS:
        idle = idle + 1 if engine.run_once() is None else 0
        clock.advance(5)


def _leads(now_ms: int) -> Iterator[tuple[bytes, bytes]]:
    draw = random.Random(12)
    for number in range(WARM_UP + LEADS):
        name = lead_id(w1.SUPPLIER, w1.CAMPAIGN, f"lead-{number}", test=False)
        attributes = {"state": draw.choice(w1.STATES), "monthly_bill": str(draw.randrange(BILL_FROM, BILL_TO))}
        slip = Slip(
            lead_id=name,
            campaign_id=w1.CAMPAIGN,
            supplier_id=w1.SUPPLIER,
            supplier_lead_id=f"lead-{number}",
            test=False,
            submitted_at=now_ms,
            received_at=now_ms,
            received_partition=0,
            received_offset=number,
            unique_at=now_ms,
            sell_by=now_ms + 3_600_000,
            plan_version=1,
            email_hash="",
            phone_hash="",
            attributes=attributes,
            private={},
            notes=(),
        )
        lead = Lead("Maria", "Gonzalez", None, None, None, None, attributes["state"], None, {})
        score = Score(points=80, grade="A", rules=(), scored_at=now_ms)
        yield name.encode(), SLIPS.seal_scored((slip, SLIPS.slip_bytes_of(slip), SLIPS.body_of(lead)), score)
