"""Clean topics to audit: the five real stages over the broker in memory, through crashes, a plan change, a midnight."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.memory_store import MemoryStore
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.dedup.stage import DedupStage
from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.scoring.stage import ScoringStage
from agents.settlement.stage import Settlement
from agents.status_view import StatusView
from agents.terms import changed_terms
from agents.views import PauseView, PlanView
from config.plan.canonical import to_json
from config.plan.compiled import CompiledPlan
from schemas.codec import Codec
from schemas.errors import EpochLost, Fenced, StateInDoubt
from schemas.records import BuyerCommand, LeadClosed, LeadReceived, LeadRejected, Pause, PlanVersion, Record
from schemas.slip import Slips
from schemas.topics import BUYER_STATUS, CLOSED, OFFERS, PAUSES, PLAN, RECEIVED, REJECTED, Sizes, buyer_topic, catalogue
from streams.clock import ManualClock
from streams.engine import Engine
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.options import EngineOptions
from streams.restore import StepRestorer
from streams.stage import Message
from tests.simulation.rig import Crash
from tests.support.leads import TUESDAY_10_PACIFIC_MS
from tests.support.plans import Seller, market
from tests.unit.agents.intake import open_unique

R = TypeVar("R", bound=Record)

CODEC = Codec()
SLIPS = Slips(CODEC)
SIZES = Sizes(lead_partitions=3, buyer_partitions=3)
HASHES = Hashes(b"a key that is long enough")
HOUR_MS = 3_600_000

#: Buyers with every kind of cap, hours that end on the way, a price list, filters, fewer fields, tests.
SELLERS = (
    Seller("a", caps="{leads: {day: 6}, spend: {week: 900.00}}", weight=3),
    Seller("b", caps="{spend: {day: 240.00}}", contract_caps="{leads: {hour: 4}}", weight=2, zone="America/New_York"),
    Seller("c", caps="{leads: {month: 9}}", accept="{state: [CA, NV], grade: [A, B]}", fields="[first_name, state]"),
    Seller("d", contract_caps="{leads: {week: 4, total: 7}}", priority=2, hours="{mon-fri: 08:00-20:00}"),
    Seller("e", price="[{when: {grade: A}, is: 31.00}, {is: 9.00}]", priority=3, tests=True),
)


#: Who is paused for a while: some rights find no buyer then.
PAUSED = ("e", "b", "d")


def changed(*, price: str = "45.00", cap: int = 8) -> CompiledPlan:
    """Return the second version: a's price and cap change, a buyer comes in."""
    first = Seller("a", price=price, caps=f"{{leads: {{day: {cap}}}, spend: {{week: 1200.00}}}}", weight=3)
    return market(first, *SELLERS[1:], Seller("f", price="12.00", priority=3), rights=2, version=2)


#: Turns without work after which it is worth looking whether all leads have ended: some two seconds.
QUIET_TURNS = 60

#: Steps at which Kafka may refuse an epoch for good.
_CAN_BE_LOST = ("produce", "flush", "send_offsets", "commit")


@dataclass(frozen=True)
class Faults:
    """Chances per step of a client."""

    crash: float = 0.0
    freeze: float = 0.0
    lost: float = 0.0


#: What may happen to the workers; claims are wiped, the plan changes and midnight passes in all of them.
FAULTS = (Faults(), Faults(crash=0.005, freeze=0.003, lost=0.02), Faults(crash=0.01))


@dataclass
class Worker:
    """One process; `engine.run_once` is one epoch."""

    client: MemoryClient
    engine: Engine


