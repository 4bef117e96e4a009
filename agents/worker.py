"""The one place where a worker's parts are put together: stages, views, metrics, and the engine once Kafka answers.

parts = Parts(settings)          stages and what they share; nothing is connected yet
engine = parts.make_engine()     connects: takes the worker's transactional id, raises Unavailable
app = make_app(settings)         the Faust app around both; `faust -A agents.worker worker` uses `app`
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faust import Worker as FaustWorker

from agents.dedup.claims import Claims
from agents.dedup.hashes import Hashes
from agents.dedup.rebuild import ClientLog, Rebuilder
from agents.dedup.stage import DedupStage
from agents.dedup.store import RedisStore, connect
from agents.delivery.desk import CapFill
from agents.delivery.stage import Delivery
from agents.routing.stage import Routing
from agents.scoring.stage import ScoringStage
from agents.settlement.stage import Settlement
from agents.start import NEEDED, kafka_settings
from agents.status_view import StatusView
from agents.views import PauseView, PlanView
from config.garbage import collect_rarely
from config.intake import pause_reason
from config.settings import Settings, load_settings
from schemas.records import Lead, Slip
from schemas.registry import open_codec
from schemas.slip import Slips
from schemas.topics import BUYER_STATUS, PAUSES, PLAN, RECEIVED, Sizes, catalogue
from streams.app import LeadflowApp, build_app
from streams.clock import Clock
from streams.crash_file import CrashFile
from streams.engine import Engine
from streams.kafka.client import KafkaClient
from streams.kafka.name_taking import NameTaking
from streams.metric_catalogue import CAP_USED, CLAIMS_REBUILT
from streams.metrics import Metrics, Sample
from streams.options import EngineOptions
from streams.stage import Stage
from streams.start_steps import CONNECTED, LOADED
from streams.web import SchemaShelf

DAY_MS = 24 * 60 * 60 * 1000


def clock_of(settings: Settings) -> Clock:
    """Return the time that the settings say: real, or pretended."""
    return Clock(settings.clock_start_ms, settings.clock_anchor_ms, settings.clock_rate)


def sizes_of(settings: Settings) -> Sizes:
    """Return what the settings say about topics."""
    return Sizes(settings.lead_partitions, settings.buyer_partitions, settings.retention_days, settings.replication)


class Cluster:
    """Kafka as the stages ask of it, before and after the client is made; `connect` replaces the client."""

    def __init__(
        self, settings: Settings, clock: Clock, renewed: Callable[[str], None], taking: NameTaking | None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._renewed = renewed
        self._taking = taking
        self._client: KafkaClient | None = None

    def connect(self) -> KafkaClient:
        """Make the client; the former one was closed by its engine. Raises Unavailable."""
        self._client = KafkaClient(
            kafka_settings(self._settings),
            map_ms=self._clock.map,
            renewed=self._renewed,
            clock_topic=RECEIVED,
            taking=self._taking,
        )
        self._taking = None  # it is the client's now
        return self._client

    @property
    def client(self) -> KafkaClient:
        """The client; stages run only after `connect`."""
        if self._client is None:
            raise RuntimeError("a stage asked for Kafka before the engine was made")
        return self._client

    def topic_known(self, topic: str) -> bool:
        """See the seam."""
        return self.client.topic_known(topic)


class Parts:
    """A worker's parts, made from settings.

    Raises SettingsProblems when an address is missing or an extra schema is wrong, Unavailable or NeedsPerson when the
    schema registry is away for a minute or refuses our schemas.
    """

    def __init__(self, settings: Settings, taking: NameTaking | None = None) -> None:
        settings.need(*NEEDED)
        self.settings = settings
        self.metrics = Metrics()
        self.codec = open_codec(settings)
        self.clock = clock_of(settings)
        self.plans = PlanView(self.codec)
        self._pauses = PauseView(self.codec)
        self._status = StatusView(self.codec)
        self._cluster = Cluster(settings, self.clock, self.metrics.renewed, taking)
        self.stages = self._make_stages(Slips(self.codec))

    def _make_stages(self, slips: Slips) -> tuple[Stage, ...]:
        """Return the five stages, upstream first."""
        codec, outcomes, settings = self.codec, self.metrics.outcomes, self.settings
        delivery = Delivery(
            codec,
            slips,
            self._status,
            self._cluster.topic_known,
            horizon_ms=settings.memory_days * DAY_MS,
            tally=outcomes("delivery"),
        )
        self.metrics.supply(lambda: _cap_samples(delivery.cap_fill(self.clock.now_ms())))
        return (
            self._intake(slips),
            ScoringStage(slips, self.plans, outcomes("scoring")),
            Routing(
                codec,
                slips,
                self.plans.current,
                self._status,
                horizon_ms=settings.retention_days * DAY_MS,
                tally=outcomes("routing"),
            ),
            delivery,
            Settlement(codec, tally=outcomes("settlement"), sold_after=self.metrics.sold_after_ms),
        )

    def _intake(self, slips: Slips) -> DedupStage:
        settings = self.settings
        timeout_s = settings.redis_timeout_ms / 1000
        store = RedisStore(connect(settings.redis, timeout_s), settings.prefix)

        own = Slips(self.codec)  # a rebuild runs in its own thread: what it reads is none of the engine's business

        def open_unique(value: bytes) -> tuple[Slip, Lead]:
            slip, _, body = own.open_unique(value)
            return slip, own.lead_of(body)

        rebuilder = Rebuilder(
            store,
            ClientLog(lambda: self._cluster.client),
            open_unique,
            self.clock.now_ms,
            rebuilt=lambda: self.metrics.count(CLAIMS_REBUILT),
        )
        return DedupStage(
            self.codec,
            slips,
            self.plans,
            self._pauses,
            Claims(store, rebuilder, timeout_s),
            Hashes(settings.hash_key_bytes),
            self.metrics.outcomes("dedup"),
            lambda: pause_reason(settings.data),
        )

    def make_engine(self) -> Engine:
        """Connect, and return an engine that is not started. Raises Unavailable while Kafka does not answer."""
        settings = self.settings
        client = self._cluster.connect()
        self.metrics.start.done(CONNECTED)
        engine = Engine(
            client,
            self.stages,
            self.codec,
            self.clock,
            EngineOptions(epoch_records_max=settings.epoch_records_max, linger_ms_max=settings.linger_ms_max),
            partition_counts={spec.name: spec.partitions(sizes_of(settings)) for spec in catalogue()},
            crash_file=CrashFile(settings.data / f"{settings.prefix}{settings.name}.crashes"),
            on_event=self.metrics.listen,
        )
        engine.follow(PLAN, self.plans.apply)
        engine.follow(PAUSES, self._pauses.apply)
        engine.follow(BUYER_STATUS, self._status.apply)
        self.metrics.watch(engine.state)
        return engine


def _cap_samples(fills: Iterable[CapFill]) -> Iterator[Sample]:
    """Yield each cap's fill as a gauge."""
    for fill in fills:
        yield Sample(CAP_USED, (fill.buyer_id, fill.contract_id, fill.measure, fill.window), fill.ratio)


def make_app(settings: Settings, taking: NameTaking | None = None) -> LeadflowApp:
    """Return the Faust app of this worker; `taking` takes its name already. Raises SettingsProblems, see `Parts`."""
    parts = Parts(settings, taking)
    shelf = SchemaShelf(settings.prefix, parts.codec.ids, parts.codec.extra)
    app = build_app(parts.make_engine, parts.stages, settings, metrics=parts.metrics.text, schemas=shelf)
    parts.metrics.start.done(LOADED)
    return app


def run(app: LeadflowApp) -> int:
    """Run the app until it is told to stop; returns its exit code. Ends the process with 70, 75 or 78 itself."""
    worker = FaustWorker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would write into the log
    collect_rarely()
    return int(worker.execute_from_commandline() or 0)


def __getattr__(name: str) -> Any:
    """Make `app` when `faust -A agents.worker` asks for it, so that importing this module does nothing."""
    if name == "app":
        return make_app(load_settings(os.environ))
    raise AttributeError(name)
