"""A small world for engine tests: a broker in memory, a stage that counts, workers that can be crashed and frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.records import Credit, DeadLetter, Position
from streams.clock import ManualClock
from streams.crash_file import CrashFile
from streams.engine import Engine
from streams.epoch import OpenEpoch
from streams.events import Event, Listener, ignore
from streams.memory.broker import MemoryBroker
from streams.memory.client import MemoryClient
from streams.options import EngineOptions
from streams.positions import changelog_topic
from streams.restore import StepRestorer
from streams.stage import Batch, Epoch, Message, Stage, TopicPartition
from tests.support.log_drawing import drawing

CODEC = Codec()
POISON = b"poison"
START_MS = 1_700_000_000_000


class Crash(BaseException):
    """The process dies here: nothing that follows happens."""


class Counting(Stage):
    """Counts each key's records from two co-partitioned sources; emits the count, so that every output is unique.

    With `every_ms` it also counts ticks under the key `ticks`; a record with the value `poison` raises.
    """

    name = "routing"
    sources = ("a", "b")
    tables = {"counts": Credit}  # noqa: RUF012  the base class declares it so

    def __init__(self, every_ms: int | None = None) -> None:
        self.every_ms = every_ms
        self.next_tick: dict[int, int] = {}
        self.restored_with: list[tuple[int, int]] = []
        self.unavailable = False
        self.confirms = 0
        self.refuse_confirm = False

    def prepare(self, batches: Sequence[Batch]) -> None:
        if self.unavailable:
            raise Unavailable("the world is away")

    def process(self, batch: Batch, epoch: Epoch) -> None:
        table = epoch.table("counts", batch.partition)
        for message in batch.messages:
            if message.value == POISON:
                raise ValueError("poison")
            key = (message.key or b"").decode()
            count = (known.credit if (known := table.get(key)) is not None else 0) + 1
            table.put(key, Credit(count))
            epoch.emit("out", b"%b=%d" % (key.encode(), int(count)), key)

    def confirm(self) -> None:
        self.confirms += 1
        if self.refuse_confirm:
            raise Unavailable("refused at the last moment")

    def restored(self, partition: int, epoch: Epoch) -> None:
        self.restored_with.append((partition, len(epoch.table("counts", partition))))

    def due_at(self, partition: int) -> int | None:
        return None if self.every_ms is None else self.next_tick.get(partition, 0)

    def tick(self, partition: int, epoch: Epoch) -> None:
        table = epoch.table("counts", partition)
        table.put("ticks", Credit((known.credit if (known := table.get("ticks")) is not None else 0) + 1))
        epoch.emit("out", b"tick", "ticks", partition=partition)
        self.next_tick[partition] = epoch.now_ms + (self.every_ms or 0)

    def forget(self, partition: int) -> None:
        self.next_tick.pop(partition, None)


class Passing(Stage):
    """A stage without tables: copies each record to `out`."""

    name = "dedup"
    sources = ("raw",)

    def __init__(self) -> None:
        self.waiting_for: str | None = None

    @property
    def waits(self) -> str | None:
        return self.waiting_for

    def process(self, batch: Batch, epoch: Epoch) -> None:
        for message in batch.messages:
            if message.value == POISON:
                raise ValueError("poison")
            epoch.emit("passed", message.value or b"", (message.key or b"").decode())


@dataclass
class Worker:
    """One process: a client, an engine, and whatever epoch is open in it."""

    name: str
    client: MemoryClient
    engine: Engine
    stages: list[Stage]
    events: list[Event] = field(default_factory=list)
    epoch: OpenEpoch | None = None

    def run(self, times: int = 1) -> list[bool | None]:
        """Open, process and close up to `times` epochs; returns what each came to."""
        return [self.engine.run_once() for _ in range(times)]

    def die(self) -> None:
        """No heartbeats any more; the object is not to be used again."""
        self.client.alive = False


class World:
    """A broker with the topics of the rig's stages, a clock, and workers by name."""

    def __init__(self, partitions: int = 2, **broker: object) -> None:
        self.partitions = partitions
        self.clock = ManualClock(START_MS)
        self.broker = MemoryBroker(self.clock, **broker)  # type: ignore[arg-type]
        topics = ("a", "b", "raw", "out", "passed", changelog_topic("routing"))
        self.counts = dict.fromkeys(topics, partitions)
        for topic, count in self.counts.items():
            self.broker.create_topic(topic, count)
        for topic in ("a.dead", "b.dead", "raw.dead", "plan"):
            self.broker.create_topic(topic, 1)

    def worker(
        self,
        name: str = "w1",
        stages: Sequence[Stage] | None = None,
        *,
        options: EngineOptions | None = None,
        static: bool = False,
        on_step: Callable[[str, str], None] = lambda step, when: None,
        crash_file: Path | None = None,
        start: bool = True,
        listen: Listener = ignore,
    ) -> Worker:
        """Start a worker; a Counting stage alone by default. `listen` hears its events as well."""
        own: list[Stage] = list(stages) if stages is not None else [Counting()]
        events: list[Event] = []
        client = MemoryClient(self.broker, name=name, static=static, on_step=on_step)

        def hear(event: Event) -> None:
            events.append(event)
            listen(event)

        engine = Engine(
            client,
            own,
            CODEC,
            self.clock,
            options,
            partition_counts=self.counts,
            restorer=StepRestorer(client),
            crash_file=CrashFile(crash_file) if crash_file is not None else None,
            on_event=hear,
        )
        if start:
            engine.start()
        return Worker(name, client, engine, own, events)

    def settle(self, *workers: Worker, rounds: int = 200, each_ms: int = 20) -> None:
        """Let the workers work, one after the other, until nobody has had anything to do for a while."""
        quiet = 0
        for _ in range(rounds):
            results = [worker.engine.run_once() for worker in workers]
            self.clock.advance(each_ms)
            busy = any(worker.engine._assignment.settling for worker in workers)
            quiet = 0 if busy or any(result is not None for result in results) else quiet + 1
            if quiet >= 8:
                return

    def send(self, topic: str, key: str, value: bytes = b"v", partition: int | None = None) -> None:
        """An upstream system sends a record."""
        self.broker.send(topic, value, key.encode(), partition)

    def log(self, topic: str, partition: int = 0) -> str:
        """The log of a partition in one line."""
        return drawing(self.broker.log(TopicPartition(topic, partition)))

    def out(self, topic: str = "out") -> list[str]:
        """Committed values of a topic, partition by partition."""
        return [(message.value or b"").decode() for message in self.broker.records(topic)]

    def offsets(self) -> dict[TopicPartition, int]:
        """The group's committed offsets."""
        return dict(self.broker.group("leadflow").offsets)

    def changelog(self, partition: int) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
        """Replay a changelog partition with a reader of its own: counts by key, positions by source."""
        counts: dict[str, float] = {}
        positions: dict[str, tuple[int, int]] = {}
        log = self.broker.log(TopicPartition(changelog_topic("routing"), partition))
        for message in log.committed(0, log.end, log.end)[0]:
            _replay(message, counts, positions)
        return counts, positions

    def dead(self, topic: str) -> list[DeadLetter]:
        """The dead letters of a topic."""
        return [CODEC.decode_as(m.value or b"", DeadLetter) for m in self.broker.records(f"{topic}.dead")]


def _replay(message: Message, counts: dict[str, float], positions: dict[str, tuple[int, int]]) -> None:
    table, _, key = (message.key or b"").partition(b"\x00")
    if table:
        if message.value is None:
            counts.pop(key.decode(), None)
        else:
            counts[key.decode()] = CODEC.decode_as(message.value, Credit).credit
    elif message.value is not None:
        position = CODEC.decode_as(message.value, Position)
        topic = key.removeprefix(b"position/").decode()
        before = positions.get(topic, (0, 0))
        assert position.from_offset == before[1], f"the chain of positions of {topic} is broken: {before} {position}"
        positions[topic] = (position.from_offset, position.to_offset)
