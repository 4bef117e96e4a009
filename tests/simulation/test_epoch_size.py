"""A slow cluster must not make a worker redo one epoch for ever: epochs shrink until they fit, and grow again."""

from collections.abc import Sequence

from config.kafka import DEADLINE_MS
from schemas.errors import EpochLost, Unavailable
from streams.client import Placed
from streams.events import EpochCommitted, EpochUndone
from streams.options import EngineOptions
from streams.stage import Batch
from tests.simulation.rig import Counting, World

#: As `streams.kafka.producer` has it: what is left of the deadline is for the commit.
FLUSH_MS = DEADLINE_MS // 2


class SlowCluster:
    """Each flushed record takes its time; an epoch whose flush takes too long is lost, as at the real client."""

    def __init__(self, world: World, ms_a_record: float) -> None:
        self._world = world
        self.ms_a_record = ms_a_record
        self._produced = 0

    def attach(self, client: object) -> None:
        """Stand between the engine and this client's produce and flush."""
        produce, flush = client.produce, client.flush  # type: ignore[attr-defined]

        def slow_produce(placed: Placed) -> object:
            self._produced += sum(map(len, placed.values()))
            return produce(placed)

        def slow_flush() -> object:
            told = flush()
            took_ms = int(self._produced * self.ms_a_record)
            self._produced = 0
            self._world.clock.advance(min(took_ms, FLUSH_MS))
            if took_ms >= FLUSH_MS:
                raise EpochLost(f"no answer for {took_ms} ms")
            return told

        client.produce, client.flush = slow_produce, slow_flush  # type: ignore[attr-defined]


def test_epochs_shrink_until_they_fit_and_grow_again() -> None:
    world = World(partitions=1)
    worker = world.worker(options=EngineOptions(epoch_records_max=1000))
    slow = SlowCluster(world, ms_a_record=10.0)
    slow.attach(worker.client)
    for number in range(2000):
        world.send("a", f"k{number}")
    world.settle(worker, rounds=400, each_ms=500)
    assert sorted(world.out()) == sorted(f"k{number}=1" for number in range(2000))
    undone = sum(isinstance(event, EpochUndone) for event in worker.events)
    assert 0 < undone < 10
    quick_enough = [event.took_ms for event in worker.events if isinstance(event, EpochCommitted)][-10:]
    assert max(quick_enough) < 2 * EngineOptions().epoch_slow_ms
    slow.ms_a_record = 0.01
    for number in range(4000):
        world.send("a", f"again{number}")
    world.settle(worker, rounds=400, each_ms=500)
    sizes = [event.records for event in worker.events if isinstance(event, EpochCommitted)]
    assert max(sizes[-4:]) == 1000
    assert len(world.out()) == 6000


class Claiming(Counting):
    """Its preparation takes its time for each record, and has half a second in all, as claims in Redis have."""

    def __init__(self, world: World, ms_a_record: float) -> None:
        super().__init__()
        self._world = world
        self._ms_a_record = ms_a_record
        self.failures = 0

    def prepare(self, batches: Sequence[Batch]) -> None:
        took_ms = int(sum(len(batch.messages) for batch in batches) * self._ms_a_record)
        self._world.clock.advance(min(took_ms, 500))
        if took_ms > 500:
            self.failures += 1
            raise Unavailable("too slow to claim a batch in time")


def test_epochs_shrink_until_they_can_be_prepared_in_time() -> None:
    world = World(partitions=1)
    stage = Claiming(world, ms_a_record=2.0)
    worker = world.worker("w1", [stage], options=EngineOptions(epoch_records_max=1000))
    for number in range(2000):
        world.send("a", f"k{number}")
    world.settle(worker, rounds=400, each_ms=500)
    assert sorted(world.out()) == sorted(f"k{number}=1" for number in range(2000))
    assert stage.failures < 20
