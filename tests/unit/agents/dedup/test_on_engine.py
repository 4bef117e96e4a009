"""Intake and scoring on the real engine over a broker in memory, with workers that die and claims that are lost."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import msgspec
import pytest

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.memory_store import MemoryStore
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.dedup.stage import DedupStage
from agents.scoring.stage import ScoringStage
from agents.views import PauseView, PlanView
from config.plan.compiled import CompiledPlan
from schemas.records import DeadLetter, LeadRejected, LeadScored, LeadUnique, Record
from schemas.topics import PAUSES, PLAN, RECEIVED, REJECTED, SCORED, UNIQUE
from streams.clock import ManualClock
from streams.engine import Engine
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.restore import StepRestorer
from tests.unit.agents.intake import CODEC, NOW, SLIPS, open_unique, plan, plan_message, received

R = TypeVar("R", bound=Record)

HASHES = Hashes(b"a key that is long enough")
PARTITIONS = 2


class Worker:
    """One process with both stages."""

    def __init__(self, world: World, name: str) -> None:
        self.client = MemoryClient(world.broker, name=name)
        plans, pauses = PlanView(CODEC), PauseView(CODEC)
        log = ClientLog(lambda: self.client)
        rebuilder = Rebuilder(world.store, log, open_unique, world.clock.now_ms, lambda work: work(), patience_chunks=3)
        claims = Claims(world.store, rebuilder)
        stages = [DedupStage(CODEC, SLIPS, plans, pauses, claims, HASHES), ScoringStage(SLIPS, plans)]
        self.engine = Engine(
            self.client,
            stages,
            CODEC,
            world.clock,
            partition_counts=world.counts,
            restorer=StepRestorer(self.client),
        )
        self.engine.follow(PLAN, plans.apply)
        self.engine.follow(PAUSES, pauses.apply)
        self.engine.start()

    def die(self) -> None:
        """No heartbeats any more."""
        self.client.alive = False


class World:
    """A broker, a claim store, a clock, workers."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock)
        self.store = MemoryStore()
        lanes = dict.fromkeys((RECEIVED, UNIQUE, REJECTED, SCORED), PARTITIONS)
        self.counts = lanes | dict.fromkeys((PLAN, PAUSES, f"{RECEIVED}.dead", f"{UNIQUE}.dead"), 1)
        for topic, count in self.counts.items():
            self.broker.create_topic(topic, count)
        self.workers: dict[str, Worker] = {}

    def start(self, *names: str) -> None:
        """Start workers by name."""
        for name in names:
            self.workers[name] = Worker(self, name)

    def apply(self, compiled: CompiledPlan) -> None:
        """Publish a plan."""
        self.broker.send(PLAN, plan_message(compiled).value, b"plan")

    def send(self, *numbers: int, person: int | None = None) -> None:
        """Send leads; those of the same person share an e-mail, whatever their form."""
        for number in numbers:
            who = number if person is None else person
            lead = received(number, email=f"p{who}@example.com", phone=f"(415) 555-{who:04d}")
            self.broker.send(RECEIVED, CODEC.encode(lead), b"", number % PARTITIONS)

    def settle(self, rounds: int = 120) -> None:
        """Let all living workers work until nothing was to do for a while."""
        quiet = 0
        for _ in range(rounds):
            done = [worker.engine.run_once() for worker in self.workers.values() if worker.client.alive]
            self.clock.advance(50)
            quiet = 0 if any(result is not None for result in done) else quiet + 1
            if quiet >= 40:
                return

    def of(self, topic: str, kind: type[R]) -> list[R]:
        """Return the committed records of a topic."""
        return [CODEC.decode_as(message.value or b"", kind) for message in self.broker.records(topic)]

    def people(self) -> Counter[str]:
        """Return how often each person became a unique lead."""
        return Counter(one.lead.email or "" for one in self.of(UNIQUE, LeadUnique))


@pytest.fixture
def world() -> World:
    world = World()
    world.apply(plan())
    return world


def once(count: int) -> Counter[str]:
    """Return these many people, each once."""
    return Counter({f"p{number}@example.com": 1 for number in range(count)})


