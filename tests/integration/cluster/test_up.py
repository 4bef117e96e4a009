"""`leadflow up` as a person runs it: whatever is killed with -9 comes back, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.cluster.processes import Identity, is_running
from console.cluster.state import ClusterState, read_state
from console.cluster.worker_process import ask_readiness
from tests.support.checkout import ROOT

PLAN = ROOT / "config" / "plan" / "samples" / "us500.yaml"
LIMIT_S = 120.0

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


class Up:
    """One `leadflow up` process on a folder, and the look at it that any other process has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
        if cache := os.environ.get("LEADFLOW_CACHE"):
            environ["LEADFLOW_CACHE"] = cache
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console", "up", "--data", str(self.folder), "--workers", "1", *options],
                env={**environ, "PYTHONPATH": str(ROOT)},
                stdout=sink,
                stderr=sink,
            )
        self.wait("the worker to be ready", self.is_ready)

    def is_ready(self) -> bool:
        state = read_state(self.folder)
        return bool(state and state.ports and all(ask_readiness(port).ready for port in state.ports.values()))

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            said = self.log.read_text()
            assert self.process is not None
            assert self.process.poll() is None, f"ended while waiting for {what}:\n{said}"
            assert time.monotonic() < deadline, f"waited {LIMIT_S:.0f} s for {what}:\n{said}"
            time.sleep(0.1)

    def state(self) -> ClusterState:
        state = read_state(self.folder)
        assert state is not None
        return state

    def part(self, name: str) -> Identity:
        identity = self.state().parts[name].identity
        assert identity is not None
        return identity

    def comes_back(self, name: str) -> None:
        """Kill a part with -9 and wait until another process does its work."""
        before = self.part(name)
        os.kill(before.pid, signal.SIGKILL)

        def back() -> bool:
            part = self.state().parts[name]
            return part.identity not in (None, before) and part.restarts > 0 and self.is_ready()

        self.wait(f"{name} to come back", back)

    def identities(self) -> list[Identity]:
        return [part.identity for part in self.state().parts.values() if part.identity]

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(120)


@pytest.fixture
def up(tmp_path: Path, kafka_jars: tuple[Path, ...]) -> Iterator[Up]:
    running = Up(tmp_path / "data")
    yield running
    if running.process and running.process.poll() is None:
        running.process.kill()
        running.process.wait(10)


def test_everything_that_is_killed_comes_back_and_everything_ends_at_the_end(up: Up) -> None:
    up.start("--plan", str(PLAN))
    address = up.state().kafka
    up.comes_back("w1")
    up.comes_back("valkey")
    up.comes_back("kafka")
    assert up.state().kafka == address

    # The supervisor itself: its children end with it, and the next one takes the folder with all that is in it.
    left = up.identities()
    assert up.process is not None
    up.process.kill()
    up.process.wait(10)
    up.start()
    assert not any(is_running(identity) for identity in left)
    assert up.state().kafka == address

    second = subprocess.run(
        [sys.executable, "-m", "console", "up", "--data", str(up.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 78
    assert "runs in" in second.stderr

    running = up.identities()
    assert up.stop() == 0
    assert not any(is_running(identity) for identity in running)
    assert up.state().supervisor is None
