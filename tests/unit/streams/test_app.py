"""The Faust app around an engine on the broker in memory: delivery, failures, ends, and the pages of its web port."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import load_settings
from schemas.codec import Codec
from schemas.errors import Fenced, NeedsPerson, StateInDoubt, Unavailable
from schemas.records import Credit
from streams.app import LeadflowApp, build_app
from streams.clock import Clock
from streams.engine import Engine
from streams.epoch import OpenEpoch
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.stage import Batch, Epoch, Stage

WAIT_S = 10.0
RECORDS = 200
POISON = b"7777"


class Echo(Stage):
    """Copies records from two topics; remembers how it was called; raises what it is told to."""

    name = "routing"
    sources = ("a", "b")
    tables = {"seen": Credit}  # noqa: RUF012  the base class declares it so

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.threads: set[str] = set()
        self.lock = threading.Lock()
        self.raises: BaseException | None = None
        self.hangs_in = ""
        self.ended = threading.Event()

    def prepare(self, batches: object) -> None:
        with self._alone():
            self.threads.add(threading.current_thread().name)
            self._hang("prepare")

    def due_at(self, partition: int) -> int | None:
        return 0 if self.hangs_in == "tick" else None

    def tick(self, partition: int, epoch: Epoch) -> None:
        self._hang("tick")

    def confirm(self) -> None:
        self._hang("confirm")

    def process(self, batch: Batch, epoch: Epoch) -> None:
        with self._alone():
            self._hang("process")
            if self.raises is not None:
                raise self.raises
            self.batches.append(batch)
            for message in batch.messages:
                if message.value == POISON:
                    raise ValueError("a bug")
                epoch.emit("out", message.value or b"", "k")

    def _hang(self, hook: str) -> None:
        """Come back only when the process would be gone, if this is the hook that hangs."""
        if self.hangs_in == hook:
            assert self.ended.wait(WAIT_S), f"nobody ended a process that hangs in {hook}"
            raise StateInDoubt("a process that is gone does nothing more")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Fail when a hook of the other thread runs at the same time."""
        assert self.lock.acquire(blocking=False), "two hooks at once"
        try:
            yield
        finally:
            self.lock.release()


