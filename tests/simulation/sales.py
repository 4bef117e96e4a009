"""A market in motion: scoring, routing, delivery and settlement on the real engine, over the broker in memory.

Leads and a plan go in; workers take steps in a seeded order and die, freeze or lose epochs at the client's steps.
What comes out is judged from the topics alone.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TypeVar

from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.scoring.stage import ScoringStage
from agents.settlement.stage import Settlement
from agents.status_view import StatusView
from agents.terms import changed_terms
from agents.views import PlanView
from config.plan.canonical import to_json
from config.plan.compiled import CompiledPlan
from schemas.codec import Codec
from schemas.errors import EpochLost, Fenced, StateInDoubt
from schemas.records import (
    BuyerLead,
    LeadClosed,
    LeadRejected,
    LeadSold,
    LeadUnique,
    PlanVersion,
    Record,
    RightUnfilled,
)
from schemas.slip import Slips
from schemas.topics import (
    BUYER_STATUS,
    CLOSED,
    OFFERS,
    PLAN,
    REJECTED,
    SOLD,
    UNFILLED,
    UNIQUE,
    Sizes,
    buyer_topic,
    catalogue,
)
from streams.clock import ManualClock
from streams.engine import Engine
from streams.memory_broker import MemoryBroker
from streams.memory_client import MemoryClient
from streams.options import EngineOptions
from streams.restore import StepRestorer
from tests.simulation.rig import Crash
from tests.support.leads import TUESDAY_10_PACIFIC_MS, make_lead, make_slip

R = TypeVar("R", bound=Record)

CODEC = Codec()
SLIPS = Slips(CODEC)
SIZES = Sizes(lead_partitions=3, buyer_partitions=3)

#: Steps at which Kafka may refuse an epoch for good.
_CAN_BE_LOST = ("produce", "flush", "send_offsets", "commit")

#: Turns of the scheduler after which a market that has not come to rest is a failure.
_TURNS_MAX = 20_000


@dataclass(frozen=True)
class Faults:
    """Chances per step of a client."""

    crash: float = 0.0
    freeze: float = 0.0
    lost: float = 0.0


@dataclass
class Worker:
    """One process; `engine.run_once` is one epoch."""

    client: MemoryClient
    engine: Engine


@dataclass
class Market:
    """A broker, a plan, leads and workers `w0`, `w1`; all chance comes from `seed`."""

    seed: int
    faults: Faults = field(default_factory=Faults)
    workers: int = 2

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = ManualClock(TUESDAY_10_PACIFIC_MS)
        self.broker = MemoryBroker(self.clock, session_ms=700, transaction_ms=2_000)
        self.counts = {spec.name: spec.partitions(SIZES) for spec in catalogue()}
        for topic, count in self.counts.items():
            self.broker.create_topic(topic, count)
        self.plan: CompiledPlan | None = None
        self.alive: dict[str, Worker] = {}
        self.deaths = 0
        self.calm = False
        self.frozen = ""

    # --- from outside ------------------------------------------------------------------------------------------

    def apply(self, plan: CompiledPlan) -> None:
        """Publish a plan as `leadflow plan apply` does: topics first, then the version and the inbox records."""
        for buyer_id in plan.buyer_ids:
            if buyer_topic(buyer_id) not in self.broker.counts():
                self.broker.create_topic(buyer_topic(buyer_id), 1)
        version = PlanVersion(plan.version, plan.hash, to_json(plan.plan), {}, self.clock.now_ms())
        self.broker.send(PLAN, CODEC.encode(version), b"plan")
        for terms in changed_terms(self.plan, plan, self.clock.now_ms()):
            self.broker.send(OFFERS, CODEC.encode(terms), terms.buyer_id.encode())
        self.plan = plan

    def send(self, *numbers: int) -> None:
        """Put unique leads in, received now."""
        for number in numbers:
            slip = make_slip(number, now_ms=self.clock.now_ms())
            value = SLIPS.seal_unique(slip, make_lead(**slip.attributes))
            self.broker.send(UNIQUE, value, slip.lead_id.encode())

    # --- workers -----------------------------------------------------------------------------------------------

    def run(self, turns: int) -> None:
        """Let the workers take this many turns, faults included; who died is started again."""
        for _ in range(turns):
            self._turn()

    def drain(self) -> None:
        """Let the sky clear and the workers finish. Fails the test when they do not."""
        self.calm = True
        quiet = 0
        for _ in range(_TURNS_MAX):
            quiet = quiet + 1 if self._turn() is None else 0
            if quiet > 200 and len(self.records(CLOSED, LeadClosed)) == self._expected():
                return
        raise AssertionError(f"not drained: {[w.engine.state().not_ready for w in self.alive.values()]}")

    def _expected(self) -> int:
        return len({message.key for message in self.broker.records(UNIQUE)})

    def _turn(self) -> bool | None:
        self.clock.advance(self.random.choice((1, 5, 20, 100)))
        name = f"w{self.random.randrange(self.workers)}"
        if name == self.frozen:
            return None
        worker = self.alive.get(name) or self._start(name)
        try:
            return worker.engine.run_once()
        except (Crash, StateInDoubt, Fenced):
            self.deaths += 1
            worker.client.alive = False
            del self.alive[name]
            return True

    def _start(self, name: str) -> Worker:
        holder: list[MemoryClient] = []

        def on_step(step: str, when: str) -> None:
            if holder and not self.calm:
                self._fault(name, holder[0], step, when)

        client = MemoryClient(self.broker, name=name, on_step=on_step)
        holder.append(client)
        plans, status = PlanView(CODEC), StatusView(CODEC)
        stages = (
            ScoringStage(SLIPS, plans),
            Routing(CODEC, SLIPS, plans.current, status),
            Delivery(CODEC, SLIPS, status, client.topic_known),
            Settlement(CODEC),
        )
        options = EngineOptions(epoch_records_max=20, kept_state_ms=5_000, rest_ms_max=400)
        engine = Engine(
            client, stages, CODEC, self.clock, options, partition_counts=self.counts, restorer=StepRestorer(client)
        )
        engine.follow(PLAN, plans.apply)
        engine.follow(BUYER_STATUS, status.apply)
        worker = self.alive[name] = Worker(client, engine)
        engine.start()
        return worker

    def _fault(self, name: str, client: MemoryClient, step: str, when: str) -> None:
        chance = self.random.random() * (10 if step == "produce" else 1)  # an epoch has many produces
        if chance < self.faults.crash:
            raise Crash
        chance -= self.faults.crash
        if chance < self.faults.freeze and not self.frozen:
            self._freeze(name, client)
        chance -= self.faults.freeze
        if (
            0 <= chance < self.faults.lost
            and when == "before"
            and step in ("produce", "flush", "send_offsets", "commit")
        ):
            raise EpochLost(f"refused at {step}")

    def _freeze(self, name: str, client: MemoryClient) -> None:
        """Stop a worker within a step until its session has ended and the other one has its partitions."""
        self.frozen, client.alive = name, False
        self.clock.advance(900)
        self.run(self.random.choice((10, 60)))
        self.frozen, client.alive = "", True

    # --- what came out -----------------------------------------------------------------------------------------

    def records(self, topic: str, kind: type[R]) -> list[R]:
        """Return the committed records of a topic."""
        return [CODEC.decode_as(message.value or b"", kind) for message in self.broker.records(topic)]

    def check(self) -> Counter[str]:
        """Check the books from the topics alone; return the sales by buyer."""
        came = {record.slip.lead_id for record in self.records(UNIQUE, LeadUnique)}
        repeats = len(self.records(UNIQUE, LeadUnique)) - len(came)
        assert len(self.records(REJECTED, LeadRejected)) == repeats
        sold, unfilled = self.records(SOLD, LeadSold), self.records(UNFILLED, RightUnfilled)
        both: list[LeadSold | RightUnfilled] = [*sold, *unfilled]
        ends = Counter((end.lead_id, end.index) for end in both)
        assert set(ends.values()) <= {1}, "a right ended twice"
        rights = {end.lead_id: end.rights for end in both}
        assert set(rights) == came, "a lead is without an end, or came from nowhere"
        assert len(ends) == sum(rights.values()), "a right has no end"
        self._check_closed(sold)
        self._check_buyers(sold)
        self._check_caps(sold)
        return Counter(sale.buyer_id for sale in sold)

    def _check_closed(self, sold: list[LeadSold]) -> None:
        sales = Counter(sale.lead_id for sale in sold)
        revenue: dict[str, int] = defaultdict(int)
        for sale in sold:
            revenue[sale.lead_id] += sale.price_minor
        closed = self.records(CLOSED, LeadClosed)
        assert len({lead.lead_id for lead in closed}) == len(closed) == self._expected()
        for lead in closed:
            assert (lead.sold, lead.revenue_minor) == (sales[lead.lead_id], revenue[lead.lead_id])

    def _check_buyers(self, sold: list[LeadSold]) -> None:
        pairs = Counter((sale.lead_id, sale.buyer_id) for sale in sold)
        assert set(pairs.values()) <= {1}, "sold twice to one buyer"
        for buyer_id in {sale.buyer_id for sale in sold}:
            got = sorted(lead.sale_id for lead in self.records(buyer_topic(buyer_id), BuyerLead))
            assert got == sorted(sale.sale_id for sale in sold if sale.buyer_id == buyer_id)

    def _check_caps(self, sold: list[LeadSold]) -> None:
        for sale in sold:
            for use in sale.caps:
                assert use.after <= use.limit, "a cap is passed"
        for scope in ("buyer", "contract"):
            uses = Counter(
                (getattr(sale, f"{scope}_id"), use.measure, use.window, use.window_start_at, use.before)
                for sale in sold
                for use in sale.caps
                if use.scope == scope
            )
            assert set(uses.values()) <= {1}, "two sales took the same place under a cap"
