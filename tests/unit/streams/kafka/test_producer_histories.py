"""Whole histories of our producer on a bad network, by seed: what readers see is what it said, once and in order.

A driver takes records as the engine does: an epoch that is lost is aborted and redone, a process that ends is started
again where the group stands. The broker is a model (`tests.support.transaction_model`), the connections are real.
What a process asked for before it ended may fence the next one: that is known to neither, and tears nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from schemas.errors import EpochLost, Fenced, StateInDoubt, Unavailable
from streams.kafka import producer as kafka_producer
from streams.kafka.producer import KafkaProducer
from tests.support.scripted_cluster import ScriptedCluster, violations
from tests.support.scripted_producer import MEMBER, Producing, record
from tests.support.transaction_model import NAMED, BadNetwork

EPOCHS = 10
TRIES_MAX = 200
PLACES = [("out", 0), ("out", 1), ("more", 0)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "LAST_PAUSE_S", 0.0005)


class Worker:
    """Processes of one worker, one after the other, each of which goes on where the group stands."""

    def __init__(
        self, cluster: ScriptedCluster, network: BadNetwork, kind: type[KafkaProducer] = KafkaProducer
    ) -> None:
        self.cluster = cluster
        self.network = network
        self.kind = kind
        self.seen: Counter[str] = Counter()
        self.lines: list[Producing] = []
        self.start()

    def start(self) -> None:
        """Start a process: the name first, then where the group stands."""
        line = Producing(self.cluster)
        line.producer.__class__ = self.kind
        self.lines.append(line)
        self.producer = line.producer
        for _ in range(TRIES_MAX):
            try:
                self.producer.connect()
            except Unavailable:
                self.seen["unavailable"] += 1
            except StateInDoubt:
                self.seen["in doubt"] += 1
            else:
                break
        self.position = self.network.model.offset

    def epoch(self) -> None:
        """Take one to three records, and end them in one way or another."""
        count = self.network.draw.randint(1, 3)
        try:
            self.producer.begin()
            try:
                self._write(count)
                self.producer.commit()
            except EpochLost:
                self.seen["lost"] += 1
                self.producer.abort()
                return
        except Unavailable:
            self.seen["unavailable"] += 1
        except (StateInDoubt, Fenced) as end:
            self.seen[type(end).__name__] += 1
            self.seen["fenced by nobody"] += isinstance(end, Fenced) and len(self.lines) == 1
            self.start()
        else:
            self.position += count
            self.seen["committed"] += 1
            self.seen["told wrongly"] += self.network.model.offset != self.position

    def _write(self, count: int) -> None:
        for number in range(self.position, self.position + count):
            topic, partition = self.network.draw.choice(PLACES)
            self.producer.produce(topic, partition, [record(topic, b"%d" % number)])
            if self.network.draw.random() < 0.3:
                self.producer.flush()
        self.producer.flush()
        self.producer.send_offsets({("p.in", 0): self.position + count}, MEMBER)

    def close(self) -> None:
        """End all processes."""
        for line in self.lines:
            line.close()


def history(seed: int, kind: type[KafkaProducer] = KafkaProducer) -> Iterator[Worker]:
    """Yield a worker that has committed as many epochs as it should, when the network is calm again."""
    network = BadNetwork(random.Random(seed), bad=0.15)
    with ScriptedCluster() as cluster:
        for key in NAMED:
            cluster.always(key, network.reply)
        worker = Worker(cluster, network, kind)
        try:
            for _ in range(TRIES_MAX):
                worker.epoch()
                if worker.seen["committed"] >= EPOCHS:
                    break
            network.calm()
            yield worker
        finally:
            worker.close()


def numbers(worker: Worker) -> list[int]:
    """Return the numbers of all records that readers see."""
    return sorted(int(value) for _, value in worker.network.model.records)


@pytest.mark.parametrize("seed", range(5))
def test_on_a_bad_network_readers_see_each_record_once(seed: int) -> None:
    for worker in history(seed):
        assert worker.seen["committed"] >= EPOCHS, worker.seen
        assert worker.seen["told wrongly"] == worker.seen["fenced by nobody"] == 0
        assert numbers(worker) == list(range(worker.network.model.offset))
        assert worker.network.delivered, "nothing came late"
        assert list(violations(worker.cluster.asked)) == []


@pytest.mark.parametrize("seed", range(2))
def test_two_processes_of_one_name_rob_each_other_of_it_and_nothing_is_torn(seed: int) -> None:
    """Whoever has it writes where the group stands; the other one is refused, whatever it was about to write."""
    network = BadNetwork(random.Random(seed), bad=0.1)
    with ScriptedCluster() as cluster:
        for key in NAMED:
            cluster.always(key, network.reply)
        twins = [Worker(cluster, network, KafkaProducer) for _ in range(2)]
        try:
            while sum(twin.seen["committed"] for twin in twins) < EPOCHS:
                network.draw.choice(twins).epoch()
                assert sum(sum(twin.seen.values()) for twin in twins) < TRIES_MAX
            network.calm()
            assert all(twin.seen["Fenced"] for twin in twins), "neither was robbed"
            assert not any(twin.seen["told wrongly"] for twin in twins)
            assert numbers(twins[0]) == list(range(network.model.offset))
        finally:
            for twin in twins:
                twin.close()


class Unruly(KafkaProducer):
    """A producer that forgets every reason to take its name again."""

    _stale = property(lambda self: None, lambda self, cause: None)


def test_without_the_rule_the_same_network_tears_a_transaction_soon() -> None:
    """Else these histories would show nothing."""
    torn = False
    for seed in range(6):
        for worker in history(seed, Unruly):
            told_wrongly = bool(worker.seen["told wrongly"])
            torn = torn or told_wrongly or numbers(worker) != list(range(worker.network.model.offset))
            assert list(violations(worker.cluster.asked)) != []
        if torn:
            return
    raise AssertionError("nothing was torn")
