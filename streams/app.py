"""The Faust app of a worker: Faust on the outside, the epoch engine inside.

    app = build_app(make_engine, stages, settings, metrics=metrics.text)

    make_engine   () -> Engine; called in the engine's thread once agents listen; may raise Unavailable: it is
                  called again. Nothing is connected before.
    stages        upstream first; each becomes an agent of its name that reads its sources, one event per
                  (partition, epoch), whose value is the Batch
    settings      config.settings.Settings: names, web address, data folder
    metrics       the text of /metrics
    schemas       what is served under /schemas and /subjects; our own by default, see `streams.web`
    end_process   (code, reason) -> None; ends the process with 70, 75 or 78

`faust -A agents.worker worker` runs it, as does `Worker(app).execute_from_commandline()`; a stop by SIGTERM ends
with exit code 0 after the running epoch. The engine must be given the very stages of this call.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

import faust
import uvloop
from faust.types.transports import TransportT

from config.logs import logging_config
from config.settings import Settings
from streams.engine import Engine
from streams.faust_driver import EngineDriver
from streams.faust_parts import (
    AGENT_QUEUE_EVENTS,
    BatchSchema,
    EngineTransport,
    NoAssignor,
    NoRecovery,
    TableFacade,
)
from streams.stage import Batch, Stage
from streams.watchdog import die
from streams.web import Pages, SchemaShelf, serve


class LeadflowApp(faust.App):
    """A Faust app whose data plane is an engine's."""

    driver: EngineDriver
    consumer_generation_id: int

    def __init__(self, driver: EngineDriver, settings: Settings, web_port: int) -> None:
        self.driver = driver
        super().__init__(
            f"{settings.prefix}{settings.group}",
            version=1,
            broker="leadflow://engine",
            store="memory://",
            cache="memory://",
            autodiscover=False,
            web_host=settings.web_host,
            web_bind=settings.web_host,
            web_port=web_port,
            topic_disable_leader=True,
            topic_allow_declare=False,
            table_standby_replicas=0,
            stream_wait_empty=False,
            stream_buffer_maxsize=AGENT_QUEUE_EVENTS,
            logging_config=logging_config(settings.log_level),  # Faust's own shows the text of every error
            TableManager=NoRecovery,
            PartitionAssignor=NoAssignor,
        )

    async def on_start(self) -> None:
        """Open the gate between conductor and agents for good: closing it would drop batches of an open epoch."""
        await super().on_start()
        self.flow_control.resume()

    async def crash(self, reason: BaseException) -> None:
        """End the process: a service of Faust that fell leaves a worker of which nobody knows what it still does."""
        self.driver.fall(reason)

    def _create_directories(self) -> None:
        """Make none: nothing of Faust's is kept on disk."""

    async def _stop_consumer(self) -> None:
        await self.driver.end()

    def _new_transport(self) -> TransportT:
        return EngineTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return EngineTransport(self.conf.broker_producer, self)


def build_app(
    make_engine: Callable[[], Engine],
    stages: Sequence[Stage],
    settings: Settings,
    *,
    metrics: Callable[[], bytes] = lambda: b"",
    schemas: SchemaShelf | None = None,
    end_process: Callable[[int, str], None] = die,
) -> LeadflowApp:
    """Put the app together; see the module. Nothing runs yet and nothing is connected."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    driver = EngineDriver(make_engine, end_process)
    app = LeadflowApp(driver, settings, settings.web_port or free_port(settings.web_host))
    tables: Any = app.tables.data  # Faust's own way in demands a changelog topic of Faust's
    for stage in stages:
        add_agent(app, stage)
        for name, record in stage.tables.items():
            tables[name] = TableFacade(stage.name, name, record.__name__)
    serve(app, Pages(driver.state, metrics, schemas or SchemaShelf(settings.prefix)))
    return app


def add_agent(app: LeadflowApp, stage: Stage) -> None:
    """Give the stage its agent: it takes batches and lets the engine process them in the open epoch."""
    process = app.driver.process

    async def agent(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            process(batch)

    agent.__name__ = agent.__qualname__ = stage.name
    agent.__module__, agent.__doc__ = type(stage).__module__, type(stage).__doc__
    topic = app.topic(*stage.sources, schema=BatchSchema(), acks=False)
    app.agent(topic, name=stage.name)(agent)


def free_port(host: str) -> int:
    """Return a port of `host` that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
