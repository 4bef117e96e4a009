"""The stand of a benchmark: a cluster of its own in a folder that goes away, W1's plan in force, a time of its own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from config.plan import load_plan, read_files
from config.settings import load_settings
from console.applying import apply, prepare_topics, step_to
from console.bench import w1
from console.cluster.cluster import Cluster
from console.cluster.kafka_settings import STEADY
from console.producing import Outgoing, Sender
from console.reach import Reach, reach
from console.topics import create_topics
from schemas.records import LeadReceived
from schemas.topics import RECEIVED

PLAN_FILE = "w1.yaml"


@contextmanager
def stand(plan_yaml: str, *, start: str = w1.CLOCK_START, rate: float = 1.0) -> Iterator[tuple[Cluster, Reach]]:
    """Yield a cluster without workers, its topics made and the plan applied; everything is gone afterwards.

    Its pretended time begins at `start` (ISO, UTC) and passes `rate` times as fast as real time.
    """
    with tempfile.TemporaryDirectory(prefix="leadflow-bench-") as name:
        folder = Path(name)
        environ = environment(folder, start, rate)
        with Cluster(folder, load_settings(environ), environ, say=_to_stderr, profile=STEADY) as cluster:
            cluster.start_parts()
            way = reach(cluster.environment())
            create_topics(way.settings)
            apply_plan(way, folder, plan_yaml)
            yield cluster, way


def environment(folder: Path, start: str, rate: float) -> dict[str, str]:
    """Return the environment of a stand: nothing of the caller's LEADFLOW settings, and its pretended time."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("LEADFLOW_")}
    return {
        **inherited,
        "LEADFLOW_DATA": str(folder),
        "LEADFLOW_CLOCK_START": start,
        "LEADFLOW_CLOCK_RATE": str(rate),
        "LEADFLOW_CLOCK_ANCHOR_MS": str(time.time_ns() // 1_000_000),
        "LEADFLOW_LOG_LEVEL": "WARNING",
    }


def apply_plan(way: Reach, folder: Path, plan_yaml: str) -> None:
    """Put the plan into force. Raises PlanProblems."""
    path = folder / PLAN_FILE
    path.write_text(plan_yaml, encoding="utf-8")
    step = step_to(load_plan(path), read_files(path), None)
    prepare_topics(step.plan, way.topic_admin, way.sizes)
    apply(way, step)


def send(way: Reach, leads: Iterator[LeadReceived]) -> int:
    """Write leads to `leads.received`, as an upstream system does; returns how many were acknowledged."""
    sender = Sender(way.address)
    for lead in leads:
        sender.send(Outgoing(RECEIVED, lead.supplier_lead_id, way.codec.encode(lead)))
    sender.flush()
    return sender.acknowledged


def _to_stderr(text: str) -> None:
    click.echo(text, err=True)
