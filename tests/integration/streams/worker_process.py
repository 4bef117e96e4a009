"""A small worker that the process tests start: counts per key, with a table, under Faust. `app` is what Faust runs.

WORKER_KAFKA, WORKER_PREFIX, WORKER_NAME, WORKER_DATA say where; WORKER_END raises an error of that name at the
first record, WORKER_SLOW_S sleeps in each batch.
"""

from __future__ import annotations

import os
import time

from config.kafka import KafkaSettings
from config.settings import load_settings
from schemas import errors
from schemas.codec import Codec
from schemas.records import Credit
from streams.app import LeadflowApp, build_app
from streams.clock import Clock
from streams.engine import Engine
from streams.kafka.client import KafkaClient
from streams.options import EngineOptions
from streams.stage import Batch, Epoch, Stage


class Counting(Stage):
    """Emits `key=n` for the n-th record of each key: a lost or doubled record shows."""

    name = "routing"
    sources = ("in",)
    tables = {"counts": Credit}  # noqa: RUF012  the base class declares it so

    def process(self, batch: Batch, epoch: Epoch) -> None:
        if end := os.environ.get("WORKER_END"):
            raise getattr(errors, end)("told to")
        time.sleep(float(os.environ.get("WORKER_SLOW_S", "0")))
        table = epoch.table("counts", batch.partition)
        for message in batch.messages:
            key = (message.key or b"").decode()
            count = (known.credit if (known := table.get(key)) is not None else 0) + 1
            table.put(key, Credit(count))
            epoch.emit("out", f"{key}={int(count)}".encode(), key)


def make_app() -> LeadflowApp:
    """Return the app of this process."""
    environ = os.environ
    stages = [Counting()]
    kafka = KafkaSettings(
        environ["WORKER_KAFKA"],
        prefix=environ["WORKER_PREFIX"],
        name=environ["WORKER_NAME"],
        session_timeout_ms=3000,
        heartbeat_ms=300,
    )
    options = EngineOptions(epoch_records_max=50)  # many epochs, so that a kill finds one open
    settings = load_settings({"LEADFLOW_DATA": environ["WORKER_DATA"], "LEADFLOW_WEB_PORT": "0"})
    return build_app(lambda: Engine(KafkaClient(kafka), stages, Codec(), Clock(), options), stages, settings)


app = make_app()
