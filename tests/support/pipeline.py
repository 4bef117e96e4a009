"""Stages by hand: routing, delivery and settlement over lists of records, one epoch at a time, no engine.

For tests of rules that span stages. An epoch here is what the engine promises: all of its outputs and table changes
or none; a `crash` undoes one. Whoever wants to test the engine uses the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from zlib import crc32

from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.settlement.stage import Settlement
from agents.status_view import StatusView
from agents.terms import all_terms, changed_terms
from config.plan.compiled import CompiledPlan
from schemas.codec import Codec
from schemas.records import BuyerCommand, BuyerTerms, LeadSold, Record, RightUnfilled, Slip
from schemas.slip import Slips
from schemas.topics import BUYER_STATUS, OFFERS, SCORED, SOLD, UNFILLED
from streams.positions import table_key
from streams.stage import Batch, Message, Stage
from streams.stores import Store, StoreTable
from tests.support.leads import TUESDAY_10_PACIFIC_MS, make_lead, make_score, make_slip

R = TypeVar("R", bound=Record)

CODEC = Codec()
SLIPS = Slips(CODEC)

#: More epochs than any test needs: a pipeline that does not come to rest is a failure, not a hang.
_STEPS_MAX = 100_000


class HandEpoch:
    """An open epoch; implements `streams.stage.Epoch` over a stage's stores."""

    def __init__(self, now_ms: int, stores: Callable[[int], Store]) -> None:
        self.now_ms = now_ms
        self.outputs: list[tuple[str, bytes, str, int | None, Sequence[tuple[str, bytes]]]] = []
        self._stores = stores

    def emit(
        self,
        topic: str,
        value: bytes,
        key: str,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        known: object = None,
    ) -> None:
        """Keep the output for the commit; what is said to be known of it must be what reading gives."""
        assert known is None or known == (SLIPS.open_offer if topic == OFFERS else CODEC.decode)(value)
        self.outputs.append((topic, value, key, partition, headers))

    def table(self, name: str, partition: int) -> StoreTable:
        """Return a table of the stage."""
        return self._stores(partition).tables[name]


def started(plan: CompiledPlan, *, follow: bool = True) -> Pipeline:
    """Return a pipeline whose owners have read their terms."""
    pipeline = Pipeline(plan, follow=follow)
    pipeline.drain()
    return pipeline