def test_a_lead_goes_through_intake_and_scoring(world: World) -> None:
    world.start("w1")
    world.send(*range(10))
    world.settle()
    assert world.people() == once(10)
    scored = world.of(SCORED, LeadScored)
    assert {one.score.grade for one in scored} == {"A"}
    assert {one.slip.lead_id for one in scored} == {one.slip.lead_id for one in world.of(UNIQUE, LeadUnique)}
    places = {message.key: message.partition for message in world.broker.records(UNIQUE)}
    assert {message.key: message.partition for message in world.broker.records(SCORED)} == places


def test_nothing_moves_before_a_plan_and_everything_after() -> None:
    world = World()
    world.start("w1")
    world.send(1, 2)
    world.settle()
    assert world.people() == Counter()
    world.apply(plan())
    world.settle()
    assert len(world.people()) == 2


def test_received_is_unique_and_rejected_and_dead(world: World) -> None:
    world.start("w1", "w2")
    world.send(*range(20))
    world.broker.send(RECEIVED, b"rubbish", b"", 0)
    world.send(*range(20, 25), person=3)
    world.send(1, 2)
    world.settle(400)
    assert world.people() == once(20)
    reasons = Counter(fact.reason for fact in world.of(REJECTED, LeadRejected))
    assert reasons == {"DUPLICATE": 5, "REPEAT": 2}
    [letter] = world.of(f"{RECEIVED}.dead", DeadLetter)
    assert (letter.stage, letter.reason) == ("dedup", "UNDECODABLE")


def test_claims_lost_between_and_inside_epochs(world: World) -> None:
    world.start("w1", "w2")
    world.send(*range(30))
    world.settle()
    world.store.wipe()
    world.send(*range(100, 130), person=7)
    world.send(*range(30, 40))
    worker = world.workers["w1"]
    opened = worker.engine.open(0)
    if opened is not None:
        for one in opened.batches:
            worker.engine.process(one)
        world.store.restart()
        worker.engine.close(opened)
    world.settle(400)
    assert world.people() == once(40)
    assert Counter(fact.reason for fact in world.of(REJECTED, LeadRejected)) == {"DUPLICATE": 30}


@pytest.mark.parametrize("epochs", range(1, 9))
def test_a_worker_that_dies_with_an_epoch_open_loses_and_doubles_nothing(world: World, epochs: int) -> None:
    world.start("w1", "w2")
    world.send(*range(12))
    world.send(*range(100, 112), person=5)
    dying = world.workers["w1"]
    for _ in range(epochs):
        opened = dying.engine.open(0)
        world.clock.advance(50)
        world.workers["w2"].engine.run_once()
        if opened is None:
            continue
        for one in opened.batches:
            dying.engine.process(one)
        if opened.batches:
            break
        dying.engine.close(opened)
    dying.die()
    if epochs % 2:
        world.store.wipe()
    world.clock.advance(30_000)
    world.start("w3")
    world.settle(600)
    assert world.people() == once(12)
    assert len(world.of(SCORED, LeadScored)) == 12
    assert Counter(fact.reason for fact in world.of(REJECTED, LeadRejected)) == {"DUPLICATE": 12}


def test_a_plan_that_looks_at_more_finds_what_was_taken_in_before(world: World) -> None:
    world.apply(plan(2, of="email"))
    world.start("w1", "w2")
    world.send(*range(10))
    world.settle()
    world.apply(plan(3, of="email, phone"))
    other_email = received(50, email="else@example.com", phone="(415) 555-0004")
    world.broker.send(RECEIVED, CODEC.encode(other_email), b"", 1)
    world.settle()
    [fact] = world.of(REJECTED, LeadRejected)
    assert (fact.reason, fact.key_hit) == ("DUPLICATE", "phone")


def test_a_lead_of_a_newer_plan_is_scored_when_the_plan_is_here(world: World) -> None:
    world.start("w1")
    world.send(1)
    world.settle()
    value = world.broker.records(UNIQUE)[0].value or b""
    unique = CODEC.decode_as(value, LeadUnique)
    ahead = msgspec.structs.replace(unique.slip, plan_version=9, lead_id="ahead")
    world.broker.send(UNIQUE, SLIPS.seal_unique(SLIPS.unique(ahead, SLIPS.body_of(unique.lead))), b"ahead", 0)
    world.settle()
    assert len(world.of(SCORED, LeadScored)) == 1
    world.apply(plan(9))
    world.settle()
    assert "ahead" in {one.slip.lead_id for one in world.of(SCORED, LeadScored)}
