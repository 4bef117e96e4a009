"""What a worker tells of leads is what the log holds, however often epochs are undone."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import EpochLost
from streams.metrics import Metrics
from streams.stage import Batch, Epoch
from tests.simulation.rig import POISON, Counting, Passing, World


class Tallying(Passing):
    """Passes records on, and counts them as unique leads."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self.tally = metrics.outcomes("dedup")

    def process(self, batch: Batch, epoch: Epoch) -> None:
        for message in batch.messages:
            self.tally["unique", ""] += 1
            if message.value == POISON:
                raise ValueError("poison")
            epoch.emit("a", message.value or b"", (message.key or b"").decode())


class Scoring(Counting):
    """Counts as the rig's stage does, and counts leads as scored; takes what the one before it wrote."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self.tally = metrics.outcomes("scoring")

    def process(self, batch: Batch, epoch: Epoch) -> None:
        super().process(batch, epoch)
        self.tally["scored", ""] += len(batch.messages)


def told(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        sample.labels["outcome"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "leadflow_leads_total"
    }


@pytest.mark.parametrize("lost_at", ["flush", "send_offsets", "commit"])
def test_every_third_epoch_lost_counts_each_lead_once(lost_at: str) -> None:
    world, metrics, tries = World(), Metrics(), 0

    def loses(step: str, when: str) -> None:
        nonlocal tries
        if (step, when) == (lost_at, "before"):
            tries += 1
            if tries % 3 == 0:
                raise EpochLost("every third")

    worker = world.worker(stages=[Tallying(metrics), Scoring(metrics)], on_step=loses, listen=metrics.listen)
    world.settle(worker)
    for number in range(20):
        world.send("raw", f"k{number % 3}")
        world.settle(worker)
    assert worker.engine.state().undone >= 5
    assert told(metrics) == {"unique": 20, "scored": len(world.out())} == {"unique": 20, "scored": 20}


def test_a_record_that_fails_alone_counts_nowhere_and_its_neighbours_once() -> None:
    world, metrics = World(partitions=1), Metrics()
    worker = world.worker(stages=[Tallying(metrics), Scoring(metrics)], listen=metrics.listen)
    world.settle(worker)
    for number in range(9):
        world.send("raw", "k", POISON if number == 4 else b"v")
    world.settle(worker)
    assert len(world.dead("raw")) == 1
    assert worker.engine.state().undone >= 2
    assert told(metrics) == {"unique": 8, "scored": 8}
