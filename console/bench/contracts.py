"""What a decision costs among many contracts against a few: the stage routing alone, in memory, on the real engine.

As many contracts accept a lead in both plans: what is compared is finding them, not ranking and writing down more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from agents.routing.stage import Routing
from agents.status_view import StatusView
from config.garbage import collect_rarely
from config.plan.check import check_sources
from config.plan.compiled import CompiledPlan, compile_plan
from console.bench import w1
from console.bench.failure import BenchFailed
from console.bench.machine import MachineMeanwhile
from console.bench.result import Figure, Result
from schemas.codec import Codec
from schemas.identity import lead_id
from schemas.records import Lead, Score, Slip
from schemas.slip import Slips
from schemas.topics import OFFERS, SCORED, UNFILLED, Sizes, catalogue
from streams.clock import ManualClock
from streams.engine import Engine
from streams.events import EpochCommitted, Event
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.restore import StepRestorer

GOAL_TIMES: Final = 1.5
FEW, ELIGIBLE = 50, 10
LEADS, WARM_UP, TURN = 20_000, 15_000, 2_500
BILL_FROM, BILL_TO = 0, 1000
IDLE_TURNS = 50
CODEC = Codec()
SLIPS = Slips(CODEC)


def measure(contracts: int) -> Result:
    """Route the same leads by both plans. Raises BenchFailed when a lead was not routed."""
    few, many = Router(FEW), Router(contracts)
    collect_rarely()  # as a worker does
    with MachineMeanwhile() as meanwhile:
        _in_turn(_leads(few.clock.now_ms()), (few, many))
    figures = (
        Figure(f"routing among {FEW}", round(few.lead_us, 1), "us"),
        Figure(f"routing among {contracts:,}", round(many.lead_us, 1), "us"),
        Figure("times as much", round(many.lead_us / few.lead_us, 2), "x", GOAL_TIMES),
    )
    work = f"a lead that {ELIGIBLE} of {FEW} and of {contracts:,} contracts accept on average"
    return Result("contracts", work, meanwhile.machine(), figures, f"{LEADS:,} leads were routed by each plan")


def _in_turn(leads: Iterator[tuple[bytes, bytes]], routers: Sequence[Router]) -> None:
    """Let the routers route the leads in turns: of two long runs the second one would meet a processor that is hot."""
    for routed in range(0, WARM_UP + LEADS, TURN):
        own = list(islice(leads, TURN))
        for router in routers:
            router.route(own, counts=routed >= WARM_UP)


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


class Router:
    """The stage routing alone on the real engine, in memory."""

    def __init__(self, contracts: int) -> None:
        self._contracts = contracts
        plan = plan_of(contracts)
        self.clock = ManualClock(int(datetime.fromisoformat(w1.CLOCK_START).timestamp() * 1000))
        self._broker, sizes = MemoryBroker(self.clock), Sizes(lead_partitions=8, buyer_partitions=8)
        for spec in catalogue():
            self._broker.create_topic(spec.name, spec.partitions(sizes))
        client = MemoryClient(self._broker)
        slips = Slips(CODEC)  # who has sealed a slip knows it unread: with one of their own all routers have to read it
        stage = Routing(CODEC, slips, lambda: plan, StatusView(CODEC))
        restorer = StepRestorer(client)
        self._engine = Engine(client, (stage,), CODEC, self.clock, restorer=restorer, on_event=self._note)
        self._engine.start()
        self._sent = 0
        self._counted = 0
        self._spent_s = 0.0
        self._counts = False

    @property
    def lead_us(self) -> float:
        """CPU of a lead, of those that counted."""
        return self._spent_s / self._counted * 1e6

    def route(self, leads: Sequence[tuple[bytes, bytes]], *, counts: bool) -> None:
        """Route these leads; whether their cost `counts`. Raises BenchFailed when one was not routed."""
        self._counts = counts
        for key, value in leads:
            self._broker.send(SCORED, value, key)
        self._drain()
        self._sent += len(leads)
        self._counted += counts * len(leads)
        routed = len(self._broker.records(OFFERS)) + len(self._broker.records(UNFILLED))
        if routed != self._sent:
            raise BenchFailed(f"{routed} of {self._sent} leads were routed among {self._contracts} contracts")

    def _note(self, event: Event) -> None:
        if isinstance(event, EpochCommitted) and self._counts:
            self._spent_s += event.cpu_s.get(Routing.name, 0.0)

    def _drain(self) -> None:
        idle = 0
        while idle < IDLE_TURNS:
            idle = idle + 1 if self._engine.run_once() is None else 0
            self.clock.advance(5)


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
        scored = SLIPS.scored(SLIPS.unique(slip, SLIPS.body_of(lead)), score)
        yield name.encode(), SLIPS.seal_scored(scored)
