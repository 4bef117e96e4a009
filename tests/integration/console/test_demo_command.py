"""`leadflow demo` as a newcomer types it: it ends well, says what it found, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[3]


def start(scratch: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "TMPDIR": str(scratch), "LEADFLOW_KAFKA": "127.0.0.1:9"}  # nobody's settings count
    return subprocess.Popen(
        [sys.executable, "-m", "console", "demo", *arguments],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_running(scratch: Path) -> list[str]:
    """Return the processes whose command or environment names the demo's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(scratch) in " ".join(process.cmdline()) or str(scratch) in process.environ().get(
                "LEADFLOW_DATA", ""
            ):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def test_the_demo_ends_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = start(tmp_path, "--leads", "400", "--seed", "3")
    said, _ = demo.communicate(timeout=200)
    assert demo.returncode == 0, said
    assert re.search(r"killed at lead 200: 0 lost, 0 sold twice, 0 over cap, \d+ caps? exactly full", said)
    assert "Tuesday, 2 June 2026, 17:00 UTC" in said
    for line in ("SunCo Inc", "received", "margin", "left unsold", "a duplicate", "an unsold lead"):
        assert line in said
    assert said.rstrip().splitlines()[-2].endswith("./leadflow demo --keep")
    assert max(map(len, said.splitlines())) <= 80
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    demo = start(tmp_path, "--leads", "400")
    assert demo.stdout is not None
    for line in demo.stdout:
        if "workers are ready" in line:
            break
    assert left_running(tmp_path)
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
