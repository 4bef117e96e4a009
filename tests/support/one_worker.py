"""A real leadflow with one worker process, on the session's Kafka and Valkey, under a prefix of its own.

Its clock is the demo's: a Tuesday morning on which all buyers of the demo's plan are awake, at whatever hour it runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import config.plan.samples as samples
from console.cluster.worker_process import CODE, WorkerProcess
from console.demo import leads
from console.demo.cast import CAMPAIGN, SUPPLIER, pretended

DEMO_PLAN = Path(next(iter(samples.__path__))) / "demo.yaml"
PARTITIONS = "2"
LIMIT_S = 60.0


class OneWorker:
    """The worker, and what a person would do with it."""

    def __init__(self, kafka: str, redis: str, prefix: str, folder: Path) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self.folder = folder
        self.environ = pretended(os.environ) | {
            "LEADFLOW_KAFKA": kafka,
            "LEADFLOW_REDIS": redis,
            "LEADFLOW_PREFIX": prefix,
            "LEADFLOW_DATA": str(folder / "data"),
            "LEADFLOW_HASH_KEY": "made up for tests",
            "LEADFLOW_LEAD_PARTITIONS": PARTITIONS,
            "LEADFLOW_BUYER_PARTITIONS": PARTITIONS,
            "PYTHONPATH": str(CODE),
        }
        self.process = WorkerProcess("w1", folder / "worker", lambda: self.environ)

    @property
    def url(self) -> str:
        """The worker's web port."""
        return f"http://127.0.0.1:{self.process.web_port}"

    def command(self, *arguments: str) -> str:
        """Run a leadflow command; its output. Fails with all of it when the command fails."""
        done = subprocess.run(
            [sys.executable, "-m", "console", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"leadflow {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Make the topics, apply the demo's plan, start the worker and wait until it is ready."""
        (self.folder / "data").mkdir()
        self.command("topics", "create")
        self.command("plan", "apply", str(DEMO_PLAN), "--yes")
        self.process.launch()
        deadline = time.monotonic() + LIMIT_S
        while not (readiness := self.process.readiness()).ready:
            assert time.monotonic() < deadline, f"not ready: {readiness.reasons}\n{self.process.log_tail()}"
            time.sleep(0.1)

    def sell(self, count: int, seed: int) -> None:
        """Import made-up leads, the same ones for the same seed, and wait until all have ended."""
        file = self.folder / f"leads-{seed}.csv"
        leads.write(leads.make(count, seed), file)
        before = self.ended()
        self.command("import", str(file), "--campaign", CAMPAIGN, "--supplier", SUPPLIER, "--yes")
        deadline = time.monotonic() + LIMIT_S
        while self.ended() - before < count:
            assert time.monotonic() < deadline, f"{self.ended() - before} of {count} leads ended in {LIMIT_S:.0f} s"
            time.sleep(0.1)

    def ended(self) -> float:
        """Return how many received leads have come to their end, as the worker counts: rejected or closed."""
        lines = [line for line in self.metrics().splitlines() if line.startswith("leadflow_leads_total{")]
        ends = [line for line in lines if 'stage="settlement"' in line or 'outcome="rejected"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in ends)

    def metrics(self) -> str:
        """Return what the worker tells Prometheus."""
        return httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text


@contextmanager
def one_worker(kafka: str, redis: str, folder: Path) -> Iterator[OneWorker]:
    """Run a worker for a while, with a prefix that nobody else has; it is gone afterwards, whatever happened."""
    worker = OneWorker(kafka, redis, f"t{uuid.uuid4().hex[:8]}.", folder)
    try:
        worker.start()
        yield worker
    finally:
        worker.process.stop()