class Pipeline:
    """All stages from `leads.scored` to `leads.closed`, with `lead_partitions` and `buyer_partitions` partitions.

    `missing` names topics that are not there. `now_ms` is moved by the test. With `follow` false the routers' view
    of buyer status gets nothing until `follow_status` is called.
    """

    def __init__(
        self, plan: CompiledPlan, *, lead_partitions: int = 1, buyer_partitions: int = 1, follow: bool = True
    ) -> None:
        self.now_ms = TUESDAY_10_PACIFIC_MS
        self.plan = plan
        self.missing: set[str] = set()
        self.topics: dict[str, list[list[Message]]] = defaultdict(list)
        self.view = StatusView(CODEC)
        self.routing = Routing(CODEC, SLIPS, lambda: self.plan, self.view)
        self.delivery = Delivery(CODEC, SLIPS, self.view, lambda topic: topic not in self.missing)
        self.settlement = Settlement(CODEC)
        self._counts = {OFFERS: buyer_partitions, BUYER_STATUS: 1}
        self._lead_partitions = lead_partitions
        self._follow = follow
        self._followed = 0
        self._stores: dict[tuple[str, int], Store] = {}
        self._taken: dict[tuple[str, int], int] = defaultdict(int)
        self._number = 0
        for terms in all_terms(plan, self.now_ms):
            self.tell(terms)

    # --- putting in --------------------------------------------------------------------------------------------

    def produce(
        self,
        topic: str,
        key: str,
        value: bytes,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Message:
        """Append a record to a topic."""
        logs = self.logs(topic)
        number = crc32(key.encode()) % len(logs) if partition is None else partition
        message = Message(topic, number, len(logs[number]), self.now_ms, key.encode(), value, tuple(headers))
        logs[number].append(message)
        return message

    def tell(self, record: BuyerTerms | BuyerCommand) -> None:
        """Put terms or a command into a buyer's inbox."""
        self.produce(OFFERS, record.buyer_id, CODEC.encode(record))

    def apply(self, plan: CompiledPlan) -> None:
        """Apply a new version of the plan."""
        for terms in changed_terms(self.plan, plan, self.now_ms):
            self.tell(terms)
        self.plan = plan

    def lead(self, slip: Slip) -> None:
        """Put a scored lead in."""
        score = make_score(self.plan, slip)
        scored = SLIPS.scored(SLIPS.unique(slip, SLIPS.body_of(make_lead(**slip.attributes))), score)
        self.produce(SCORED, slip.lead_id, SLIPS.seal_scored(scored))

    def send(self, *numbers: int, sell_within_ms: int = 900_000, test: bool = False) -> None:
        """Put leads in that are good for an A, received now."""
        for number in numbers:
            self.lead(make_slip(number, now_ms=self.now_ms, sell_within_ms=sell_within_ms, test=test))

    # --- going on ----------------------------------------------------------------------------------------------

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages, in the order of a lead's way."""
        return (self.routing, self.delivery, self.settlement)

    def step(self, stage: Stage, topic: str, partition: int, records_max: int = 1_000, *, crash: bool = False) -> bool:
        """Run one epoch over what waits in a source partition; return whether anything did."""
        start = self._taken[topic, partition]
        messages = self.logs(topic)[partition][start : start + records_max]
        if not messages:
            return False
        epoch = self.epoch(stage)
        stage.process(Batch(topic, partition, messages), epoch)
        stage.confirm()
        self.end(stage, partition, epoch, crash=crash)
        if not crash:
            self._taken[topic, partition] = start + len(messages)
        return True

    def drain(self, records_max: int = 1_000) -> None:
        """Run until nothing waits anywhere."""
        for _ in range(_STEPS_MAX):
            took = [self.step(*source, records_max) for source in self.sources()]
            if not any(took):
                return
        raise AssertionError("the pipeline does not come to rest")

    def tick(self) -> None:
        """Run every timer that is due, each once."""
        for stage, partition in self.partitions():
            due = stage.due_at(partition)
            if due is not None and due <= self.now_ms:
                epoch = self.epoch(stage)
                stage.tick(partition, epoch)
                self.end(stage, partition, epoch)

    def advance(self, ms: int) -> None:
        """Let time pass, then run timers and all that follows."""
        self.now_ms += ms
        self.tick()
        self.drain()

    def move(self, stage: Stage, partition: int) -> None:
        """Let a partition lose its memory and be restored, as when another worker takes it over."""
        stage.forget(partition)
        store = self._store(stage, partition)
        restored = Store(stage.tables, CODEC.decode)
        for name, table in store.tables.items():
            restored.load((table_key(name, key), CODEC.encode(table.get(key))) for key in list(table.keys()))
        self._stores[stage.name, partition] = restored
        epoch = self.epoch(stage)
        stage.restored(partition, epoch)
        self.end(stage, partition, epoch)

    def follow_status(self) -> None:
        """Let the routers' view read what was announced."""
        log = self.logs(BUYER_STATUS)[0]
        for message in log[self._followed :]:
            self.view.apply(message)
        self._followed = len(log)

    def epoch(self, stage: Stage) -> HandEpoch:
        """Return an open epoch of a stage."""
        return HandEpoch(self.now_ms, lambda partition: self._store(stage, partition))

    def end(self, stage: Stage, partition: int, epoch: HandEpoch, *, crash: bool = False) -> None:
        """Commit an epoch: tables and outputs; or undo it."""
        if crash:
            self._store(stage, partition).undo()
            stage.forget(partition)
            return
        self._store(stage, partition).keep()
        for topic, value, key, number, headers in epoch.outputs:
            self.produce(topic, key, value, number, headers)
        if self._follow:
            self.follow_status()

    def take_away(self, message: Message) -> None:
        """Let a stage never see a record that waits: it was set aside."""
        self.logs(message.topic)[message.partition].remove(message)

    # --- looking -----------------------------------------------------------------------------------------------

    def logs(self, topic: str) -> list[list[Message]]:
        """Return the records of a topic by partition."""
        logs = self.topics[topic]
        if not logs:
            count = 1 if topic.startswith("buyers.") else self._counts.get(topic, self._lead_partitions)
            logs.extend([] for _ in range(count))
        return logs

    def records(self, topic: str, kind: type[R]) -> list[R]:
        """Return the records of this kind on a topic, by partition and offset."""
        found = [CODEC.decode(message.value or b"") for log in self.logs(topic) for message in log]
        return [record for record in found if isinstance(record, kind)]

    def has_more(self, topic: str, partition: int) -> bool:
        """Return whether anything waits in a partition."""
        return self._taken[topic, partition] < len(self.logs(topic)[partition])

    def waiting(self, topic: str) -> list[Message]:
        """Return what no stage has taken from a topic."""
        return [m for number, log in enumerate(self.logs(topic)) for m in log[self._taken[topic, number] :]]

    def buyers(self) -> list[str]:
        """Return who bought, in the order of the sales."""
        return [sold.buyer_id for sold in self.records(SOLD, LeadSold)]

    def unfilled(self) -> list[str]:
        """Return the reasons of rights that ended without a buyer, in their order."""
        return [end.reason for end in self.records(UNFILLED, RightUnfilled)]

    def table(self, stage: Stage, name: str) -> dict[str, Record]:
        """Return a table of all partitions."""
        partitions = [partition for owner, partition in self.partitions() if owner is stage]
        tables = [self._store(stage, partition).tables[name] for partition in partitions]
        return {key: table.get(key) for table in tables for key in list(table.keys())}

    def sources(self) -> list[tuple[Stage, str, int]]:
        """Return every source partition with its stage."""
        return [
            (stage, topic, partition)
            for stage in self.stages()
            for topic in stage.sources
            for partition in range(len(self.logs(topic)))
        ]

    def partitions(self) -> Iterable[tuple[Stage, int]]:
        """Return each stage's partitions."""
        return dict.fromkeys((stage, partition) for stage, _, partition in self.sources())

    # --- within ------------------------------------------------------------------------------------------------

    def _store(self, stage: Stage, partition: int) -> Store:
        store = self._stores.get((stage.name, partition))
        if store is None:
            store = self._stores[stage.name, partition] = Store(stage.tables, CODEC.decode)
        return store