@dataclass
class World:
    """A broker in memory, one stage, and what the app's end would have been."""

    folder: Path
    stage: Echo = field(default_factory=Echo)
    exits: list[tuple[int, str]] = field(default_factory=list)
    away: int = 0
    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker(Clock()))

    def __post_init__(self) -> None:
        for topic, count in {
            "a": 2,
            "b": 2,
            "out": 1,
            "internal.routing.changelog": 2,
            "a.dead": 1,
            "b.dead": 1,
        }.items():
            self.broker.create_topic(topic, count)

    def make_engine(self) -> Engine:
        """Return an engine; raises Unavailable as often as `away` says."""
        if self.away:
            self.away -= 1
            raise Unavailable("nobody answers")
        client = MemoryClient(self.broker, wait=lambda seconds: time.sleep(min(seconds, 0.01)))
        return Engine(client, [self.stage], Codec(), Clock())

    def app(self) -> LeadflowApp:
        """Return a new app of this world."""
        settings = load_settings({"LEADFLOW_DATA": str(self.folder), "LEADFLOW_WEB_PORT": "0"})

        def end(code: int, reason: str) -> None:
            self.exits.append((code, reason))
            self.stage.ended.set()

        return build_app(self.make_engine, [self.stage], settings, metrics=lambda: b"leads 1\n", end_process=end)

    def run(self, holds: Callable[[], bool], then: Callable[[LeadflowApp], None] | None = None) -> LeadflowApp:
        """Run an app until the condition holds, then stop it."""
        app = self.app()

        async def session() -> None:
            app.loop = asyncio.get_running_loop()
            async with app:
                end = time.monotonic() + WAIT_S
                while not holds():
                    assert time.monotonic() < end, f"not in time; exits {self.exits}"
                    await asyncio.sleep(0.01)
                if then is not None:
                    await asyncio.get_running_loop().run_in_executor(None, then, app)

        with asyncio.Runner() as runner:
            runner.run(session())
        return app


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world with records waiting in both topics; the loop policy is as it was before."""
    found = World(tmp_path)
    for number in range(RECORDS):
        found.broker.send("ab"[number % 2], b"%d" % number, b"k%d" % (number // 2 % 7))
    policy = asyncio.get_event_loop_policy()
    yield found
    asyncio.set_event_loop_policy(policy)


def out(world: World) -> list[int]:
    """Return what was committed, sorted."""
    return sorted(int(message.value or b"") for message in world.broker.records("out"))


def test_every_record_goes_through_its_agent_once(world: World) -> None:
    world.run(lambda: len(out(world)) >= RECORDS)
    assert out(world) == list(range(RECORDS))
    assert world.exits == []


def test_an_agent_gets_one_event_per_partition_and_epoch(world: World) -> None:
    world.run(lambda: len(out(world)) >= RECORDS)
    assert all(isinstance(batch, Batch) for batch in world.stage.batches)
    assert len(world.stage.batches) < RECORDS / 10


def test_blocking_calls_run_in_the_engines_one_thread(world: World) -> None:
    world.run(lambda: len(out(world)) >= RECORDS)
    [name] = world.stage.threads
    assert name.startswith("leadflow-engine")


class Relay(Echo):
    """Passes what comes from one topic on to the other one, so that it takes a further round, and says what it is."""

    def process(self, batch: Batch, epoch: Epoch) -> None:
        self.batches.append(batch)
        for message in batch.messages:
            value = message.value or b""
            epoch.emit("b" if batch.topic == "a" else "out", value, "k", known=int(value))


def test_a_further_round_runs_in_the_loop_unless_it_has_to_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_loop, written = Engine.round_at_once, Engine.round_once_written
    at_once: list[bool] = []
    threads: set[tuple[str, bool]] = set()

    def noted_at_once(engine: Engine, epoch: OpenEpoch) -> Any:
        batches = in_loop(engine, epoch)
        at_once.append(bool(batches))
        threads.add(("loop", threading.current_thread() is threading.main_thread()))
        return batches

    def noted_written(engine: Engine, epoch: OpenEpoch) -> Any:
        threads.add(("written", threading.current_thread() is threading.main_thread()))
        return written(engine, epoch)

    monkeypatch.setattr(Engine, "round_at_once", noted_at_once)
    monkeypatch.setattr(Engine, "round_once_written", noted_written)
    world.stage = Relay()

    def foretold() -> bool:
        """Send one more until a round was handed over without being written first."""
        if not any(at_once) and len(out(world)) == len(world.broker.records("a")) + RECORDS // 2:
            world.broker.send("a", b"1", b"k")
        return any(at_once) and len(out(world)) == len(world.broker.records("a")) + RECORDS // 2

    world.run(foretold)
    assert threads == {("loop", True), ("written", False)}
    assert world.exits == []
    messages = [message for batch in world.stage.batches for message in batch.messages]
    assert {message.known for message in messages if message.topic == "a"} == {None}, "nobody said what these are"
    told = [message for message in messages if message.known is not None]
    assert told, "what was handed over says what it is"
    assert all(message.known == int(message.value or b"") for message in told)


def test_faust_keeps_no_account_of_acknowledgements(world: World) -> None:
    """Its counters belong to no epoch; a late ack once closed the next epoch too early and lost records."""
    app = world.run(lambda: len(out(world)) >= RECORDS)
    consumer: Any = app.consumer
    conductor: Any = app.topics
    assert not consumer._acked
    assert not consumer._unacked_messages
    assert consumer._n_acked == 0
    assert not conductor._acking_topics


def test_a_second_run_goes_on_where_the_first_one_stopped(world: World) -> None:
    world.run(lambda: len(out(world)) >= RECORDS)
    world.broker.send("a", b"1000", b"k")
    world.run(lambda: 1000 in out(world))
    assert out(world) == [*range(RECORDS), 1000]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StateInDoubt("s"), 70),
        (Fenced("f"), 75),
        (NeedsPerson("n"), 78),
        (MemoryError(), 70),
    ],
)
def test_what_ends_the_process_ends_it_with_its_code_and_commits_nothing(
    world: World, error: BaseException, code: int
) -> None:
    world.stage.raises = error
    world.run(lambda: bool(world.exits))
    assert [code] == [found for found, _ in world.exits][:1]
    assert out(world) == []


@pytest.mark.parametrize("hook", ["prepare", "process", "tick", "confirm"])
def test_a_hook_that_hangs_ends_the_process(world: World, monkeypatch: pytest.MonkeyPatch, hook: str) -> None:
    """Nobody would see it otherwise: the group gives its partitions to others, and the process stays."""
    monkeypatch.setattr("streams.faust_driver.PROCESSING_S", 0.2)
    world.stage.hangs_in = hook
    world.run(lambda: bool(world.exits))
    code, reason = world.exits[0]
    assert (code, "hangs" in reason) == (70, True)
    assert out(world) == []


def test_an_error_of_a_stage_is_the_engines_to_judge_not_the_apps(world: World) -> None:
    world.broker.send("a", POISON, b"k")
    world.run(lambda: len(out(world)) >= RECORDS and len(world.broker.records("a.dead")) > 0)
    assert world.exits == []
    assert out(world) == list(range(RECORDS))


def test_a_cluster_that_is_away_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.faust_driver.RETRY_S", 0.01)
    world.away = 3
    world.run(lambda: len(out(world)) >= RECORDS)
    assert (world.away, world.exits) == (0, [])


def test_a_service_of_faust_that_falls_ends_the_process(world: World) -> None:
    app = world.run(lambda: len(out(world)) >= RECORDS)
    asyncio.run(app.crash(OSError("port taken")))
    assert world.exits[0][0] == 70


def test_a_foreign_error_that_ends_the_process_is_named_without_its_text(world: World) -> None:
    """Its text may quote a person's value."""
    world.app().driver.fall(ValueError("Zyxwvut"))
    assert world.exits == [(70, "ValueError")]


