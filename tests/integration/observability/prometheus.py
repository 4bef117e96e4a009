"""A real Prometheus on this machine that reads one worker, for as long as a test lasts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from console.cluster.ports import HOST, free_ports
from tests.support.watching import PROMETHEUS

START_LIMIT_S = 30.0
SCRAPE_S = 1


class Prometheus:
    """Its web port, as the tests ask it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}"

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that an expression has now. Raises AssertionError with Prometheus' words."""
        answer = httpx.get(f"{self._url}/api/v1/query", params={"query": expr}, timeout=10).json()
        assert answer["status"] == "success", f"{expr}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def value(self, expr: str) -> float:
        """Return the one value of an expression; 0 when it has none."""
        found = self.query(expr)
        return float(found[0]["value"][1]) if found else 0.0

    def targets(self) -> list[str]:
        """Return the health of everything that it reads."""
        answer = httpx.get(f"{self._url}/api/v1/targets", timeout=10).json()
        return [target["health"] for target in answer["data"]["activeTargets"]]

    def alerts(self) -> dict[str, str]:
        """Return what it thinks of each alert's expression: `ok`, or what is wrong with it."""
        answer = httpx.get(f"{self._url}/api/v1/rules", timeout=10).json()
        return {
            rule["name"]: rule["health"] if not rule.get("lastError") else str(rule["lastError"])
            for group in answer["data"]["groups"]
            for rule in group["rules"]
        }


@contextmanager
def prometheus(binary: str, folder: Path, worker: str, auditor: str) -> Iterator[Prometheus]:
    """Run Prometheus on `folder` with our settings, reading these two (host:port) every second."""
    (port,) = free_ports(1)
    text = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("scrape_interval: 5s", f"scrape_interval: {SCRAPE_S}s")
    text = text.replace("evaluation_interval: 15s", f"evaluation_interval: {SCRAPE_S}s")
    text = text.replace("worker-1:6066", worker).replace("          - worker-2:6066\n", "")
    text = text.replace("auditor:6067", auditor)
    (folder / "prometheus.yml").write_text(text, encoding="utf-8")
    (folder / "alerts.yml").write_text((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"), encoding="utf-8")
    options = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
    )
    log = folder / "prometheus.log"
    with log.open("wb") as sink:
        process = subprocess.Popen([binary, *options], stdout=sink, stderr=sink)
    try:
        _wait_ready(process, port, log)
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(20)


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        try:
            if httpx.get(f"http://{HOST}:{port}/-/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
