"""`faust -A agents.worker worker` is a worker like any other: it joins, has partitions, is ready, leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from console.cluster.ports import free_ports
from console.cluster.worker_process import CODE
from tests.support.one_worker import one_worker

LIMIT_S = 60.0

pytestmark = pytest.mark.timeout(180)


def test_fausts_own_command_runs_a_worker_beside_ours(kafka: str, valkey: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "faust", "-A", "agents.worker", "worker"]
    with one_worker(kafka, valkey, tmp_path) as ours, (tmp_path / "faust.log").open("w+b") as log:
        environ = ours.environ | {"LEADFLOW_NAME": "w2", "LEADFLOW_WEB_PORT": str(port)}
        process = subprocess.Popen(command, cwd=CODE, env=environ, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + LIMIT_S
            while not (_owned(port) and _ready(port)):
                assert process.poll() is None, (tmp_path / "faust.log").read_text(errors="replace")
                assert time.monotonic() < deadline, (tmp_path / "faust.log").read_text(errors="replace")
                time.sleep(0.1)
            said = ours.command("status")
            assert {line.split()[0] for line in said.splitlines() if "127.0.0.1 " in line} >= {"w1", "w2"}, said
        finally:
            process.terminate()
            ended = process.wait(30)
    assert ended == 0, "who is told to end has not failed"


def _ready(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).status_code == 200


def _owned(port: int) -> bool:
    try:
        lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text.splitlines()
    except httpx.ConnectError:
        return False
    return any(line.startswith("leadflow_partitions_owned{") for line in lines)