@dataclass
class World:
    """A broker, a plan, suppliers, workers `w0` and `w1`; all chance comes from `seed`."""

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
        self.store = MemoryStore()
        self.plan: CompiledPlan | None = None
        self.alive: dict[str, Worker] = {}
        self.calm = False
        self.frozen = ""
        self.received = 0

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

    def receive(self, number: int, **changes: Any) -> None:
        """Send a lead in; those of one number are repeats of each other."""
        fields = {"owns_home": "yes" if number % 4 else "no", "monthly_bill": str(50 + 7 * (number % 60))}
        values: dict[str, Any] = {
            "supplier_lead_id": f"s-{number}",
            "campaign_id": "solar-us",
            "supplier_id": "acme-forms",
            "submitted_at": self.clock.now_ms() - 500,
            "first_name": "Ann",
            "last_name": f"Example {number}",
            "email": f"ann.{number}@example.org",
            "state": ("CA", "NV", "TX")[number % 3],
            "fields": fields,
        }
        self.broker.send(RECEIVED, CODEC.encode(LeadReceived(**values | changes)), b"", number % 3)
        self.received += 1

    def pause(self, buyer_id: str, action: str = "pause") -> None:
        """Tell a buyer's owner to pause or resume."""
        command = BuyerCommand(buyer_id, "", action, -1, self.clock.now_ms())
        self.broker.send(OFFERS, CODEC.encode(command), buyer_id.encode())

    def pause_supplier(self, supplier_id: str, *, paused: bool = True) -> None:
        """Pause or resume a supplier."""
        record = Pause("supplier", supplier_id, paused, -1, self.clock.now_ms())
        self.broker.send(PAUSES, CODEC.encode(record), f"supplier/{supplier_id}".encode())

    def run(self, turns: int) -> None:
        """Let the workers take this many turns, faults included; who died is started again."""
        for _ in range(turns):
            self._turn()

    def _turn(self) -> bool | None:
        self.clock.advance(self.random.choice((1, 5, 20, 100)))
        name = f"w{self.random.randrange(self.workers)}"
        if name == self.frozen:
            return None
        worker = self.alive.get(name) or self._start(name)
        try:
            return worker.engine.run_once()
        except (Crash, StateInDoubt, Fenced):
            worker.client.alive = False
            del self.alive[name]
            return True

    def settle(self) -> None:
        """Work until every received lead has ended."""
        self.calm = True
        quiet = 0
        for _ in range(30_000):
            quiet = quiet + 1 if self._turn() is None else 0
            if quiet and not quiet % QUIET_TURNS and self._ended():
                self.calm = False
                return
        raise AssertionError(f"not settled: {[w.engine.state().not_ready for w in self.alive.values()]}")

    def settle_quietly(self) -> None:
        """Work until nothing has been done for long; cheaper than `settle`, for very many leads."""
        self.calm = True
        quiet = 0
        while quiet < 250:
            quiet = quiet + 1 if self._turn() is None else 0

    def _ended(self) -> bool:
        """Whether as many records were rejected or closed as were received; a repeat that routing found counts once."""
        rejected = len(self.records(REJECTED, LeadRejected))
        return rejected + len(self.records(CLOSED, LeadClosed)) >= self.received

    def _start(self, name: str) -> Worker:
        holder: list[MemoryClient] = []

        def on_step(step: str, when: str) -> None:
            if holder and not self.calm:
                self._fault(name, holder[0], step, when)

        client = MemoryClient(self.broker, name=name, on_step=on_step)
        holder.append(client)
        engine = Engine(
            client,
            self._stages(client, plans := PlanView(CODEC), pauses := PauseView(CODEC), status := StatusView(CODEC)),
            CODEC,
            self.clock,
            EngineOptions(epoch_records_max=20, kept_state_ms=5_000, rest_ms_max=400),
            partition_counts=self.counts,
            restorer=StepRestorer(client),
        )
        follow: list[tuple[str, Callable[[Message], None]]] = [
            (PLAN, plans.apply),
            (PAUSES, pauses.apply),
            (BUYER_STATUS, status.apply),
        ]
        for topic, apply in follow:
            engine.follow(topic, apply)
        worker = self.alive[name] = Worker(client, engine)
        engine.start()
        return worker

    def _stages(self, client: MemoryClient, plans: PlanView, pauses: PauseView, status: StatusView) -> Any:
        rebuilder = Rebuilder(
            self.store,
            ClientLog(lambda: client),
            open_unique,
            self.clock.now_ms,
            lambda work: work(),
            patience_chunks=3,
        )
        return (
            DedupStage(CODEC, SLIPS, plans, pauses, Claims(self.store, rebuilder), HASHES),
            ScoringStage(SLIPS, plans),
            Routing(CODEC, SLIPS, plans.current, status),
            Delivery(CODEC, SLIPS, status, client.topic_known),
            Settlement(CODEC),
        )

    def _fault(self, name: str, client: MemoryClient, step: str, when: str) -> None:
        chance = self.random.random() * (10 if step == "produce" else 1)  # an epoch has many produces
        if chance < self.faults.crash:
            raise Crash
        chance -= self.faults.crash
        if chance < self.faults.freeze and not self.frozen:
            self._freeze(name, client)
        chance -= self.faults.freeze
        if 0 <= chance < self.faults.lost and when == "before" and step in _CAN_BE_LOST:
            raise EpochLost(f"refused at {step}")

    def _freeze(self, name: str, client: MemoryClient) -> None:
        """Stop a worker within a step until its session has ended and the other one has its partitions."""
        self.frozen, client.alive = name, False
        self.clock.advance(900)
        self.run(self.random.choice((10, 60)))
        self.frozen, client.alive = "", True

    def records(self, topic: str, kind: type[R]) -> list[R]:
        """Return the committed records of a topic."""
        return [CODEC.decode_as(message.value or b"", kind) for message in self.broker.records(topic)]

    def messages(self) -> list[Message]:
        """Return every committed record of every topic, by the broker's time."""
        found = [message for topic in self.broker.counts() for message in self.broker.records(topic)]
        return sorted(found, key=lambda message: message.timestamp_ms)


def lived(seed: int, faults: Faults | None = None, leads: int = 14) -> World:
    """Return a world in which all of it has happened, before a midnight and after it, and every lead has ended."""
    world = World(seed, faults or Faults())
    world.apply(market(*SELLERS, rights=2))
    for number in range(leads):
        _one(world, number, leads)
        world.run(world.random.choice((0, 1, 5)))
    world.settle()
    world.clock.advance(14 * HOUR_MS)  # midnight in every zone
    for number in range(leads, 2 * leads):
        _one(world, number, leads)
        world.run(world.random.choice((0, 2)))
    world.settle()
    return world


def _one(world: World, number: int, leads: int) -> None:
    world.receive(number)
    if number % 9 == 4:
        world.receive(number)  # a repeat
    if number % 11 == 5:
        world.receive(1_000 + number, email=f"ann.{number - 3}@example.org")  # a duplicate
    if number % 13 == 6:
        world.receive(2_000 + number, state="Atlantis")  # invalid
    if number % 17 == 7:
        world.receive(3_000 + number, test=True)
    if number == leads // 3:
        for buyer_id in PAUSED:
            world.pause(buyer_id)
        world.run(40)  # the owners have heard of it before the next lead
    if number == leads // 2:
        world.run(40)
        world.apply(changed())
        world.store.wipe()
        for buyer_id in PAUSED:
            world.pause(buyer_id, "resume")
    if number == 3 * leads // 2:
        world.broker.send(RECEIVED, b"no record of ours", b"", 0)


@cache
def clean() -> tuple[Message, ...]:
    """Return the topics of a fair world, by the broker's time."""
    return tuple(lived(1).messages())