def test_the_stages_tables_are_listed_and_not_readable(world: World) -> None:
    tables: Any = world.app().tables
    assert [(name, table.help) for name, table in tables.items()] == [
        ("seen", "Credit records of stage routing, one partition an owner")
    ]
    with pytest.raises(KeyError):
        tables["seen"]["k"]


def test_the_web_port_answers(world: World) -> None:
    answers: dict[str, httpx.Response] = {}

    def ask(app: LeadflowApp) -> None:
        for path in (
            "/metrics",
            "/health/live",
            "/health/ready",
            "/schemas/ids/1000000?subject=x",
            "/schemas/ids/7",
            "/subjects",
            "/subjects/leadflow.LeadSold/versions/latest",
            "/subjects/nobody/versions/latest",
            "/tables/",
        ):
            answers[path] = httpx.get(f"http://127.0.0.1:{app.conf.web_port}{path}", timeout=30)

    world.run(lambda: len(out(world)) >= RECORDS, ask)
    status = {path: answer.status_code for path, answer in answers.items()}
    assert status.pop("/tables/") in (200, 404)
    assert status == {
        "/metrics": 200,
        "/health/live": 200,
        "/health/ready": 200,
        "/schemas/ids/1000000?subject=x": 200,
        "/schemas/ids/7": 404,
        "/subjects": 200,
        "/subjects/leadflow.LeadSold/versions/latest": 200,
        "/subjects/nobody/versions/latest": 404,
    }
    assert answers["/metrics"].text == "leads 1\n"
    assert json.loads(answers["/schemas/ids/1000000?subject=x"].json()["schema"])["name"] == "LeadReceived"
    assert answers["/schemas/ids/7"].json()["error_code"] == 40403


def test_readiness_says_why_not_before_the_engine_is_made(world: World) -> None:
    app = world.app()
    assert app.driver.state().not_ready == ("waiting for Kafka",)
